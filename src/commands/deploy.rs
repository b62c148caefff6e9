//! `keyboss deploy`.

use std::process::ExitCode;

use anyhow::Result;

use super::common::{exit_code, options, rendered, transact};
use super::interrupt::listen;
use super::reset;
use super::supplied::supplied;
use crate::cli::DeployArgs;
use crate::cluster::{Clock, choose, connect};
use crate::pipeline::{Ending, Events, Refused, Request, check_context, prepare, preview};
use crate::report::{self, Redactor};

/// Deploys an environment; the exit code says how it ended (RULES.md D).
///
/// # Errors
/// Why nothing was touched (exit code 2).
pub async fn run(arguments: DeployArgs, redactor: Redactor) -> Result<ExitCode> {
    let run = &arguments.run;
    if run.reset && !arguments.dry_run {
        reset::check_consent(run)?;
    }
    let supplied = supplied(run.secrets_file.as_deref())?;
    supplied.values().for_each(|value| redactor.add(value));
    let (environment, plan) = rendered(&arguments.environment)?;
    let context = choose(arguments.cluster.kubeconfig.as_deref(), arguments.cluster.context.as_deref())?;
    check_context(&environment, &context)?;
    let connection = connect(&context).await?;
    let (selection, clock) = (run.selection(), Clock::start());
    let request = Request { environment, plan, context, connection, supplied, selection, adopts: run.adopt, clock };
    let options = options(run, &arguments.environment);

    let reset = match run.reset {
        true => Some(reset::plan(request.clone(), run, &redactor).await?),
        false => None,
    };
    match &reset {
        Some(_) if arguments.dry_run => return Ok(ExitCode::SUCCESS),
        Some(reset) => {
            reset::agree(reset, run)?;
            reset::back_up(reset, &request, &arguments, &redactor).await?;
        }
        None => {}
    }

    let (events, receiver) = Events::channel();
    let reporter = tokio::spawn(report::run(run.output, redactor.clone(), receiver));
    let listening = listen(options.stop.clone(), &events)?;
    let ending = match reset {
        _ if arguments.dry_run => look(request, &redactor, &events).await,
        Some(reset) => reset::renew(&reset, request, options, &redactor, &events).await,
        None => transact(request, options, run.resume, &redactor, &events).await,
    };
    drop((events, listening));
    reporter.await?;
    Ok(exit_code(ending?))
}

/// What a deploy would change.
async fn look(request: Request, redactor: &Redactor, events: &Events) -> Result<Ending, Refused> {
    let prepared = prepare(request).await?;
    prepared.secrets.iter().for_each(|value| redactor.add(value));
    Ok(if preview(&prepared, events).await { Ending::Done } else { Ending::Failed })
}
