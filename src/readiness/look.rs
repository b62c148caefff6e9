//! One look at one target: what every rule needs at hand.

use std::time::Duration;

use super::memory::Memory;
use super::outcome::{Failure, Progress, Readiness, Suspicion};
use super::target::Target;
use super::world::World;

/// One call of [`assess`](super::assess).
pub(super) struct Look<'a> {
    pub(super) target: &'a Target,
    pub(super) world: &'a World,
    pub(super) memory: &'a mut Memory,
    /// On the caller's clock.
    pub(super) now: Duration,
    /// Since the first look at this write.
    pub(super) waited: Duration,
}

/// What a rule has found wrong, the worst first.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Finding {
    /// It will not pass.
    Failed(Failure),
    /// It may pass.
    Suspect(Suspicion),
    /// Worth showing; it never fails a deploy by itself.
    Note(String),
}

impl Finding {
    /// The finding in words, on one line.
    pub(super) fn words(&self) -> String {
        match self {
            Finding::Failed(failure) => failure.to_string(),
            Finding::Suspect(suspicion) => suspicion.failure.to_string(),
            Finding::Note(note) => note.clone(),
        }
    }

    /// The finding, with the pod it was found in.
    pub(super) fn in_pod(self, pod: &str) -> Finding {
        match self {
            Finding::Failed(failure) => Finding::Failed(failure.in_pod(pod)),
            Finding::Suspect(suspicion) => {
                Finding::Suspect(Suspicion { failure: suspicion.failure.in_pod(pod), ..suspicion })
            }
            Finding::Note(note) => Finding::Note(format!("pod {pod}: {note}")),
        }
    }

    fn urgency(&self) -> (u8, Option<Duration>) {
        match self {
            Finding::Failed(_) => (0, None),
            Finding::Suspect(suspicion) if suspicion.fails_at.is_some() => (1, suspicion.fails_at),
            Finding::Suspect(_) => (2, None),
            Finding::Note(_) => (3, None),
        }
    }
}

/// The worst of several findings; the first of equals, so that the answer is stable.
pub(super) fn worst(findings: impl IntoIterator<Item = Finding>) -> Option<Finding> {
    findings.into_iter().min_by_key(Finding::urgency)
}

impl<'a> Look<'a> {
    pub(super) fn new(target: &'a Target, world: &'a World, memory: &'a mut Memory, now: Duration) -> Look<'a> {
        Look { target, world, waited: memory.waited(&target.write, now), memory, now }
    }

    /// A bad state that is a failure once it has lasted for `grace`. `subject` tells apart what
    /// is in that state: the uid of an object, a pod or a pod's container.
    pub(super) fn suspect(&mut self, subject: &str, grace: Duration, failure: Failure) -> Finding {
        let since = self.memory.trouble(self.target, subject, failure.reason.as_str(), &failure.message, self.now);
        let fails_at = since + grace;
        if self.now >= fails_at {
            return Finding::Failed(failure);
        }
        Finding::Suspect(Suspicion { failure, since, fails_at: Some(fails_at) })
    }

    /// To be called last: a state that this look has not seen is over.
    pub(super) fn forget_what_is_over(self) {
        self.memory.forget_what_is_over(self.target, self.now);
    }

    /// In progress, `done` of `total`; the finding, if there is one, is told after `why`.
    pub(super) fn in_progress(
        &self,
        why: impl Into<String>,
        done: i32,
        total: i32,
        finding: Option<Finding>,
    ) -> Readiness {
        let mut why = why.into();
        if let Some(finding) = &finding {
            why.push_str("; ");
            why.push_str(&finding.words());
        }
        let suspicion = match finding {
            Some(Finding::Suspect(suspicion)) => Some(suspicion),
            _ => None,
        };
        let total = u32::try_from(total).unwrap_or(0);
        Readiness::InProgress(Progress { why, done: u32::try_from(done).unwrap_or(0).min(total), total, suspicion })
    }
}
