//! For people at a terminal: the phases as a live board, and above it what should stay on the screen.

use std::time::Duration;

use console::{style, truncate_str};
use tokio::time::Instant;

use crate::pipeline::{Event, Finished, Outcome, PhaseSummary};

use super::board::Board;
use super::screen::Screen;
use super::{Reporter, text};

/// Draws the board anew at every event and every frame.
pub struct Terminal {
    screen: Screen,
    board: Board,
    started: Instant,
    is_open: bool,
}

impl Terminal {
    /// A reporter on the given screen.
    pub fn new(screen: Screen) -> Self {
        Self { screen, board: Board::default(), started: Instant::now(), is_open: true }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
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
        let (_, columns) = self.screen.size();
        let lines = lasting(event, self.board.is_dry_run(), columns);
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
    }
}

/// The lines of an event that stay on the screen.
pub fn lasting(event: &Event, dry_run: bool, columns: usize) -> Vec<String> {
    match event {
        Event::DeployStarted(started) => vec![style(text::opening(started)).bold().to_string()],
        Event::Notice { phase, message } => {
            let place = phase.map_or_else(String::new, |phase| format!("{}: ", phase.title()));
            vec![format!("{} {place}{message}", style("note:").yellow())]
        }
        Event::Diagnosis(diagnosis) => {
            let mut lines = text::diagnosis(diagnosis);
            lines[0] = style(&lines[0]).red().bold().to_string();
            lines
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
            let fit = |row: &String| truncate_str(row, columns, "…").into_owned();
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

/// Why phases were skipped or failed.
fn reasons(phases: &[PhaseSummary], dry_run: bool) -> impl Iterator<Item = String> {
    let told = phases.iter().filter(|summary| summary.outcome != Outcome::Done && summary.reason.is_some());
    told.map(move |summary| format!("{} {}", summary.phase.title(), text::phase_finished(summary, dry_run)))
}
