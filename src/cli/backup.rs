//! The command line of backups.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::StatusArgs;
use super::place::{ClusterArgs, EnvironmentArgs};

/// Arguments of `keyboss backup`.
#[derive(Args, Debug)]
pub struct BackupArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: BackupCommand,
}

/// The subcommands of `keyboss backup`.
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// Take one now, as the daily one is taken.
    Now(PlaceArgs),
    /// List those on the volume, the newest first.
    List(StatusArgs),
    /// Say which moments the archive of the write-ahead log can restore (backup.pointInTime).
    Span(StatusArgs),
    /// Restore one into a PostgreSQL server of its own, and compare it with its manifest.
    Verify(VerifyArgs),
    /// Replace the shop's database by one, or by what it was at a moment; or restore that into a new database beside it.
    Restore(RestoreArgs),
    /// Put back what a restore did that was broken off, and start the shop.
    Undo(PlaceArgs),
    /// Bring one to this machine.
    Fetch(FetchArgs),
}

/// Where.
#[derive(Args, Debug)]
pub struct PlaceArgs {
    /// Which environment.
    #[command(flatten)]
    pub environment: EnvironmentArgs,

    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// Arguments of `keyboss backup verify`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// The backup; by default the newest.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,

    /// Where.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// What is restored: one of these.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct WantedArgs {
    /// The backup.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,

    /// Instead of a backup: the database as it was at this moment, such as 2026-01-02T10:00:00Z (keyboss backup span).
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub at: Option<Timestamp>,
}

/// Arguments of `keyboss backup restore`.
#[derive(Args, Debug)]
pub struct RestoreArgs {
    /// What.
    #[command(flatten)]
    pub wanted: WantedArgs,

    /// Leave the shop's database alone, and create this one; it must not be there yet.
    #[arg(long, value_name = "DATABASE")]
    pub to: Option<String>,

    /// Do not ask.
    #[arg(long)]
    pub yes: bool,

    /// Where.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Arguments of `keyboss backup fetch`.
#[derive(Args, Debug)]
pub struct FetchArgs {
    /// The backup.
    #[arg(value_name = "NAME")]
    pub name: String,

    /// The file to write, gzipped SQL; it must not be there yet.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Where.
    #[command(flatten)]
    pub place: PlaceArgs,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "it is no moment with its offset from UTC, such as 2026-01-02T10:00:00Z".to_owned())
}
