//! `keyboss history`.

use anyhow::{Context, Result, bail};

use super::reach::reach;
use super::supplied::supplied;
use crate::cli::HistoryArgs;
use crate::release::{Journal, in_place};
use crate::report::{self, Answer, Redactor, history};

/// Lists the releases of an environment's namespace, or shows one. It reads ConfigMaps and nothing else.
///
/// # Errors
/// When they cannot be read, or the one asked for is not there (exit code 2).
pub async fn run(arguments: HistoryArgs, redactor: Redactor) -> Result<()> {
    supplied(None)?.values().for_each(|value| redactor.add(value));
    let reached = reach(&arguments.of.environment, &arguments.of.cluster).await?;
    let namespace = reached.cluster.namespace();
    let journals = reached.told("the releases cannot be listed", reached.cluster.journals().await)?;
    let shown: Vec<&Journal> = match arguments.release {
        Some(asked) => vec![find(&journals, asked, namespace)?],
        None => journals.iter().rev().collect(),
    };
    match (arguments.of.output, arguments.release) {
        (Answer::Json, _) => {
            let values = shown.into_iter().map(serde_json::to_value).collect::<Result<_, _>>();
            report::print_json(values.context("a journal is no JSON")?, &redactor)?;
        }
        (Answer::Auto, None) => report::print_lines(&history::list(&journals, namespace), &redactor)?,
        (Answer::Auto, Some(_)) => {
            let is_in_place = |journal: &Journal| in_place(&journals) == Some(journal);
            let lines = shown.into_iter().flat_map(|journal| history::one(journal, is_in_place(journal)));
            report::print_lines(&lines.collect::<Vec<_>>(), &redactor)?;
        }
    }
    Ok(())
}

fn find<'a>(journals: &'a [Journal], asked: u64, namespace: &str) -> Result<&'a Journal> {
    if let Some(found) = journals.iter().find(|journal| journal.release == asked) {
        return Ok(found);
    }
    let known: Vec<String> = journals.iter().rev().map(|journal| journal.release.to_string()).collect();
    match known.is_empty() {
        true => bail!("there is no release {asked}: nothing was released to namespace {namespace} yet"),
        false => bail!("there is no release {asked} in namespace {namespace}; there are: {}", known.join(", ")),
    }
}
