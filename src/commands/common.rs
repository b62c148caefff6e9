//! What several commands have in common.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::author::{author, commit};
use super::supplied::supplied;
use crate::cli::{ClusterArgs, EnvironmentArgs, RunArgs};
use crate::cluster::{Clock, choose, connect};
use crate::environment::{Environment, Project};
use crate::pipeline::{Ending, Events, Options, Refused, Request, Selection, begin, check_context, deploy};
use crate::render::{Plan, plan};
use crate::report::Redactor;

/// The exit code of what failed (RULES.md D).
pub const FAILED: u8 = 1;
/// That of what could be put back in part only.
pub const INCOMPLETE: u8 = 3;
/// That of a deploy that was told to stop.
pub const INTERRUPTED: u8 = 130;

/// Where environments and manifests come from.
///
/// # Errors
/// When the folder is no project.
pub fn project(folder: Option<&Path>) -> Result<Project> {
    folder.map_or(Ok(Project::BuiltIn), Project::folder)
}

/// The environment and its plan, from the command line.
///
/// # Errors
/// What is wrong in an environment, a `--set` or a manifest.
pub fn rendered(arguments: &EnvironmentArgs) -> Result<(Environment, Plan)> {
    let project = project(arguments.project.as_deref())?;
    let environment = Environment::load(&project, arguments.name(), &arguments.set)?;
    let plan = plan(&project, &environment)?;
    Ok((environment, plan))
}

/// What is asked of a cluster: an environment of the command line, the secret values supplied for it, and some phases.
/// Supplied values are masked from here on.
///
/// # Errors
/// What is wrong on the command line, in a file, or with the way to the cluster; nothing was asked of the server.
pub async fn request(
    environment: &EnvironmentArgs,
    cluster: &ClusterArgs,
    secrets: Option<&Path>,
    (selection, adopts): (Selection, bool),
    redactor: &Redactor,
) -> Result<Request> {
    let supplied = supplied(secrets)?;
    supplied.values().for_each(|value| redactor.add(value));
    let (environment, plan) = rendered(environment)?;
    let context = choose(cluster.kubeconfig.as_deref(), cluster.context.as_deref())?;
    check_context(&environment, &context)?;
    let connection = connect(&context).await?;
    Ok(Request { environment, plan, context, connection, supplied, selection, adopts, clock: Clock::start() })
}

/// How a deploy is run, from the command line.
pub fn options(run: &RunArgs, environment: &EnvironmentArgs) -> Options {
    Options {
        commit: commit(environment.project.as_deref()),
        rolls_back: !run.no_rollback,
        prunes: run.prune,
        ..Options::new(run.timeout, author())
    }
}

/// Prepares and deploys; what an earlier run broke off comes first.
///
/// # Errors
/// Why nothing was touched.
pub async fn transact(
    request: Request,
    mut options: Options,
    resumes: bool,
    redactor: &Redactor,
    events: &Events,
) -> Result<Ending, Refused> {
    let mask = |secret: &str| redactor.add(secret);
    let prepared = begin(request, &mut options, resumes, &mask, events).await?;
    deploy(prepared, &options, events).await
}

/// How a deploy ended, as an exit code.
pub fn exit_code(ending: Ending) -> ExitCode {
    match ending {
        Ending::Done => ExitCode::SUCCESS,
        Ending::Failed => ExitCode::from(FAILED),
        Ending::Incomplete => ExitCode::from(INCOMPLETE),
        Ending::Interrupted => ExitCode::from(INTERRUPTED),
    }
}
