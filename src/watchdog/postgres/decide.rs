//! What is to be done next: a function of what is seen, without side effects.

use std::time::Duration;

use super::server::{Answer, State};
use crate::watchdog::Record;

/// A standby that lacks more than this is not waited for by commits yet: they would stand still until it has caught up.
const CLOSE: i64 = 1024 * 1024;

/// What the API server says of a pod. Where it says nothing, this is what it said last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pod {
    /// Its container runs, as far as is known.
    #[default]
    Running,
    /// It is being deleted.
    Leaving,
    /// Its container has ended, or it is gone. That only saves probes: what may be promoted is decided by the record.
    Down,
}

/// One pod, seen from everywhere.
#[derive(Clone, Debug)]
pub struct Side {
    /// Its name.
    pub name: String,
    /// What the API server says.
    pub pod: Pod,
    /// What its server answered last; None: it has not been asked yet.
    pub answer: Option<Answer>,
    /// So many probes in a row it did not answer.
    pub failures: u32,
    /// How long ago its WAL receiver last heard of its primary; None: it is not connected.
    pub heard: Option<Duration>,
    /// How long ago the other pod reported to it as its standby; None: it does not stream from here.
    pub reported: Option<Duration>,
}

impl Side {
    fn state(&self) -> Option<&State> {
        match &self.answer {
            Some(Answer::Up(state)) => Some(state),
            _ => None,
        }
    }

    fn primary(&self) -> Option<&State> {
        self.state().filter(|state| !state.in_recovery)
    }
}

/// What is seen.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// The record.
    pub record: &'a Record,
    /// The pod that the record names.
    pub primary: Side,
    /// The other one.
    pub other: Side,
    /// The pod that Service `postgres-primary` leads to.
    pub led: &'a str,
    /// Somebody asks for a switchover.
    pub switchover: bool,
    /// So many probes in a row have to fail.
    pub patience: u32,
    /// A silence as long as this is one: neither server reports that rarely to the other.
    pub silence: Duration,
}

/// One step. Each is taken alone, and then everything is looked at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// All is as it should be, or nothing can be done yet.
    Wait,
    /// Something is wrong that no step of ours mends.
    Alarm(String),
    /// Make the other pod primary.
    FailOver(String),
    /// Promote the recorded primary: a failover was begun, and not finished.
    Promote,
    /// The recorded primary accepts writes: lead everybody there.
    Settle,
    /// Let commits wait for the standby, and then record it.
    Enlist,
    /// Record that the primary acknowledges alone, and then let it.
    Release(String),
    /// The primary waits for a standby that is not recorded: let it acknowledge alone.
    Unbind,
    /// End the other pod's sessions: it is primary no longer, and its clients do not know.
    Fence,
}

