//! The command line of `keyboss open`.

use clap::Args;

use super::{ClusterArgs, EnvironmentArgs};
use crate::forward::What;

/// Arguments of `keyboss open`.
#[derive(Args, Debug)]
pub struct OpenArgs {
    /// What; without it everything that can be opened is listed.
    #[arg(value_name = "WHAT")]
    pub what: Option<What>,

    /// The port of this machine; by default one that is free.
    #[arg(long, value_name = "N", requires = "what", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,

    /// Start no browser.
    #[arg(long)]
    pub no_browser: bool,

    /// Which environment.
    #[command(flatten)]
    pub environment: EnvironmentArgs,

    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}
