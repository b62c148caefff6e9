//! For people at a terminal: the phases as a live board, above it what should stay on the screen, and at the end the table,
//! or how it failed.

use std::time::Duration;

use console::{measure_text_width, style, truncate_str};
use tokio::time::Instant;

use crate::pipeline::{Diagnosis, Event, Finished, Outcome, PhaseSummary};

use super::board::Board;
use super::failure;
use super::glyphs::Glyphs;
use super::screen::Screen;
use super::{Reporter, text};

/// Draws the board anew at every event and every frame.
pub struct Terminal {
    screen: Screen,
    glyphs: &'static Glyphs,
    board: Board,
    /// What has failed, to be told at the end.
    failed: Vec<Diagnosis>,
    started: Instant,
    is_open: bool,
}

impl Terminal {
    /// A reporter on the given screen.
    pub fn new(screen: Screen, glyphs: &'static Glyphs) -> Self {
        let board = Board::new(glyphs);
        Self { screen, glyphs, board, failed: Vec::new(), started: Instant::now(), is_open: true }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// The evidence of what has failed, where no report has it.
    fn evidence(&mut self) -> Vec<String> {
        std::mem::take(&mut self.failed).iter().flat_map(text::diagnosis).collect()
    }

    fn close(&mut self) {
        if self.is_open {
            self.is_open = false;
            self.screen.close();
        }
    }
}

impl Reporter for Terminal {
    fn event(&mut self, event: &Event) {
        self.board.event(event, self.now());
        if matches!(event, Event::DeployFinished(_)) {
            self.close();
        }
        let size = self.screen.size();
        let lines = match event {
            Event::DeployFinished(finished) if !finished.succeeded && !self.board.is_dry_run() => {
                failure::report(finished, &std::mem::take(&mut self.failed), size, self.glyphs)
            }
            Event::Diagnosis(diagnosis) => {
                self.failed.push((**diagnosis).clone());
                lasting(event, false, size.1, self.glyphs)
            }
            // It goes on, so that is what an earlier deploy has left.
            Event::PhaseFinished(summary) if summary.outcome == Outcome::Done => self.evidence(),
            event => lasting(event, self.board.is_dry_run(), size.1, self.glyphs),
        };
        if !lines.is_empty() {
            self.screen.write(&lines);
        }
        self.tick();
    }

    fn is_animated(&self) -> bool {
        self.is_open && !self.board.is_empty()
    }

    fn tick(&mut self) {
        if self.is_animated() {
            let (rows, columns) = self.screen.size();
            self.screen.show(&self.board.lines(self.now(), rows, columns));
        }
    }

    fn end(&mut self) {
        self.close();
        let lines = self.evidence();
        if !lines.is_empty() {
            self.screen.write(&lines);
        }
    }
}

/// The lines of an event that stay on the screen.
pub fn lasting(event: &Event, dry_run: bool, columns: usize, glyphs: &Glyphs) -> Vec<String> {
    match event {
        Event::DeployStarted(started) => {
            let lines = text::wrapped(&text::opening(started), columns, columns, usize::MAX, glyphs.cut);
            lines.into_iter().map(|line| style(line).bold().to_string()).collect()
        }
        Event::Notice { phase, message } => {
            let place = phase.map_or_else(String::new, |phase| format!("{}: ", phase.title()));
            with_mark(&style("note:").yellow().to_string(), &format!("{place}{message}"), columns, glyphs)
        }
        Event::LogLine { pod, container, line, .. } => {
            let writer = style(format!("{} {}", text::writer(pod, container), glyphs.rule)).dim();
            vec![format!("{writer} {line}")]
        }
        Event::Warning { object, reason, message, count, .. } => {
            let words = text::warning(object, reason, message, *count);
            with_mark(&style("warning:").yellow().to_string(), &words, columns, glyphs)
        }
        Event::Diagnosis(diagnosis) => {
            let Diagnosis { object, reason, .. } = &**diagnosis;
            vec![style(format!("{} {object}: {reason}", glyphs.failed)).red().bold().to_string()]
        }
        Event::RollbackFinished { complete, seconds } => {
            let line = style(text::rollback_finished(*complete, *seconds));
            vec![if *complete { line.yellow() } else { line.red() }.to_string()]
        }
        Event::ResetPlanned(loss) => {
            let mut lines = text::loss(loss);
            lines[0] = style(&lines[0]).bold().to_string();
            lines
        }
        Event::ResetFinished { complete, seconds } => {
            let line = style(text::reset_finished(*complete, *seconds));
            vec![if *complete { line.yellow() } else { line.red() }.to_string()]
        }
        Event::DeployFinished(finished) => {
            let Finished { succeeded, message, phases, restored, next_steps, .. } = &**finished;
            let fit = |row: &String| truncate_str(row, columns, glyphs.cut).into_owned();
            let mut lines = vec![String::new()];
            lines.extend(text::table(phases).iter().map(fit));
            lines.extend(reasons(phases, dry_run));
            lines.extend(text::restored_table(restored));
            lines.push(String::new());
            let message = style(message).bold();
            lines.push(if *succeeded { message.green() } else { message.red() }.to_string());
            lines.push(text::sum(finished, dry_run));
            lines.extend(text::next_steps(next_steps));
            lines
        }
        Event::PhaseStarted { .. }
        | Event::Applied { .. }
        | Event::Waiting { .. }
        | Event::Ready { .. }
        | Event::Heartbeat { .. }
        | Event::RollbackStarted { .. }
        | Event::Restored(_)
        | Event::Deleted { .. }
        | Event::PhaseFinished(_) => Vec::new(),
    }
}

/// A mark and words, whole: what does not fit stands below it, indented.
fn with_mark(mark: &str, words: &str, columns: usize, glyphs: &Glyphs) -> Vec<String> {
    let first = columns.saturating_sub(measure_text_width(mark) + 1);
    let lines = text::wrapped(words, first, columns.saturating_sub(2), usize::MAX, glyphs.cut).into_iter().enumerate();
    lines.map(|(number, line)| if number == 0 { format!("{mark} {line}") } else { format!("  {line}") }).collect()
}

/// Why phases were skipped or failed.
fn reasons(phases: &[PhaseSummary], dry_run: bool) -> impl Iterator<Item = String> {
    let told = phases.iter().filter(|summary| summary.outcome != Outcome::Done && summary.reason.is_some());
    told.map(move |summary| format!("{} {}", summary.phase.title(), text::phase_finished(summary, dry_run)))
}
