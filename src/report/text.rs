//! Words and lines that the terminal and the plain log share: functions from data to text.

use std::collections::BTreeMap;

use crate::pipeline::{
    Change, Diagnosis, Finished, Loss, Outcome, PhaseSummary, RestoreOutcome, Restored, Started, Volume,
};
use crate::render::Phase;

/// The text without terminal control sequences and control characters; newlines stay.
pub fn printable(text: &str) -> String {
    let text = console::strip_ansi_codes(text).replace("\r\n", "\n");
    let kept = text.chars().filter_map(|character| match character {
        '\n' => Some('\n'),
        '\t' | '\r' | '\u{2028}' | '\u{2029}' => Some(' '),
        // Marks that turn the direction of writing can make a line look like another.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        other => (!other.is_control()).then_some(other),
    });
    kept.collect()
}

/// A text of several lines as one.
pub fn on_one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// "0.4s", "1m05s".
pub fn measured(seconds: f64) -> String {
    if seconds < 59.95 { format!("{:.1}s", seconds.max(0.0)) } else { whole(seconds.round() as u64) }
}

/// "45s", "5m", "4m05s".
pub fn whole(seconds: u64) -> String {
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, 0) => format!("{minutes}m"),
        (minutes, seconds) => format!("{minutes}m{seconds:02}s"),
    }
}

/// "1 object", "4 objects".
pub fn objects(count: usize) -> String {
    format!("{count} object{}", if count == 1 { "" } else { "s" })
}

/// What an apply did to an object, or in a dry run would do.
pub fn change(change: Change, dry_run: bool) -> &'static str {
    match (change, dry_run) {
        (Change::Created, true) => "would create",
        (Change::Changed, true) => "would change",
        (change, _) => change.word(),
    }
}

/// "2/8 Stateful".
pub fn place(phase: Phase) -> String {
    format!("{}/{} {}", phase.number(), Phase::ALL.len(), phase.title())
}

/// "3 created, 1 changed, 20 unchanged"; what is zero is left out.
pub fn counts(phases: &[PhaseSummary], dry_run: bool) -> String {
    let (created, changed) = if dry_run { ("to create", "to change") } else { ("created", "changed") };
    let sums = [
        (phases.iter().map(|phase| phase.created).sum::<usize>(), created),
        (phases.iter().map(|phase| phase.changed).sum(), changed),
        (phases.iter().map(|phase| phase.unchanged).sum(), "unchanged"),
    ];
    let parts = counted(&sums);
    if parts.is_empty() { "no objects".to_owned() } else { parts.join(", ") }
}

/// "3 created" of each count; what is zero is left out.
pub fn counted(counts: &[(usize, &str)]) -> Vec<String> {
    counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect()
}

/// "StatefulSet postgres (1/2): pulling the image".
pub fn waiting(object: &str, why: &str, done: u32, total: u32) -> String {
    let parts = if total > 1 { format!(" ({done}/{total})") } else { String::new() };
    on_one_line(&format!("{object}{parts}: {why}"))
}

/// "done in 0.4s: 3 created, 1 unchanged"; "failed after 12.3s: Deployment saleor-api: ErrImagePull".
pub fn phase_finished(summary: &PhaseSummary, dry_run: bool) -> String {
    let word = summary.outcome.word();
    let head = match summary.outcome {
        Outcome::Done => {
            let counts = counts(std::slice::from_ref(summary), dry_run);
            return format!("{word} in {}: {counts}", measured(summary.seconds));
        }
        Outcome::Skipped | Outcome::NotReached => word.to_owned(),
        Outcome::Failed | Outcome::TimedOut | Outcome::Interrupted => {
            format!("{word} after {}", measured(summary.seconds))
        }
    };
    match &summary.reason {
        Some(reason) => format!("{head}: {}", on_one_line(reason)),
        None => head,
    }
}

/// What is done, and where.
pub fn opening(started: &Started) -> String {
    let Started { environment, context, namespace, server, server_version, phases, images: _, dry_run, rehearsal } =
        started;
    let verb = match (dry_run, rehearsal) {
        (_, true) => "rehearsing",
        (true, false) => "dry run: deploying",
        (false, false) => "deploying",
    };
    let mut line = format!(
        "{verb} {environment} to namespace {namespace} (context {context}, server {server}, Kubernetes {server_version})"
    );
    if phases.len() < Phase::ALL.len() {
        let names: Vec<String> = phases.iter().map(|phase| format!("{} {}", phase.number(), phase.title())).collect();
        line += &format!("; only {}", names.join(", "));
    }
    line
}

/// Why an object failed, with its evidence; the first line names it.
pub fn diagnosis(diagnosis: &Diagnosis) -> Vec<String> {
    let mut lines = vec![format!("FAILED {}: {}", diagnosis.object, diagnosis.reason)];
    lines.extend(indented(2, [&diagnosis.message]));
    let place = [("pod", &diagnosis.pod), ("container", &diagnosis.container), ("image", &diagnosis.image)];
    for (name, value) in place {
        if let Some(value) = value {
            lines.push(format!("  {:<10} {}", format!("{name}:"), on_one_line(value)));
        }
    }
    for (title, evidence) in [("last warning events:", &diagnosis.events), ("last log lines:", &diagnosis.log)] {
        if !evidence.is_empty() {
            lines.push(format!("  {title}"));
            lines.extend(indented(4, evidence));
        }
    }
    lines
}

fn indented<'a>(by: usize, texts: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    texts.into_iter().flat_map(|text| text.lines()).map(|line| format!("{:by$}{line}", "")).collect()
}

