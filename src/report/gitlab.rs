//! The log of GitLab CI: plain lines, in a section for each phase
//! (<https://docs.gitlab.com/ci/jobs/job_logs/#create-custom-collapsible-sections>).
//!
//! A section is begun and ended by control characters. They are the only ones in the log: every event loses its own at
//! the door (`scrub`), so a container cannot forge one.

use std::io::Write;

use jiff::Timestamp;

use crate::pipeline::Event;

use super::fold::{Fold, Folds};
use super::plain::Plain;
use super::{Clock, Reporter};

/// What stands around a marker: it erases the line on which a terminal would show it.
const ERASE: &str = "\u{1b}[0K";

/// Writes what [`Plain`] does, in sections.
pub struct GitLab<W> {
    plain: Plain<W>,
    folds: Folds,
    /// When the section that is open began: its name has to be one that no other of the log has.
    began: i64,
    /// When the last event came.
    now: i64,
}

impl<W: Write + Send> GitLab<W> {
    /// A reporter that writes to `out` and asks `clock` once for each event.
    pub fn new(out: W, clock: Clock) -> Self {
        Self { plain: Plain::new(out, clock), folds: Folds::default(), began: 0, now: 0 }
    }

    fn started(&self, Fold { name, title }: &Fold) -> String {
        let (now, began) = (self.now, self.began);
        format!("{ERASE}section_start:{now}:keyboss_{name}_{began}[collapsed=true]\r{ERASE}{title}")
    }

    fn ended(&self, Fold { name, .. }: &Fold) -> String {
        let (now, began) = (self.now, self.began);
        format!("{ERASE}section_end:{now}:keyboss_{name}_{began}\r{ERASE}")
    }
}

impl<W: Write + Send> Reporter for GitLab<W> {
    fn event(&mut self, event: &Event) {
        let (ended, begun) = self.folds.step(event);
        let (now, told) = self.plain.told(event);
        self.now = Timestamp::as_second(now);
        let ended = ended.map(|fold| self.ended(&fold));
        if begun.is_some() {
            self.began = self.now;
        }
        let begun = begun.map(|fold| self.started(&fold));
        let lines: Vec<String> = ended.into_iter().chain(begun).chain(told).collect();
        self.plain.write(&lines);
    }

    fn end(&mut self) {
        if let Some(fold) = self.folds.end() {
            let line = self.ended(&fold);
            self.plain.write(&[line]);
        }
    }
}
