//! `keyboss deploy`.

use std::process::ExitCode;

use anyhow::Result;

use super::common::{exit_code, options, request, transact};
use super::interrupt::{listen, shown};
use super::{diff, reset};
use crate::cli::DeployArgs;
use crate::pipeline::{Ending, Events, Options, Refused, Request, prepare, preview};
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
    let planned = arguments.plan.as_deref().map(diff::read).transpose()?;
    let DeployArgs { environment, cluster, .. } = &arguments;
    let how = (run.phases.selection(), run.adopt);
    let request = request(environment, cluster, run.secrets_file.as_deref(), how, &redactor).await?;
    let planned = if arguments.diff { diff::agreed(request.clone(), run, &redactor).await? } else { planned };
    let options = Options { planned, ..options(run, environment) };

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
    let listening = listen(options.stop.clone(), &events, reporter.abort_handle())?;
    let ending = match reset {
        _ if arguments.dry_run => look(request, &redactor, &events).await,
        Some(reset) => reset::renew(&reset, request, options, &redactor, &events).await,
        None => transact(request, options, run.resume, &redactor, &events).await,
    };
    drop((events, listening));
    shown(reporter).await?;
    Ok(exit_code(ending?))
}

/// What a deploy would change.
async fn look(request: Request, redactor: &Redactor, events: &Events) -> Result<Ending, Refused> {
    let prepared = prepare(request).await?;
    prepared.secrets.iter().for_each(|value| redactor.add(value));
    Ok(if preview(&prepared, events).await { Ending::Done } else { Ending::Failed })
}