/// What stands above the cells of a phase.
pub const HEADING: [&str; 7] = ["", "phase", "outcome", "time", "created", "changed", "unchanged"];

/// A phase as the cells of a table.
pub fn cells(summary: &PhaseSummary) -> [String; 7] {
    let ran = !matches!(summary.outcome, Outcome::Skipped | Outcome::NotReached);
    let cell = |text: String| if ran { text } else { "-".to_owned() };
    [
        summary.phase.number().to_string(),
        summary.phase.title().to_owned(),
        summary.outcome.word().to_owned(),
        cell(measured(summary.seconds)),
        cell(summary.created.to_string()),
        cell(summary.changed.to_string()),
        cell(summary.unchanged.to_string()),
    ]
}

/// Every phase on a line, under a heading; nothing where none began.
pub fn table(phases: &[PhaseSummary]) -> Vec<String> {
    if phases.is_empty() {
        return Vec::new();
    }
    let row = |cells: [&str; 7]| {
        let [number, title, outcome, time, created, changed, unchanged] = cells;
        format!("{number:<2} {title:<18}  {outcome:<11}  {time:>6}  {created:>7}  {changed:>7}  {unchanged:>9}")
    };
    let rows = phases.iter().map(|summary| row(cells(summary).each_ref().map(String::as_str)));
    std::iter::once(row(HEADING)).chain(rows).collect()
}

/// How a rollback left an object, for people.
pub fn restored(restored: &Restored) -> String {
    let word = match restored.outcome {
        RestoreOutcome::RolledBack => "rolled back",
        RestoreOutcome::Deleted => "deleted",
        RestoreOutcome::Unchanged => "unchanged",
        RestoreOutcome::Stays => "stays",
        RestoreOutcome::FirstInstall => "first install",
        RestoreOutcome::Failed => "FAILED",
    };
    let before = if restored.was_unhealthy { " (was not ready before either)" } else { "" };
    match &restored.reason {
        Some(reason) => format!("{word}{before}: {}", on_one_line(reason)),
        None => format!("{word}{before}"),
    }
}

/// What a rollback made of every object, under a heading; nothing where nothing was rolled back.
pub fn restored_table(table: &[Restored]) -> Vec<String> {
    if table.is_empty() {
        return Vec::new();
    }
    let width = table.iter().map(|one| one.object.len()).max().unwrap_or(0);
    let row = |one: &Restored| format!("  {:<width$}  {}", one.object, restored(one));
    let is_first = table.iter().all(|one| one.outcome == RestoreOutcome::FirstInstall);
    let heading = if is_first { "nothing to go back to:" } else { "after the rollback:" };
    std::iter::once(heading.to_owned()).chain(table.iter().map(row)).collect()
}

/// "rolled back in 12.0s".
pub fn rollback_finished(complete: bool, seconds: f64) -> String {
    let word = if complete { "rolled back" } else { "the rollback is incomplete, after" };
    format!("{word} {}{}", if complete { "in " } else { "" }, measured(seconds))
}

/// What a reset will delete, its data first; the first line says where.
pub fn loss(loss: &Loss) -> Vec<String> {
    let Loss { namespace, objects, data, kept } = loss;
    if objects.is_empty() && data.is_empty() {
        return vec![format!("a reset of namespace {namespace} deletes nothing: there is nothing of keyboss")];
    }
    let mut lines = vec![format!("a reset of namespace {namespace} deletes for good")];
    let width = data.iter().chain(kept).map(|volume| volume.object.len()).max().unwrap_or(0);
    let row = |volume: &Volume, words: &str| format!("  {:<width$}  {:>6}{words}", volume.object, volume.size);
    lines.extend(data.iter().map(|volume| row(volume, " of data")));
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (kind, name) in objects.iter().filter_map(|object| object.split_once(' ')) {
        kinds.entry(kind).or_default().push(name);
    }
    lines.extend(kinds.into_iter().map(|(kind, names)| format!("  {kind} {}", names.join(", "))));
    if !kept.is_empty() {
        lines.push("and keeps".to_owned());
        lines.extend(kept.iter().map(|volume| row(volume, " of backups (--with-backups deletes them too)")));
    }
    lines
}

/// "reset in 42.0s".
pub fn reset_finished(complete: bool, seconds: f64) -> String {
    let word = if complete { "reset in" } else { "the reset is incomplete, after" };
    format!("{word} {}", measured(seconds))
}

/// The sum of it: "58 unchanged; 1.3s, 76 API requests; release 7".
pub fn sum(finished: &Finished, dry_run: bool) -> String {
    let Finished { phases, seconds, api_requests, release, .. } = finished;
    let requests = if *api_requests == 1 { "request" } else { "requests" };
    let release = release.map_or_else(String::new, |release| format!("; release {release}"));
    format!("{}; {}, {api_requests} API {requests}{release}", counts(phases, dry_run), measured(*seconds))
}

/// What to do next, under a heading; nothing when there is nothing.
pub fn next_steps(steps: &[String]) -> Vec<String> {
    if steps.is_empty() {
        return Vec::new();
    }
    let mut lines = vec!["next:".to_owned()];
    for step in steps {
        let mut parts = step.lines();
        lines.extend(parts.next().map(|first| format!("  - {first}")));
        lines.extend(parts.map(|more| format!("    {more}")));
    }
    lines
}

/// Rows as lines: every column as wide as its widest cell, the last one as it is.
pub fn columns<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
