//! `keyboss deploy`.

use std::process::ExitCode;

use anyhow::Result;

use super::common::{exit_code, rendered, started};
use super::supplied::supplied;
use crate::cli::DeployArgs;
use crate::cluster::{choose, connect};
use crate::pipeline::{Events, Request, check_context, deploy, prepare, preview};
use crate::report::{self, Redactor};

/// Deploys an environment; the exit code is 0 (done) or 1 (failed).
///
/// # Errors
/// Why nothing was touched (exit code 2).
pub async fn run(arguments: DeployArgs, redactor: Redactor) -> Result<ExitCode> {
    let run = arguments.run;
    let supplied = supplied(run.secrets_file.as_deref())?;
    supplied.values().for_each(|value| redactor.add(value));
    let (environment, plan) = rendered(&arguments.environment)?;
    let context = choose(arguments.cluster.kubeconfig.as_deref(), arguments.cluster.context.as_deref())?;
    check_context(&environment, &context)?;
    let connection = connect(&context).await?;
    let request = Request { environment, plan, context, connection, supplied, selection: run.selection() };
    let prepared = prepare(request).await?;
    prepared.secrets.iter().for_each(|value| redactor.add(value));

    let (events, receiver) = Events::channel();
    let reporter = tokio::spawn(report::run(run.output, redactor, receiver));
    events.emit(started(&prepared, arguments.dry_run, false));
    prepared.notices.iter().for_each(|notice| events.notice(None, notice));
    let succeeded = match arguments.dry_run {
        true => preview(&prepared, &events).await,
        false => deploy(prepared, run.timeout, &events).await,
    };
    drop(events);
    reporter.await?;
    Ok(exit_code(succeeded))
}
