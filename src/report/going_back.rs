//! What `keyboss rollback` is about to do, in words.

use std::collections::BTreeSet;

use crate::release::{Journal, State};

/// From which release to which, and which images change.
pub fn going_back(namespace: &str, now: &Journal, then: &Journal) -> String {
    let mut lines = vec![format!("namespace {namespace} goes back from {} to {}:", words(now), words(then))];
    let names: BTreeSet<&String> = now.images.keys().chain(then.images.keys()).collect();
    let changed = names.into_iter().filter(|name| now.images.get(*name) != then.images.get(*name));
    let image =
        |journal: &Journal, name: &String| journal.images.get(name).cloned().unwrap_or_else(|| "none".to_owned());
    let changes: Vec<String> =
        changed.map(|name| format!("  image {name}: {} -> {}", image(now, name), image(then, name))).collect();
    match changes.is_empty() {
        true => lines.push("  no image changes, but configuration does".to_owned()),
        false => lines.extend(changes),
    }
    lines.push("  databases, volumes and secrets stay as they are: the old code runs on the present schema".to_owned());
    lines.join("\n")
}

/// The releases that were broken off, which are rolled back and nothing else.
pub fn unfinished(namespace: &str, journals: &[Journal]) -> String {
    let broken = journals.iter().filter(|journal| journal.is_unfinished());
    let words: Vec<String> = broken.map(words).collect();
    format!("namespace {namespace}: {} was broken off; it is rolled back, and nothing else", words.join(" and "))
}

fn words(journal: &Journal) -> String {
    let state = if journal.state == State::Kept { ", which failed" } else { "" };
    format!(
        "release {} ({}, {}@{}{state})",
        journal.release,
        journal.started.strftime("%Y-%m-%d %H:%M:%SZ"),
        journal.author.user,
        journal.author.host
    )
}
