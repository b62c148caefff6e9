//! `keyboss deploy`.

use std::process::ExitCode;

use anyhow::Result;

use super::common::rendered;
use super::supplied::supplied;
use crate::cli::DeployArgs;
use crate::cluster::{choose, connect};
use crate::pipeline::{Event, Events, Request, Selection, deploy, prepare, preview};
use crate::render::Phase;
use crate::report::{self, Redactor};

/// The exit code of a deploy that failed.
const FAILED: u8 = 1;

/// Deploys an environment; the exit code is 0 (done) or 1 (failed).
///
/// # Errors
/// Why nothing was touched (exit code 2).
pub async fn run(arguments: DeployArgs, redactor: Redactor) -> Result<ExitCode> {
    let secrets = supplied(arguments.secrets_file.as_deref())?;
    secrets.values().for_each(|value| redactor.add(value));
    let (environment, plan) = rendered(&arguments.environment)?;
    let context = choose(arguments.kubeconfig.as_deref(), arguments.context.as_deref())?;
    crate::pipeline::check_context(&environment, &context)?;
    let connection = connect(&context).await?;
    let server = connection.server.clone();
    let selection = match (arguments.from, arguments.only) {
        (Some(first), _) => Selection::From(first),
        (_, Some(only)) => Selection::Only(only),
        _ => Selection::All,
    };
    let request = Request { environment, plan, context: context.clone(), connection, supplied: secrets, selection };
    let prepared = prepare(request).await?;
    prepared.secrets.iter().for_each(|value| redactor.add(value));

    let (events, receiver) = Events::channel();
    let reporter = tokio::spawn(report::run(arguments.output, redactor, receiver));
    events.emit(Event::DeployStarted {
        environment: prepared.request.environment.name.clone(),
        context: context.context,
        namespace: prepared.cluster.namespace().to_owned(),
        server,
        server_version: prepared.server_version.clone(),
        phases: Phase::ALL.into_iter().filter(|phase| selection.includes(*phase)).collect(),
        dry_run: arguments.dry_run,
    });
    prepared.notices.iter().for_each(|notice| events.notice(None, notice));
    let succeeded = match arguments.dry_run {
        true => preview(&prepared, &events).await,
        false => deploy(prepared, arguments.timeout, &events).await,
    };
    drop(events);
    reporter.await?;
    Ok(if succeeded { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}
