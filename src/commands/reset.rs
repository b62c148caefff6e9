//! `--reset`: what it deletes is told, and a person has to agree, before a deploy begins from nothing.

use std::io::{self, IsTerminal};

use anyhow::{Context, Result, bail};

use super::backup::save;
use super::common::transact;
use super::confirm::{accepts, confirm};
use crate::cli::{DeployArgs, RunArgs};
use crate::cluster::{Cluster, serve};
use crate::pipeline::{Ending, Events, Options, Refused, Request, Reset};
use crate::report::{self, Redactor};

/// Refuses a reset that nobody can agree to.
///
/// # Errors
/// Where there is neither a terminal to ask on nor `--yes`.
pub fn check_consent(run: &RunArgs) -> Result<()> {
    if run.yes || io::stdin().is_terminal() {
        return Ok(());
    }
    bail!(
        "--reset deletes data for good, and stdin is no terminal on which you could be asked: add --yes if you mean it; \
         --reset --dry-run shows what would be deleted"
    )
}

/// Plans a reset, and tells what it will delete.
///
/// # Errors
/// Why nothing may be deleted.
pub async fn plan(request: Request, run: &RunArgs, redactor: &Redactor) -> Result<Reset, Refused> {
    let reset = Reset::plan(request, run.with_backups).await?;
    // Shown to its end before anybody is asked: the reporter of the deploy has the terminal to itself.
    let (events, receiver) = Events::channel();
    events.emit(reset.planned());
    drop(events);
    report::run(run.output, redactor.clone(), receiver).await;
    Ok(reset)
}

/// Takes a backup, where it was asked for or a person takes the offer: before anything is lost.
///
/// # Errors
/// When it fails: nothing is to be deleted then.
pub async fn back_up(reset: &Reset, request: &Request, arguments: &DeployArgs, redactor: &Redactor) -> Result<()> {
    let run = &arguments.run;
    let is_offered = reset.is_loss() && !run.yes && !run.with_backups;
    let is_wanted = arguments.backup_first || is_offered && accepts("Take a backup of the database first?")?;
    if !is_wanted {
        return Ok(());
    }
    let kinds =
        [("batch/v1", "CronJob"), ("batch/v1", "Job")].map(|(version, kind)| (version.to_owned(), kind.to_owned()));
    let client = &request.connection.client;
    let served = serve(client, &kinds.into()).await?;
    let saved = save(&Cluster::new(client.clone(), reset.namespace(), served), redactor).await;
    saved.context("the backup has failed, and nothing is deleted; to reset without one, leave it out")
}

/// Asks a person on the terminal, unless `--yes` has answered already or nothing is to be deleted.
///
/// # Errors
/// Where the answer is no.
pub fn agree(reset: &Reset, run: &RunArgs) -> Result<()> {
    if run.yes || !reset.is_loss() || confirm("all this is deleted for good", reset.namespace(), false)? {
        return Ok(());
    }
    bail!("the answer is not {}, the namespace's name: nothing is deleted", reset.namespace())
}

/// Deletes what there is, then deploys to nothing.
///
/// # Errors
/// Why nothing was touched; or, after the reset, why the deploy cannot begin.
pub async fn renew(
    reset: &Reset,
    request: Request,
    options: Options,
    redactor: &Redactor,
    events: &Events,
) -> Result<Ending, Refused> {
    match reset.run(&options, events).await? {
        Ending::Done => transact(request, options, false, redactor, events).await,
        ended => Ok(ended),
    }
}
