//! `keyboss unlock`.

use anyhow::{Result, bail};

use super::confirm::confirm;
use super::reach::reach;
use crate::cli::ConfirmedArgs;
use crate::cluster::Clock;
use crate::pipeline::{break_locks, held};
use crate::release::Journal;
use crate::report::{Redactor, print_lines};

/// Says who holds the lock of an environment's namespace, and breaks it if that is confirmed.
///
/// # Errors
/// When it cannot be read, is not to be broken, or its holder turns out to be alive (exit code 2).
pub async fn run(arguments: ConfirmedArgs, redactor: Redactor) -> Result<()> {
    let clock = Clock::start();
    let reached = reach(&arguments.environment, &arguments.cluster).await?;
    reached.check_expected()?;
    let (cluster, namespace) = (&reached.cluster, reached.cluster.namespace());
    let held = reached.told("the lock cannot be read", held(cluster).await)?;
    if held.is_empty() {
        return Ok(print_lines(&[format!("nobody holds the lock of namespace {namespace}")], &redactor)?);
    }
    let journals = reached.told("the releases cannot be listed", cluster.journals().await)?;
    let mut lines: Vec<String> =
        held.iter().map(|held| format!("namespace {namespace}: {}", held.words(&clock))).collect();
    lines.push(consequence(&journals));
    print_lines(&lines, &redactor)?;
    if !confirm("this breaks the lock", "yes", arguments.yes)? {
        bail!("not confirmed: the lock stays as it is");
    }
    break_locks(cluster, &held).await?;
    Ok(print_lines(&[format!("the lock of namespace {namespace} is broken")], &redactor)?)
}

/// What becomes of what the holder was doing.
fn consequence(journals: &[Journal]) -> String {
    let unfinished: Vec<String> = journals
        .iter()
        .filter(|journal| journal.is_unfinished())
        .map(|journal| format!("release {}", journal.release))
        .collect();
    match unfinished.is_empty() {
        true => "no release is unfinished".to_owned(),
        false => format!(
            "{} is unfinished: the next deploy rolls it back first, or goes on from it with --resume",
            unfinished.join(", ")
        ),
    }
}
