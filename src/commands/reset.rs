//! `--reset`: what it deletes is told, and a person has to agree, before a deploy begins from nothing.

use std::io::{self, IsTerminal};

use anyhow::{Result, bail};

use super::common::transact;
use super::confirm::confirm;
use crate::cli::RunArgs;
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
