//! `keyboss rehearse`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::common::{exit_code, options, rendered, transact};
use super::copied::copied;
use super::reset::renew;
use super::supplied::supplied;
use crate::cli::{RehearseArgs, RunArgs};
use crate::pipeline::{Ending, Event, Events, Options, Refused, Request, Reset};
use crate::rehearsal::controllers::Controllers;
use crate::rehearsal::references::{self, Existing};
use crate::rehearsal::retold::retold;
use crate::rehearsal::scenario;
use crate::rehearsal::stage::{Stage, supply_keys};
use crate::render::Phase;
use crate::report::{self, Redactor};

/// Deploys an environment to a cluster that is simulated inside this process. The exit code is that of a deploy; 1 too
/// where something is found that a deploy would not tell.
///
/// # Errors
/// Why a deploy would touch nothing (exit code 2).
pub async fn run(arguments: RehearseArgs, redactor: Redactor) -> Result<ExitCode> {
    let run = &arguments.run;
    if !arguments.from_cluster && (arguments.cluster.context.is_some() || arguments.cluster.kubeconfig.is_some()) {
        bail!("--context and --kubeconfig say which cluster is copied; add --from-cluster");
    }
    let mut supplied = supplied(run.secrets_file.as_deref())?;
    supplied.values().for_each(|value| redactor.add(value));
    let (mut environment, plan) = rendered(&arguments.environment)?;
    let findings = references::check(&plan, &environment.values.storage, &Existing::of(&environment));
    let copied = match arguments.from_cluster {
        true => {
            Some(copied(&arguments.cluster, &environment, &plan, &supplied, run.phases.selection(), run.adopt).await?)
        }
        false => {
            supply_keys(&plan, &mut supplied);
            None
        }
    };
    if !arguments.real_time {
        tokio::time::pause();
    }
    let Stage { face, context } = Stage::set(&mut environment, &plan, copied);
    let orders = scenario::order(&arguments.fail, &plan, &face)?;
    let connection = face.connection(&environment.values.namespace)?;
    let _controllers = Controllers::with(&face, orders.ailments);
    let (selection, clock) = (run.phases.selection(), face.clock());
    let request = Request { environment, plan, context, connection, supplied, selection, adopts: run.adopt, clock };

    let (events, receiver) = Events::channel();
    let reporter = tokio::spawn(report::run(run.output, redactor.clone(), receiver));
    let options = Options { commit: None, rehearsal: true, ..options(run, &arguments.environment) };
    let outcome = rehearse(request, &options, run, orders.kill, &redactor, &events).await;
    findings.iter().for_each(|finding| events.notice(None, format!("a deploy would not tell: {finding}")));
    drop(events);
    reporter.await?;
    let ending = outcome?;
    Ok(exit_code(if ending == Ending::Done && !findings.is_empty() { Ending::Failed } else { ending }))
}

/// Deploys; once more where the first deploy is killed, when its lock has expired.
async fn rehearse(
    request: Request,
    options: &Options,
    run: &RunArgs,
    kill: Option<Phase>,
    redactor: &Redactor,
    events: &Events,
) -> Result<Ending> {
    let killed = Arc::new(Notify::new());
    let (told, relay) = retell(events.clone(), kill, Arc::clone(&killed));
    let lock = Duration::from_secs(request.environment.values.lock.duration_seconds);
    let ending = loop {
        tokio::select! {
            biased;
            () = killed.notified() => {
                told.notice(kill, "keyboss is killed, as ordered (--fail kill), and run again when its lock has expired");
            }
            ending = once(request.clone(), options.clone(), run, redactor, &told) => break ending,
        }
        tokio::time::sleep(lock + Duration::from_secs(1)).await;
    };
    drop(told);
    relay.await?;
    Ok(ending?)
}

/// What a deploy does. Nobody is asked before a reset: nothing is lost.
async fn once(
    request: Request,
    options: Options,
    run: &RunArgs,
    redactor: &Redactor,
    events: &Events,
) -> Result<Ending, Refused> {
    if !run.reset {
        return transact(request, options, run.resume, redactor, events).await;
    }
    let reset = Reset::plan(request.clone(), run.with_backups).await?;
    events.emit(reset.planned());
    renew(&reset, request, options, redactor, events).await
}

/// Passes events on, as a rehearsal tells them; says once when the phase is under way in which keyboss is killed.
fn retell(events: Events, mut kill: Option<Phase>, killed: Arc<Notify>) -> (Events, JoinHandle<()>) {
    let (raw, mut receiver) = Events::channel();
    let relay = tokio::spawn(async move {
        while let Some(event) = receiver.recv().await {
            if matches!(event, Event::Applied { phase, .. } if kill == Some(phase)) {
                kill = None;
                killed.notify_one();
            }
            events.emit(retold(event));
        }
    });
    (raw, relay)
}
