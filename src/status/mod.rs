//! How a shop stands, each part asked of whoever knows it and all at the same time: the releases, the workloads, who
//! leads, the autoscalers, the backups, what is not as the release left it, and the alerts.
//!
//! It writes nothing, starts nothing and reads no Secret. A part that cannot be read costs no other.

mod alerts;
mod autoscalers;
mod backups;
mod drift;
mod look;
mod objects;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::{Value, json};

pub use alerts::Alert;
pub use autoscalers::{Autoscaler, Metric};
pub use backups::{Backups, Outcome, Run};
pub use drift::{Change, Drift, Drifted};
pub use look::look;

use crate::cluster::Fault;
use crate::pipeline::Workload;
use crate::release::{Journal, State, in_place};
use crate::watchdog::Roles;

/// So many releases are told, the newest first.
const LAST: usize = 3;

/// A part, or why it is not known.
pub type Known<T> = Result<T, Fault>;

/// How a shop stands.
#[derive(Debug)]
pub struct Status {
    /// Its namespace.
    pub namespace: String,
    /// When it was asked.
    pub at: Timestamp,
    /// The records of its releases, the oldest first.
    pub journals: Known<Vec<Journal>>,
    /// Who holds its lock, in words.
    pub locks: Known<Vec<String>>,
    /// Its workloads.
    pub workloads: Known<Vec<Workload>>,
    /// Who leads; None before the first deploy.
    pub roles: Known<Option<Roles>>,
    /// Its autoscalers.
    pub autoscalers: Known<Vec<Autoscaler>>,
    /// Its dumps, their verification, and their copies off site.
    pub backups: Known<Vec<Backups>>,
    /// What is not as the release in place left it; None where none is in place.
    pub drift: Known<Option<Drift>>,
    /// The alerts that fire; None where it has no monitoring.
    pub alerts: Known<Option<Vec<Alert>>>,
}

impl Status {
    /// The release in place.
    pub fn in_place(&self) -> Option<&Journal> {
        in_place(self.known_journals())
    }

    /// The releases that are under way, or were broken off.
    pub fn unfinished(&self) -> impl Iterator<Item = &Journal> {
        self.known_journals().iter().filter(|journal| journal.state == State::Running)
    }

    /// The newest releases, the newest first.
    pub fn last(&self) -> impl Iterator<Item = &Journal> {
        self.known_journals().iter().rev().take(LAST)
    }

    fn known_journals(&self) -> &[Journal] {
        self.journals.as_deref().unwrap_or_default()
    }

    /// The parts that are not known, by their names in [`Self::json`], and why.
    pub fn unknown(&self) -> Vec<(&'static str, String)> {
        let parts = [
            ("releases", self.journals.as_ref().err()),
            ("locks", self.locks.as_ref().err()),
            ("workloads", self.workloads.as_ref().err()),
            ("roles", self.roles.as_ref().err()),
            ("autoscalers", self.autoscalers.as_ref().err()),
            ("backups", self.backups.as_ref().err()),
            ("drift", self.drift.as_ref().err()),
            ("alerts", self.alerts.as_ref().err()),
        ];
        parts.into_iter().filter_map(|(part, fault)| Some((part, fault?.to_string()))).collect()
    }

    /// All of it, but for when it was asked. A part that is not known is empty or null.
    pub fn json(&self) -> Value {
        let unknown: serde_json::Map<String, Value> =
            self.unknown().into_iter().map(|(part, why)| (part.to_owned(), why.into())).collect();
        json!({
            "namespace": self.namespace,
            "release": self.in_place().map(|journal| journal.release),
            "unfinished": self.unfinished().map(|journal| journal.release).collect::<Vec<_>>(),
            "locks": self.locks.as_deref().unwrap_or_default(),
            "workloads": self.workloads.as_deref().unwrap_or_default(),
            "roles": self.roles.as_ref().ok(),
            "phases": self.in_place().map(|journal| &journal.phases),
            "releases": self.journals.is_ok().then(|| self.last().map(release).collect::<Vec<_>>()),
            "autoscalers": self.autoscalers.as_ref().ok(),
            "backups": self.backups.as_ref().ok(),
            "drift": self.drift.as_ref().ok(),
            "alerts": self.alerts.as_ref().ok(),
            "unknown": unknown,
        })
    }
}

/// How a shop stands, less what moves all the time: two that are equal say the same to people.
pub fn gist(status: &Value) -> Value {
    let mut gist = status.clone();
    gist["locks"] = status["locks"].as_array().map_or(0, Vec::len).into();
    for pointer in ["/roles/postgres/lag_bytes", "/roles/redis/lag_bytes"] {
        if let Some(lag) = gist.pointer_mut(pointer) {
            *lag = Value::Null;
        }
    }
    for autoscaler in gist["autoscalers"].as_array_mut().into_iter().flatten() {
        autoscaler["metrics"] = Value::Null;
    }
    gist
}

/// What a list says of a release; `keyboss history` says the rest.
fn release(journal: &Journal) -> Value {
    let Journal { release, action, state, started, finished, author, .. } = journal;
    json!({
        "release": release, "action": action, "state": state, "started": started, "finished": finished, "author": author,
    })
}
