//! The releases of a namespace, for people: functions from journals to lines.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::text::{columns, measured};
use crate::release::{Action, Intent, Journal, State, in_place};
use crate::render::Phase;

/// How much of a commit's name is enough to know it by.
const SHORT: usize = 8;

/// Every release on a line, the newest first, under a heading; a sentence where there is none.
pub fn list(journals: &[Journal], namespace: &str) -> Vec<String> {
    if journals.is_empty() {
        return vec![format!("nothing was released to namespace {namespace} yet")];
    }
    let heading = ["release", "when (UTC)", "what", "who", "environment", "commit", "took", "outcome"];
    let mut rows = vec![heading.map(str::to_owned)];
    let mut sorted: Vec<&Journal> = journals.iter().collect();
    sorted.sort_by_key(|journal| std::cmp::Reverse(journal.release));
    let current = in_place(journals).map(|journal| journal.release);
    rows.extend(sorted.into_iter().map(|journal| row(journal, current == Some(journal.release))));
    columns(&rows)
}

fn row(journal: &Journal, is_in_place: bool) -> [String; 8] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        journal.release.to_string(),
        when(journal.started),
        what(journal.action),
        format!("{}@{}", journal.author.user, journal.author.host),
        journal.environment.clone(),
        or_dash(journal.commit.as_ref().map(|commit| commit.chars().take(SHORT).collect())),
        or_dash(took(journal)),
        outcome(journal, is_in_place),
    ]
}

/// One release, with everything that its journal says to people.
pub fn one(journal: &Journal, is_in_place: bool) -> Vec<String> {
    let Journal { release, action, author, environment, keyboss, commit, images, phases, intended, message, .. } =
        journal;
    let mut lines = vec![format!(
        "release {release}, {} of environment {environment}: {}",
        what(*action),
        outcome(journal, is_in_place)
    )];
    let began = format!("{} UTC", when(journal.started));
    let facts = [
        ("when", Some(took(journal).map_or_else(|| began.clone(), |took| format!("{began}, took {took}")))),
        ("who", Some(format!("{}@{}", author.user, author.host))),
        ("CI job", author.job.clone()),
        ("commit", commit.clone()),
        ("keyboss", Some(keyboss.clone())),
        ("message", message.clone()),
    ];
    let told = facts.into_iter().filter_map(|(name, value)| Some([format!("  {name}"), value?]));
    lines.extend(columns(&told.collect::<Vec<_>>()));
    lines.extend(titled("images", images.iter().map(|(name, image)| [name.clone(), image.clone()])));
    let phase = |phase: Phase| format!("{} {}", phase.number(), phase.title());
    let took = |seconds| if seconds == 0.0 { String::new() } else { measured(seconds) };
    lines.extend(titled(
        "phases",
        phases.iter().map(|entry| [phase(entry.phase), entry.outcome.clone(), took(entry.seconds)]),
    ));
    let title = if journal.state == State::Succeeded { "changes" } else { "changes that it began" };
    lines.extend(titled(title, changes(intended).into_iter().map(|(of, text)| [phase(of), text])));
    lines
}

/// "created ConfigMap a, Secret b; changed Service c", by phase.
fn changes(intended: &[Intent]) -> BTreeMap<Phase, String> {
    let mut phases: BTreeMap<Phase, BTreeMap<&str, Vec<String>>> = BTreeMap::new();
    for Intent { phase, id, change } in intended {
        phases.entry(*phase).or_default().entry(change).or_default().push(id.to_string());
    }
    let words = |kinds: BTreeMap<&str, Vec<String>>| {
        let parts: Vec<String> =
            kinds.into_iter().rev().map(|(change, ids)| format!("{change} {}", ids.join(", "))).collect();
        parts.join("; ")
    };
    phases.into_iter().map(|(phase, kinds)| (phase, words(kinds))).collect()
}

/// Rows under a title; nothing where there are none.
fn titled<const N: usize>(title: &str, rows: impl Iterator<Item = [String; N]>) -> Vec<String> {
    let rows: Vec<[String; N]> = rows.collect();
    let indented = columns(&rows).into_iter().map(|line| format!("    {line}"));
    let title = (!rows.is_empty()).then(|| format!("  {title}"));
    title.into_iter().chain(indented).collect()
}

/// A time for people, to the second.
pub fn when(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn took(journal: &Journal) -> Option<String> {
    Some(measured(journal.finished?.duration_since(journal.started).as_secs_f64()))
}

/// What was done, in a word or two.
pub fn what(action: Action) -> String {
    match action {
        Action::Deploy => "deploy".to_owned(),
        Action::Rollback { to } => format!("rollback to {to}"),
        Action::Reset => "reset".to_owned(),
    }
}

/// How it ended.
pub fn outcome(journal: &Journal, is_in_place: bool) -> String {
    let words = match journal.state {
        State::Running => "unfinished: under way or broken off",
        State::Succeeded => "succeeded",
        State::RolledBack => "rolled back",
        State::Incomplete => "rollback incomplete",
        State::Kept => "failed and left as it was",
    };
    if is_in_place { format!("{words} (in place)") } else { words.to_owned() }
}
