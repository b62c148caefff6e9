//! `--reset`: what it deletes is told, and a person has to agree, before a deploy begins from nothing.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Result, bail};

use super::common::transact;
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
    if run.yes || !reset.is_loss() {
        return Ok(());
    }
    ask(reset.namespace(), &mut io::stdin().lock(), &mut io::stderr())
}

/// Wants the namespace's name typed.
fn ask(namespace: &str, typed: &mut impl BufRead, out: &mut impl Write) -> Result<()> {
    write!(out, "type the namespace's name to delete all this: ")?;
    out.flush()?;
    let mut line = String::new();
    typed.read_line(&mut line)?;
    if line.trim() != namespace {
        bail!("the answer is not {namespace}, the namespace's name: nothing is deleted");
    }
    Ok(())
}

/// Deletes what there is, then deploys to nothing.
///
/// # Errors
/// Why nothing was touched; or, after the reset, why the deploy cannot begin.
pub async fn renew(
    reset: &Reset,
    request: Request,
    options: Options,
    rehearsal: bool,
    redactor: &Redactor,
    events: &Events,
) -> Result<Ending, Refused> {
    match reset.run(&options, events).await? {
        Ending::Done => transact(request, options, false, rehearsal, redactor, events).await,
        ended => Ok(ended),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_namespaces_name_is_a_yes() {
        for (typed, is_yes) in [
            ("keyboss\n", true),
            ("  keyboss", true),
            ("y\n", false),
            ("yes\n", false),
            ("", false),
            ("\nkeyboss\n", false),
            ("Keyboss\n", false),
            ("keyboss-2\n", false),
        ] {
            let mut out = Vec::new();
            let answer = ask("keyboss", &mut typed.as_bytes(), &mut out);
            assert_eq!(answer.is_ok(), is_yes, "{typed:?}");
            assert!(String::from_utf8(out).unwrap().contains("namespace's name"));
            if let Err(error) = answer {
                assert!(error.to_string().contains("nothing is deleted"), "{error}");
            }
        }
    }
}
