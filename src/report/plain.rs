//! Where there is no terminal: timestamped lines, each said once.

use std::collections::HashMap;
use std::io::Write;

use jiff::Timestamp;

use crate::pipeline::{Blocker, Change, Event};
use crate::render::Phase;

use super::{Clock, Reporter, text};

/// Writes lines like `12:00:05Z [2/8 Stateful] waiting for StatefulSet postgres (1/2): pulling the image`.
pub struct Plain<W> {
    out: W,
    clock: Clock,
    dry_run: bool,
    /// What was last said of each object that is waited for.
    said: HashMap<String, String>,
}

impl<W: Write + Send> Plain<W> {
    /// A reporter that writes to `out` and asks `clock` once for each event.
    pub fn new(out: W, clock: Clock) -> Self {
        Self { out, clock, dry_run: false, said: HashMap::new() }
    }

    /// The lines of an event, each with its time and phase, and the time of its moment.
    ///
    /// None of them begins with a character of the event itself.
    pub fn told(&mut self, event: &Event) -> (Timestamp, Vec<String>) {
        let now = (self.clock)();
        let time = now.strftime("%H:%M:%SZ").to_string();
        let (phase, lines) = self.lines(event);
        let prefix = phase.map_or_else(String::new, |phase| format!("[{}] ", text::place(phase)));
        let whole = |line: &str| format!("{time} {prefix}{line}").trim_end().to_owned();
        (now, lines.iter().flat_map(|line| line.lines()).map(whole).collect())
    }

    /// Writes lines as they are. That nobody reads them is no failure.
    pub fn write(&mut self, lines: &[String]) {
        for line in lines {
            let _ = writeln!(self.out, "{line}");
        }
        let _ = self.out.flush();
    }

    /// What there is to say of an event, and the phase it belongs to.
    fn lines(&mut self, event: &Event) -> (Option<Phase>, Vec<String>) {
        match event {
            Event::DeployStarted(started) => {
                self.dry_run = started.dry_run;
                (None, vec![text::opening(started)])
            }
            Event::Notice { phase, message } => (*phase, vec![format!("note: {message}")]),
            Event::PhaseStarted { phase, objects, timeout_seconds } => {
                self.said.clear();
                let (objects, timeout) = (text::objects(*objects), text::whole(*timeout_seconds));
                (Some(*phase), vec![format!("started: {objects}, at most {timeout}")])
            }
            Event::Applied { phase, change: Change::Unchanged, .. } => (Some(*phase), vec![]),
            Event::Applied { phase, object, change } => {
                (Some(*phase), vec![format!("{} {object}", text::change(*change, self.dry_run))])
            }
            Event::Waiting { phase, object, why, done, total, suspicious } => {
                let mut line = format!("waiting for {}", text::waiting(object, why, *done, *total));
                if *suspicious {
                    line += " (will fail unless this changes)";
                }
                let before = self.said.insert(object.clone(), line.clone());
                (Some(*phase), if before.as_ref() == Some(&line) { vec![] } else { vec![line] })
            }
            Event::Ready { phase, object } => {
                let was_waited_for = self.said.remove(object).is_some();
                (Some(*phase), if was_waited_for { vec![format!("ready: {object}")] } else { vec![] })
            }
            Event::Heartbeat { phase, ready, total, worst, left_seconds } => {
                let mut line = format!("{ready} of {total} ready, {} left", text::whole(*left_seconds));
                if let Some(Blocker { object, why }) = worst {
                    line += &format!("; worst: {object}: {}", text::on_one_line(why));
                }
                (Some(*phase), vec![line])
            }
            Event::Diagnosis(diagnosis) => (Some(diagnosis.phase), text::diagnosis(diagnosis)),
            Event::PhaseFinished(summary) => (Some(summary.phase), vec![text::phase_finished(summary, self.dry_run)]),
            Event::RollbackStarted { objects, timeout_seconds } => {
                self.said.clear();
                let (objects, timeout) = (text::objects(*objects), text::whole(*timeout_seconds));
                (None, vec![format!("rolling back: {objects}, at most {timeout}")])
            }
            Event::Restored(restored) => {
                (None, vec![format!("rollback: {}: {}", restored.object, text::restored(restored))])
            }
            Event::RollbackFinished { complete, seconds } => (None, vec![text::rollback_finished(*complete, *seconds)]),
            Event::ResetPlanned(loss) => (None, text::loss(loss)),
            Event::Deleted { object } => (None, vec![format!("deleted {object}")]),
            Event::ResetFinished { complete, seconds } => (None, vec![text::reset_finished(*complete, *seconds)]),
            Event::DeployFinished(finished) => {
                let mut lines = text::table(&finished.phases);
                lines.extend(text::restored_table(&finished.restored));
                lines.push(finished.message.clone());
                lines.push(text::sum(finished, self.dry_run));
                lines.extend(text::next_steps(&finished.next_steps));
                (None, lines)
            }
        }
    }
}

impl<W: Write + Send> Reporter for Plain<W> {
    fn event(&mut self, event: &Event) {
        let (_, lines) = self.told(event);
        self.write(&lines);
    }
}
