//! What `keyboss diff` is asked.

use std::path::PathBuf;

use clap::Args;

use super::{ClusterArgs, EnvironmentArgs, PhasesArgs};
use crate::report::Answer;
use crate::report::diff::Color;

/// Arguments of `keyboss diff`.
#[derive(Args, Debug)]
pub struct DiffArgs {
    /// Which environment.
    #[command(flatten)]
    pub environment: EnvironmentArgs,

    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,

    /// Which phases.
    #[command(flatten)]
    pub phases: PhasesArgs,

    /// What a deploy with --prune would change.
    #[arg(long)]
    pub prune: bool,

    /// A YAML file of secret values, KEY: text, that only you may read.
    #[arg(long, value_name = "FILE")]
    pub secrets_file: Option<PathBuf>,

    /// Keep what was looked at in this file, for `keyboss deploy --plan`. It holds no secret.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,

    /// When to colour.
    #[arg(long, value_enum, default_value = "auto")]
    pub color: Color,

    /// What to print.
    #[arg(long, value_enum, default_value = "auto")]
    pub output: Answer,
}
