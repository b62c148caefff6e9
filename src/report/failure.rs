//! How a failed deploy is told in a terminal, on one screen: what failed, why, the evidence, what was rolled back, what
//! remains, and what to do next. Data to lines.

use console::{style, truncate_str};

use crate::pipeline::{Diagnosis, Finished};

use super::glyphs::Glyphs;
use super::text;

/// Fewer rows are not enough for a report.
const LEAST_ROWS: usize = 12;
/// The most lines that a reason takes, and where there are fewer rows than these.
const REASON: usize = 4;
const SHORT_REASON: usize = 2;
const FEW_ROWS: usize = 20;
/// The most objects whose failure is told beside the first.
const OTHERS: usize = 3;
/// The most lines about what remains.
const REMAINS: usize = 5;
/// The most warnings and log lines.
const EVENTS: usize = 5;
const LOG: usize = 12;

/// The report, on at most so many rows, the row of the prompt taken off; what to do next is never cut.
pub fn report(
    finished: &Finished,
    diagnoses: &[Diagnosis],
    (rows, columns): (usize, usize),
    glyphs: &Glyphs,
) -> Vec<String> {
    let width = columns.max(20);
    let rows = rows.max(LEAST_ROWS) - 1;
    let most = if rows < FEW_ROWS { SHORT_REASON } else { REASON };
    let what = what(finished, diagnoses, width, most, glyphs);
    let after = after(finished, width, most, glyphs);
    let next = next(finished, width, glyphs);
    let room = rows.saturating_sub(what.len() + after.len() + next.len() + 1);
    let evidence = diagnoses.first().map_or_else(Vec::new, |first| evidence(first, room, width, glyphs));
    [vec![String::new()], what, evidence, after, next].concat()
}

/// What failed, and why.
fn what(finished: &Finished, diagnoses: &[Diagnosis], width: usize, most: usize, glyphs: &Glyphs) -> Vec<String> {
    let failed = |line: String| style(truncate_str(&line, width, glyphs.cut)).red().bold().to_string();
    let Some((first, others)) = diagnoses.split_first() else {
        let reasons = finished.phases.iter().filter(|summary| summary.outcome.failure().is_some());
        let reasons = reasons.filter_map(|summary| summary.reason.as_deref().map(|reason| (summary.phase, reason)));
        let lines = reasons.flat_map(|(phase, reason)| {
            text::wrapped(&format!("{}: {}", phase.title(), text::on_one_line(reason)), width, width, most, glyphs.cut)
        });
        return lines.map(failed).collect();
    };
    let head = |one: &Diagnosis| format!("FAILED {}: {}", one.object, one.reason);
    let mut lines = vec![failed(head(first))];
    lines.extend(indented(2, &text::on_one_line(&first.message), most, width, glyphs));
    let place = [("pod", &first.pod), ("container", &first.container), ("image", &first.image)];
    let place = place.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?)));
    let place = place.collect::<Vec<_>>().join(", ");
    if !place.is_empty() {
        lines.extend(indented(2, &place, 2, width, glyphs));
    }
    lines.extend(others.iter().take(OTHERS).map(|one| failed(head(one))));
    if others.len() > OTHERS {
        lines.push(failed(format!("and {} more", others.len() - OTHERS)));
    }
    lines
}

/// The last warnings and the last lines of the log, on at most `room` lines; the log has what the warnings leave.
fn evidence(diagnosis: &Diagnosis, room: usize, width: usize, glyphs: &Glyphs) -> Vec<String> {
    let has_log = !diagnosis.log.is_empty();
    let for_events = if has_log { room / 3 } else { room };
    let events = section("last warnings:", &diagnosis.events, for_events.min(EVENTS + 1), width, glyphs);
    let log = section("last log lines:", &diagnosis.log, room.saturating_sub(events.len()).min(LOG + 1), width, glyphs);
    [events, log].concat()
}

/// The last texts under a title, a line each; nothing where there is no room for one.
fn section(title: &str, texts: &[String], room: usize, width: usize, glyphs: &Glyphs) -> Vec<String> {
    if texts.is_empty() || room < 2 {
        return Vec::new();
    }
    let last = &texts[texts.len().saturating_sub(room - 1)..];
    let lines = last.iter().map(|line| format!("    {}", text::on_one_line(line)));
    let all = std::iter::once(format!("  {title}")).chain(lines);
    all.map(|line| style(truncate_str(&line, width, glyphs.cut)).dim().to_string()).collect()
}

/// What was rolled back, and what remains.
fn after(finished: &Finished, width: usize, most: usize, glyphs: &Glyphs) -> Vec<String> {
    let mut lines: Vec<String> = text::wrapped(&finished.message, width, width, most.max(3), glyphs.cut)
        .into_iter()
        .map(|line| style(line).red().to_string())
        .collect();
    let remains = text::restored_table(&finished.restored);
    let (shown, left) = remains.split_at(remains.len().min(REMAINS));
    lines.extend(shown.iter().flat_map(|line| hanging(line, 2, width, glyphs)));
    if !left.is_empty() {
        lines.push(format!("  and {} more", left.len()));
    }
    lines.push(style(truncate_str(&text::sum(finished, false), width, glyphs.cut)).dim().to_string());
    lines
}

/// What to do next, whole.
fn next(finished: &Finished, width: usize, glyphs: &Glyphs) -> Vec<String> {
    text::next_steps(&finished.next_steps).iter().flat_map(|line| hanging(line, usize::MAX, width, glyphs)).collect()
}

/// A line that may be indented, on at most so many: those after the first are indented more.
fn hanging(line: &str, most: usize, width: usize, glyphs: &Glyphs) -> Vec<String> {
    let words = line.trim_start();
    let by = line.len() - words.len();
    let lines = text::wrapped(words, width - by, width - by - 2, most, glyphs.cut).into_iter().enumerate();
    lines.map(|(number, words)| format!("{:by$}{words}", "", by = if number == 0 { by } else { by + 2 })).collect()
}

fn indented(by: usize, words: &str, most: usize, width: usize, glyphs: &Glyphs) -> Vec<String> {
    let lines = text::wrapped(words, width - by, width - by, most, glyphs.cut);
    lines.into_iter().map(|line| format!("{:by$}{line}", "")).collect()
}
