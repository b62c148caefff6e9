//! Which lines of a CI log belong together, so that its viewer can fold them: those of a phase, of a rollback, of a reset.

use crate::pipeline::Event;

use super::text;

/// Lines that can be folded away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// Its name, of letters and digits.
    pub name: &'static str,
    /// What is shown of it when it is folded.
    pub title: String,
}

impl Fold {
    fn new(name: &'static str, title: impl Into<String>) -> Self {
        Self { name, title: title.into() }
    }
}

/// Follows a deploy; at most one fold is open at a time.
#[derive(Debug, Default)]
pub struct Folds {
    open: Option<Fold>,
    is_deploying: bool,
}

impl Folds {
    /// The fold that ends before the lines of an event, and the one that they begin.
    ///
    /// What ends a phase stands below its fold, and so does why an object failed, so that both are seen when all is folded.
    pub fn step(&mut self, event: &Event) -> (Option<Fold>, Option<Fold>) {
        let begun = match event {
            Event::DeployStarted(_) => {
                self.is_deploying = true;
                None
            }
            Event::PhaseStarted { phase, .. } => Some(Fold::new(phase.name(), text::place(*phase))),
            Event::RollbackStarted { .. } => Some(Fold::new("rollback", "Rollback")),
            Event::Deleted { .. } if !self.is_deploying && self.open.is_none() => Some(Fold::new("reset", "Reset")),
            Event::ResetPlanned(_) => {
                self.is_deploying = false;
                None
            }
            Event::Diagnosis(_)
            | Event::PhaseFinished(_)
            | Event::RollbackFinished { .. }
            | Event::ResetFinished { .. }
            | Event::DeployFinished(_) => None,
            Event::Notice { .. }
            | Event::Applied { .. }
            | Event::Waiting { .. }
            | Event::Ready { .. }
            | Event::Heartbeat { .. }
            | Event::Restored(_)
            | Event::Deleted { .. } => return (None, None),
        };
        (std::mem::replace(&mut self.open, begun.clone()), begun)
    }

    /// The fold that is still open at the end.
    pub fn end(&mut self) -> Option<Fold> {
        self.open.take()
    }
}
