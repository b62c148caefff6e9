//! `keyboss completions` and `keyboss man`.

use anyhow::{Context, Result};
use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::report::print;

/// Prints a shell's completions.
///
/// # Errors
/// When stdout cannot be written.
pub fn completions(arguments: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "keyboss", &mut script);
    Ok(print(&String::from_utf8(script)?)?)
}

/// Prints the program's manual page, or writes those of every command into a folder.
///
/// # Errors
/// When they cannot be written.
pub fn man(arguments: &ManArgs) -> Result<()> {
    if let Some(folder) = &arguments.out {
        return clap_mangen::generate_to(Cli::command(), folder)
            .with_context(|| format!("the pages cannot be written into {}", folder.display()));
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    Ok(print(&String::from_utf8(page)?)?)
}
