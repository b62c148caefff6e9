//! What several commands have in common.

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::EnvironmentArgs;
use crate::environment::{Environment, Project};
use crate::pipeline::{Event, Prepared, Started};
use crate::render::{Phase, Plan, plan};

/// The exit code of a deploy that failed.
const FAILED: u8 = 1;

/// The environment and its plan, from the command line.
///
/// # Errors
/// What is wrong in an environment, a `--set` or a manifest.
pub fn rendered(arguments: &EnvironmentArgs) -> Result<(Environment, Plan)> {
    let project = match &arguments.project {
        Some(folder) => Project::folder(folder)?,
        None => Project::BuiltIn,
    };
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

/// How a deploy ended, as an exit code: 0 (done) or 1 (failed).
pub fn exit_code(succeeded: bool) -> ExitCode {
    if succeeded { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}
