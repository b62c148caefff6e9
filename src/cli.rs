//! The command line, as types.

mod backup;
mod diff;
mod exporter;
mod logs;
mod off_site;
mod open;
mod phases;
mod place;
mod shell;

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub use backup::{BackupArgs, BackupCommand, FetchArgs, PlaceArgs, RestoreArgs, VerifyArgs, WantedArgs};
pub use diff::DiffArgs;
pub use exporter::ExporterArgs;
pub use logs::LogsArgs;
pub use off_site::{OffSiteArgs, OffSiteCommand};
pub use open::OpenArgs;
pub use phases::PhasesArgs;
pub use place::{AnyEnvironmentArgs, ClusterArgs, EnvironmentArgs, InClusterArgs};
pub use shell::{CompletionsArgs, ManArgs};

use crate::rehearsal::scenario::Scenario;
use crate::render::Phase;
use crate::report::{Answer, Color, Output};
use crate::watchdog::System;

/// Deploys the KeyBoss shop to Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "keyboss", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Log more to stderr (-v, -vv); RUST_LOG says it in detail.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,

    /// Whether to use colours; auto: on a terminal, and as NO_COLOR and CLICOLOR_FORCE say.
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto", global = true)]
    pub color: Color,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Apply all eight phases, waiting until each is really ready.
    Deploy(DeployArgs),
    /// Do the same on a cluster simulated inside this process, with failures to order; no cluster is needed.
    Rehearse(RehearseArgs),
    /// Show what a deploy would change; exits with 0 for nothing, 1 for changes, 2 for an error.
    Diff(DiffArgs),
    /// Go back to the last release that succeeded before the current one.
    Rollback(RollbackArgs),
    /// List the releases of an environment, the newest first; or show one.
    History(HistoryArgs),
    /// Say how the shop stands: the release in place, who leads, and what every workload lacks.
    Status(WatchedArgs),
    /// Say whether a deploy would work, before it is tried, and what to do where it would not.
    Doctor(StatusArgs),
    /// Show what a workload's pods have written, and what they write next.
    Logs(LogsArgs),
    /// Lead a port of this machine to the shop, its dashboard or its monitoring; or list them.
    Open(OpenArgs),
    /// Say who holds the lock of an environment, and break it, if you know that its holder is dead.
    Unlock(ConfirmedArgs),
    /// Take a backup of the database, list them, verify, restore or fetch one.
    Backup(BackupArgs),
    /// Print the objects of a deploy as YAML, secrets masked; no cluster is needed.
    Render(RenderArgs),
    /// Make the standby of PostgreSQL primary, or the replica of Redis master, while both are well.
    Failover(FailoverArgs),
    /// Fail PostgreSQL and Redis over when a pod is lost; runs in the cluster.
    Watchdog(WatchdogArgs),
    /// Probe the shop and publish Prometheus' metrics of it; runs in the cluster.
    Exporter(ExporterArgs),
    /// Copy the dumps to an S3-compatible store, list the copies, bring one back; runs in the cluster.
    OffSite(OffSiteArgs),
    /// Print the completions of a shell: bash, zsh, fish, elvish or powershell.
    Completions(CompletionsArgs),
    /// Print the manual page.
    #[command(hide = true)]
    Man(ManArgs),
}

impl Command {
    /// How it shows what happens.
    pub fn output(&self) -> Output {
        match self {
            Self::Deploy(arguments) => arguments.run.output,
            Self::Rehearse(arguments) => arguments.run.output,
            Self::Rollback(arguments) => arguments.output,
            _ => Output::Auto,
        }
    }
}

/// Arguments of `keyboss rollback`.
#[derive(Args, Debug)]
pub struct RollbackArgs {
    /// Which environment.
    #[command(flatten)]
    pub environment: AnyEnvironmentArgs,

    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,

    /// The release to go back to.
    #[arg(long, value_name = "RELEASE")]
    pub to: Option<u64>,

    /// Do not ask.
    #[arg(long)]
    pub yes: bool,

    /// How long it may take (900, 900s, 15m, 1h).
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = duration)]
    pub timeout: Duration,

    /// What to print.
    #[arg(long, value_enum, default_value = "auto")]
    pub output: Output,
}

/// Arguments of `keyboss deploy`.
#[derive(Args, Debug)]
pub struct DeployArgs {
    /// Which environment.
    #[command(flatten)]
    pub environment: EnvironmentArgs,

    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,

    /// How.
    #[command(flatten)]
    pub run: RunArgs,

    /// Ask the server what would change, and write nothing.
    #[arg(long)]
    pub dry_run: bool,

    /// Show what changes, and ask before it is done; refused if something else would be changed by then.
    #[arg(long, group = "asks", conflicts_with_all = ["dry_run", "adopt", "resume"])]
    pub diff: bool,

    /// Do exactly what `keyboss diff --save` has kept in this file, or refuse: with the same options as that.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["diff", "dry_run", "adopt", "resume", "reset"])]
    pub plan: Option<PathBuf>,

    /// With --reset: take a backup before anything is deleted, and delete nothing if that fails.
    #[arg(long, requires = "reset", conflicts_with_all = ["with_backups", "dry_run"])]
    pub backup_first: bool,
}

/// Arguments of `keyboss rehearse`.
#[derive(Args, Debug)]
pub struct RehearseArgs {
    /// Which environment.
    #[command(flatten)]
    pub environment: EnvironmentArgs,

    /// What goes wrong; may be repeated. `--fail list` shows what can.
    #[arg(long, value_name = "FAILURE", value_parser = failure)]
    pub fail: Vec<Scenario>,

