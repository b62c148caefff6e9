//! `keyboss diff`, and what of it `keyboss deploy` does first.

use std::fs::{OpenOptions, Permissions, read_to_string};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::common::request;
use super::confirm::confirm;
use crate::cli::{DiffArgs, RunArgs};
use crate::diff::Comparison;
use crate::pipeline::{Planned, Prepared, Refused, Request, Survey, ask, prepare, prepare_to_look};
use crate::report::diff::{Color, json, print_diff};
use crate::report::{Answer, Output, Redactor, note, print_json};

/// The exit code where something would change, as that of diff(1).
const CHANGES: u8 = 1;
/// Only the owner may read or write it.
const PRIVATE: u32 = 0o600;

/// Shows what a deploy would change. It writes nothing to the cluster, and takes no lock. The exit code says whether
/// anything would change.
///
/// # Errors
/// Why no deploy could begin, or what the server would not take; that a plan cannot be saved (exit code 2).
pub async fn run(arguments: DiffArgs, redactor: Redactor) -> Result<ExitCode> {
    let DiffArgs { environment, cluster, phases, prune, secrets_file, save, color, output } = &arguments;
    let how = (phases.selection(), false);
    let request = request(environment, cluster, secrets_file.as_deref(), how, &redactor).await?;
    let (prepared, standing) = prepare_to_look(request).await?;
    let (survey, mut comparison) = compared(&prepared, *prune, &redactor).await;
    comparison.notices.extend(standing.clone());
    match output {
        Answer::Json => print_json(vec![of(&prepared, &comparison)], &redactor)?,
        Answer::Auto => {
            comparison.notices.iter().for_each(|notice| note(notice, &redactor));
            print_diff(&comparison, *color, &redactor)?;
        }
    }
    refuse(&comparison)?;
    if let Some(file) = save {
        if let Some(words) = standing {
            bail!("no plan can be saved now: {words}");
        }
        let planned = Planned::of(&prepared, &survey, &prepared.live, *prune).await?;
        write(file, &planned.write()?).with_context(|| format!("--save {}", file.display()))?;
    }
    Ok(if comparison.is_change() { ExitCode::from(CHANGES) } else { ExitCode::SUCCESS })
}

/// Shows what a deploy changes, and asks; the plan that was agreed to. Where nothing changes nobody is asked, and there is
/// no plan.
///
/// # Errors
/// Why no deploy can begin, or that nobody agrees.
pub async fn agreed(request: Request, run: &RunArgs, redactor: &Redactor) -> Result<Option<Planned>> {
    let prepared = prepare(request).await?;
    if let Some(words) = prepared.unfinished() {
        return Err(Refused::because(words).into());
    }
    let (survey, comparison) = compared(&prepared, run.prune, redactor).await;
    match run.output {
        Output::Json => {
            let mut line = serde_json::Map::new();
            line.insert("time".to_owned(), format!("{:.3}", prepared.request.clock.now()).into());
            line.insert("event".to_owned(), "diff".into());
            line.extend(of(&prepared, &comparison).as_object().cloned().unwrap_or_default());
            print_json(vec![line.into()], redactor)?;
        }
        // The deploy tells the notices.
        _ => print_diff(&comparison, Color::Auto, redactor)?,
    }
    refuse(&comparison)?;
    if !comparison.is_change() {
        return Ok(None);
    }
    let question = format!("all this is to be changed in namespace {}", prepared.cluster.namespace());
    if !confirm(&question, "yes", run.yes)? {
        bail!("the answer is not yes: nothing was touched");
    }
    Ok(Some(Planned::of(&prepared, &survey, &prepared.live, run.prune).await?))
}

/// Reads a plan that was saved.
///
/// # Errors
/// When it cannot be read, or is none.
pub fn read(file: &Path) -> Result<Planned> {
    let name = file.display();
    let text = read_to_string(file).with_context(|| format!("--plan {name}"))?;
    Planned::read(&text).map_err(|why| anyhow::anyhow!("--plan {name}: {why}; make one with `keyboss diff --save`"))
}

/// Asks the server, and masks every secret value that is known.
async fn compared(prepared: &Prepared, prunes: bool, redactor: &Redactor) -> (Survey, Comparison) {
    prepared.secrets.iter().for_each(|value| redactor.add(value));
    let (survey, refused) = ask(prepared).await;
    let comparison = Comparison::of(prepared, &survey, refused, prunes);
    (survey, comparison)
}

fn of(prepared: &Prepared, comparison: &Comparison) -> serde_json::Value {
    json(comparison, &prepared.request.environment.name, prepared.cluster.namespace())
}

/// Refuses what the server would not take.
fn refuse(comparison: &Comparison) -> Result<(), Refused> {
    match comparison.refused.clone() {
        refused if refused.is_empty() => Ok(()),
        refused => Err(Refused::Because(refused)),
    }
}

fn write(file: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let mut open = options.write(true).create(true).truncate(true).mode(PRIVATE).open(file)?;
    // One that was there already keeps its mode.
    open.set_permissions(Permissions::from_mode(PRIVATE))?;
    open.write_all(text.as_bytes())
}
