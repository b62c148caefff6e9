//! The log of GitHub Actions: plain lines, folded by phase, and annotations of what failed
//! (<https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>).
//!
//! Secrets are masked before a line is written, so `::add-mask::` is not used: its own line holds the value.

use std::io::Write;

use crate::pipeline::{Diagnosis, Event, Finished, Outcome, PhaseSummary};
use crate::render::Phase;

use super::fold::Folds;
use super::plain::Plain;
use super::{Clock, Reporter, text};

/// Writes what [`Plain`] does, with workflow commands around it.
pub struct GitHub<W> {
    plain: Plain<W>,
    folds: Folds,
    /// The phase whose failure was annotated already, with its evidence.
    diagnosed: Option<Phase>,
    is_rehearsal: bool,
    is_over: bool,
}

impl<W: Write + Send> GitHub<W> {
    /// A reporter that writes to `out` and asks `clock` once for each event.
    pub fn new(out: W, clock: Clock) -> Self {
        Self {
            plain: Plain::new(out, clock),
            folds: Folds::default(),
            diagnosed: None,
            is_rehearsal: false,
            is_over: false,
        }
    }

    /// What is wrong, for the page of the run, if anything is.
    fn annotation(&mut self, event: &Event) -> Option<String> {
        match event {
            Event::DeployStarted(started) => {
                self.is_rehearsal = started.rehearsal;
                None
            }
            Event::PhaseStarted { .. } => {
                self.diagnosed = None;
                None
            }
            Event::Diagnosis(diagnosis) => {
                self.diagnosed = Some(diagnosis.phase);
                let Diagnosis { object, reason, .. } = &**diagnosis;
                Some(error(&format!("{object}: {reason}"), &words(diagnosis)))
            }
            Event::PhaseFinished(PhaseSummary {
                phase, outcome: Outcome::Failed | Outcome::TimedOut, reason, ..
            }) if self.diagnosed != Some(*phase) => {
                Some(error(&text::place(*phase), reason.as_deref().unwrap_or("failed")))
            }
            Event::DeployFinished(finished) => {
                self.is_over = true;
                let Finished { succeeded, message, next_steps, .. } = &**finished;
                let lines: Vec<String> = std::iter::once(message.clone()).chain(text::next_steps(next_steps)).collect();
                (!succeeded).then(|| error("keyboss", &lines.join("\n")))
            }
            // What a rehearsal finds, and what makes it fail, is told after its end.
            Event::Notice { message, .. } if self.is_over && self.is_rehearsal => Some(error("keyboss", message)),
            _ => None,
        }
    }
}

impl<W: Write + Send> Reporter for GitHub<W> {
    fn event(&mut self, event: &Event) {
        let (ended, begun) = self.folds.step(event);
        let ended = ended.map(|_| "::endgroup::".to_owned());
        let begun = begun.map(|fold| format!("::group::{}", data(&fold.title)));
        let annotation = self.annotation(event);
        let (_, told) = self.plain.told(event);
        let told = told.iter().map(|line| harmless(line));
        let lines: Vec<String> = ended.into_iter().chain(begun).chain(annotation).chain(told).collect();
        self.plain.write(&lines);
    }

    fn end(&mut self) {
        if self.folds.end().is_some() {
            self.plain.write(&["::endgroup::".to_owned()]);
        }
    }
}

/// The reason in words, and where it shows.
fn words(diagnosis: &Diagnosis) -> String {
    let Diagnosis { message, pod, container, image, .. } = diagnosis;
    let places = [("pod", pod), ("container", container), ("image", image)];
    let places = places.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?)));
    std::iter::once(message.clone()).chain(places).collect::<Vec<_>>().join("\n")
}

/// An annotation that says what failed.
pub fn error(title: &str, message: &str) -> String {
    format!("::error title={}::{}", property(title), data(message))
}

/// A line that holds no workflow command. One of the older form, `##[command]`, is found anywhere in a line; one of the
/// newer only at its beginning, where [`Plain`] has the time
/// (<https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs>).
pub fn harmless(line: &str) -> String {
    line.replace("##[", "## [")
}

/// A text as the data of a command.
fn data(text: &str) -> String {
    harmless(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A text as a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
