//! The command line of what a shell and `man` want to know of this program.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// Arguments of `keyboss completions`.
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// Arguments of `keyboss man`.
#[derive(Args, Debug)]
pub struct ManArgs {
    /// Write a page for each command into this folder, instead of printing the first one.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}
