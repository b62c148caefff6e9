//! What several commands have in common.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::author::{author, commit};
use crate::cli::{EnvironmentArgs, RunArgs};
use crate::environment::{Environment, Project};
use crate::pipeline::{Ending, Event, Events, Options, Prepared, Refused, Request, Started, begin, deploy};
use crate::render::{Phase, Plan, plan};
use crate::report::Redactor;

/// Exit codes (RULES.md D).
const FAILED: u8 = 1;
const INCOMPLETE: u8 = 3;
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

/// That a deploy begins, rehearsed or not.
pub fn started(prepared: &Prepared, dry_run: bool, rehearsal: bool) -> Event {
    let request = &prepared.request;
    Event::DeployStarted(Started {
        environment: request.environment.name.clone(),
        context: request.context.context.clone(),
        namespace: prepared.cluster.namespace().to_owned(),
        server: request.connection.server.clone(),
        server_version: prepared.server_version.clone(),
        phases: Phase::ALL.into_iter().filter(|phase| request.selection.includes(*phase)).collect(),
        dry_run,
        rehearsal,
    })
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
    rehearsal: bool,
    redactor: &Redactor,
    events: &Events,
) -> Result<Ending, Refused> {
    let mask = |secret: &str| redactor.add(secret);
    let prepared = begin(request, &mut options, resumes, &mask, events).await?;
    events.emit(started(&prepared, false, rehearsal));
    prepared.notices.iter().for_each(|notice| events.notice(None, notice));
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