    /// Begin with a copy of what lives in the namespace of the kubeconfig's cluster, which is only read.
    #[arg(long)]
    pub from_cluster: bool,

    /// Let time pass as it does, instead of skipping what is only waiting.
    #[arg(long)]
    pub real_time: bool,

    /// Which cluster is copied.
    #[command(flatten)]
    pub cluster: ClusterArgs,

    /// How.
    #[command(flatten)]
    pub run: RunArgs,
}

/// How a deploy runs, a rehearsed one too.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// How long the whole deploy may take (900, 900s, 15m, 1h).
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = duration)]
    pub timeout: Duration,

    /// Which phases.
    #[command(flatten)]
    pub phases: PhasesArgs,

    /// Leave everything as a failure left it, to be looked at.
    #[arg(long)]
    pub no_rollback: bool,

    /// Go on from a release that was broken off, instead of rolling it back first.
    #[arg(long)]
    pub resume: bool,

    /// Delete what earlier releases had and this one has not (never data, secrets or namespaces).
    #[arg(long)]
    pub prune: bool,

    /// Take over what an older script has deployed by `kubectl apply`: secrets, data and addresses stay.
    #[arg(long)]
    pub adopt: bool,

    /// Delete everything that keyboss manages in the namespace first, its data too; then deploy from nothing.
    #[arg(long, group = "asks", conflicts_with_all = ["from", "only", "resume"])]
    pub reset: bool,

    /// With --reset: delete the backups as well.
    #[arg(long, requires = "reset")]
    pub with_backups: bool,

    /// With --reset or --diff: do not ask.
    #[arg(long, requires = "asks")]
    pub yes: bool,

    /// A YAML file of secret values, KEY: text, that only you may read.
    #[arg(long, value_name = "FILE")]
    pub secrets_file: Option<PathBuf>,

    /// What to print.
    #[arg(long, value_enum, default_value = "auto")]
    pub output: Output,
}

/// Arguments of `keyboss history`.
#[derive(Args, Debug)]
pub struct HistoryArgs {
    /// The release to show; without it all are listed.
    #[arg(value_name = "RELEASE")]
    pub release: Option<u64>,

    /// Of what.
    #[command(flatten)]
    pub of: StatusArgs,
}

/// Arguments of `keyboss status`.
#[derive(Args, Debug)]
pub struct WatchedArgs {
    /// Of what.
    #[command(flatten)]
    pub of: StatusArgs,

    /// Say it again whenever something changes, until Ctrl-C; in a terminal in place.
    #[arg(long)]
    pub watch: bool,

    /// With --watch: how often it is looked, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, requires = "watch", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub interval: u64,
}

/// What is looked at, and how it is told: arguments of `keyboss status`, `keyboss doctor` and `keyboss history`.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// Which environment.
    #[command(flatten)]
    pub environment: EnvironmentArgs,

    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,

    /// What to print.
    #[arg(long, value_enum, default_value = "auto")]
    pub output: Answer,
}

/// What is written to outside of a deploy, and whether a person is asked first.
#[derive(Args, Debug)]
pub struct ConfirmedArgs {
    /// Which environment.
    #[command(flatten)]
    pub environment: EnvironmentArgs,

    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,

    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `keyboss failover`.
#[derive(Args, Debug)]
pub struct FailoverArgs {
    /// What is to fail over.
    #[arg(value_name = "SYSTEM")]
    pub system: System,

    /// Where.
    #[command(flatten)]
    pub place: ConfirmedArgs,
}

/// Arguments of `keyboss render`.
#[derive(Args, Debug)]
pub struct RenderArgs {
    /// Which environment.
    #[command(flatten)]
    pub environment: EnvironmentArgs,

    /// This phase only (name or number).
    #[arg(long, value_name = "PHASE")]
    pub phase: Option<Phase>,
}

/// `--fail list`: a question instead of a failure.
#[derive(Debug, thiserror::Error)]
#[error("a list of failures is asked for")]
struct ListOfFailures;

/// Whether the command line was not understood only because it asks, with `--fail list`, what can fail.
pub fn asks_for_failures(error: &clap::Error) -> bool {
    error.source().is_some_and(|source| source.is::<ListOfFailures>())
}

fn failure(text: &str) -> Result<Scenario, Box<dyn Error + Send + Sync>> {
    match text {
        "list" => Err(Box::new(ListOfFailures)),
        text => Ok(text.parse()?),
    }
}

/// Arguments of `keyboss watchdog`.
#[derive(Args, Debug)]
pub struct WatchdogArgs {
    /// Who this is among the watchdogs: the pod's name.
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    pub identity: String,

    /// Which namespace, and with which credentials.
    #[command(flatten)]
    pub place: InClusterArgs,

    /// Where /healthz and /metrics are served.
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,

    /// How often a server is asked; it may take three quarters of that to answer (milliseconds).
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    pub probe_interval: u64,

    /// So many probes in a row have to fail.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub failures: u32,

    /// Another watchdog may lead that long after the leader's last renewal (seconds).
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(5..=600))]
    pub lease: u64,

    /// The password of the PostgreSQL role `watchdog`.
    #[arg(long, env = "WATCHDOG_PASSWORD", hide_env_values = true, value_name = "PASSWORD", hide = true)]
    pub postgres_password: String,
}

/// A number of seconds, or a number with s, m or h.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((index, 's')) => (&text[..index], 1),
        Some((index, 'm')) => (&text[..index], 60),
        Some((index, 'h')) => (&text[..index], 3600),
        _ => (text, 1),
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).filter(|seconds| *seconds > 0);
    seconds.map(Duration::from_secs).ok_or_else(|| format!("{text:?} is not a time such as 90s, 15m or 1h"))
}