impl Seen<'_> {
    /// What is to be done next.
    pub fn step(&self) -> Step {
        match (self.primary.state(), &self.primary.answer) {
            (Some(state), _) if state.in_recovery => self.unpromoted(state),
            (Some(state), _) => self.healthy(state),
            (None, None) => Step::Wait,
            (None, Some(answer)) => self.failing(answer),
        }
    }

    /// The recorded primary does not accept writes: ours to finish, if a failover was begun.
    fn unpromoted(&self, state: &State) -> Step {
        let name = &self.primary.name;
        if let Some(other) = self.other.primary().filter(|other| other.timeline > state.timeline) {
            return Step::Alarm(format!(
                "the record names {name}, but {} is primary on a later timeline ({}): set POSTGRES_HOST in ConfigMap \
                 keyboss-config to {}.postgres",
                self.other.name, other.timeline, self.other.name
            ));
        }
        if self.record.epoch > 0 && state.timeline == self.record.timeline && state.lsn >= self.record.lsn {
            return Step::Promote;
        }
        // Its entrypoint promotes a pod that starts and is named.
        Step::Alarm(format!("{name} is the recorded primary and a standby: delete its pod, and it starts as primary"))
    }

    /// The recorded primary accepts writes.
    fn healthy(&self, state: &State) -> Step {
        let name = &self.other.name;
        if state.timeline != self.record.timeline || self.led != self.primary.name {
            return Step::Settle;
        }
        if let Some(other) = self.other.primary() {
            return match other.timeline < state.timeline {
                true => Step::Fence,
                false => Step::Alarm(format!(
                    "{name} is primary too, on timeline {}, and the record names {}: {name} is ended by nobody; delete its pod",
                    other.timeline, self.primary.name
                )),
            };
        }
        let recorded = self.record.standby.as_ref() == Some(name);
        let attached = state.standby.as_ref().filter(|_| self.is_attached());
        let waits = !state.synchronous_standby_names.is_empty();
        if recorded && state.synchronous_standby_names != named(name) {
            return Step::Release(format!("{} does not wait for {name} any more", self.primary.name));
        }
        if recorded && attached.is_none() {
            return Step::Release(format!("{name} does not stream"));
        }
        if recorded {
            let reason = match self.primary.pod {
                _ if self.switchover => Some("a switchover was asked for"),
                Pod::Leaving => Some("it is being deleted"),
                _ => None,
            };
            return match reason.filter(|_| self.other.pod == Pod::Running && self.candidate().is_none()) {
                Some(reason) => Step::FailOver(format!("{}: {reason}", self.primary.name)),
                None => Step::Wait,
            };
        }
        match attached {
            Some(standby) if standby.lag < CLOSE && self.other.pod == Pod::Running => Step::Enlist,
            _ if waits => Step::Unbind,
            _ if self.switchover => Step::Alarm(format!("no switchover: {name} is not a standby that has everything")),
            _ => Step::Wait,
        }
    }

    /// Whether the other pod streams, and is about to go on with it.
    fn is_attached(&self) -> bool {
        self.other.pod == Pod::Running && self.primary.reported.is_some_and(|ago| ago < self.silence)
    }

    /// The recorded primary does not answer.
    fn failing(&self, answer: &Answer) -> Step {
        let name = &self.primary.name;
        let gone = self.primary.pod != Pod::Running;
        let why = match answer {
            Answer::Alive(_) if self.primary.pod == Pod::Leaving => format!("{name} is being deleted"),
            // Starting, or all its slots are full: alive (HA.md, rule 7).
            Answer::Alive(words) if self.primary.failures >= self.patience => {
                return Step::Alarm(format!("{name} is alive and refuses the watchdog: {words}"));
            }
            Answer::Alive(_) | Answer::Up(_) => return Step::Wait,
            Answer::Crashed(words) => format!("{name} is down ({words})"),
            Answer::Hung => format!("{name} does not answer"),
        };
        if !gone && self.primary.failures < self.patience {
            return Step::Wait;
        }
        if !gone && self.other.heard.is_some_and(|ago| ago < self.silence) {
            return Step::Alarm(format!("{name} does not answer the watchdog, but it answers {}", self.other.name));
        }
        match self.candidate() {
            None => Step::FailOver(why),
            Some(unfit) => Step::Alarm(format!("{why}, and nobody is promoted: {unfit}")),
        }
    }

    /// Why the other pod may not be promoted (HA.md, rules 1, 2 and 6).
    fn candidate(&self) -> Option<String> {
        let name = &self.other.name;
        if self.record.standby.as_ref() != Some(name) {
            return Some(format!("{name} is not recorded as having every acknowledged commit"));
        }
        if self.other.pod != Pod::Running {
            return Some(format!("{name} is not running either"));
        }
        match self.other.state() {
            None => Some(format!("{name} does not answer either")),
            Some(state) if !state.in_recovery => Some(format!("{name} is no standby")),
            Some(state) if state.timeline != self.record.timeline => {
                Some(format!("{name} is on timeline {}, and recorded is {}", state.timeline, self.record.timeline))
            }
            Some(state) if state.lsn < self.record.lsn => {
                Some(format!("{name} has WAL up to {}, and recorded is {}", state.lsn, self.record.lsn))
            }
            Some(_) => None,
        }
    }
}

/// The value of `synchronous_standby_names` that names one pod
/// (<https://www.postgresql.org/docs/15/runtime-config-replication.html#GUC-SYNCHRONOUS-STANDBY-NAMES>).
pub fn named(pod: &str) -> String {
    format!("\"{pod}\"")
}
