//! What earlier looks saw.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::target::{Kind, Target, Write};

/// What earlier looks saw: since when something is wrong, what an image pull said, how often a
/// container had restarted before we came.
///
/// Belongs to one clock, whatever that counts from.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    troubles: BTreeMap<Key, Trouble>,
    pulls: BTreeMap<ContainerKey, String>,
    restarts: BTreeMap<ContainerKey, i32>,
    met: BTreeSet<String>,
    began: BTreeMap<(String, i64), Duration>,
}

/// A state of a target, or of one of its pods or containers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    kind: Kind,
    target: String,
    subject: String,
    what: &'static str,
}

/// A pod's uid and a container's name.
type ContainerKey = (String, String);

#[derive(Clone, Debug)]
struct Trouble {
    since: Duration,
    last: Duration,
    message: String,
}

impl Memory {
    /// How long this write is being waited for: since the first look at it.
    pub(super) fn waited(&mut self, write: &Write, now: Duration) -> Duration {
        let key = (write.uid.clone(), write.generation);
        now.saturating_sub(*self.began.entry(key).or_insert(now))
    }

    /// Notes that the target is in trouble now, and says since when.
    pub(super) fn trouble(
        &mut self,
        target: &Target,
        subject: &str,
        what: &'static str,
        message: &str,
        now: Duration,
    ) -> Duration {
        let trouble = self.troubles.entry(key(target, subject, what)).or_insert_with(|| Trouble {
            since: now,
            last: now,
            message: String::new(),
        });
        trouble.last = now;
        message.clone_into(&mut trouble.message);
        trouble.since
    }

    /// The message of a trouble that is not over.
    pub(super) fn message(&self, target: &Target, subject: &str, what: &'static str) -> Option<&str> {
        self.troubles.get(&key(target, subject, what)).map(|trouble| trouble.message.as_str())
    }

    /// Forgets the target's troubles that were not noted at `now`: should they come back, their
    /// grace period begins anew.
    pub(super) fn forget_what_is_over(&mut self, target: &Target, now: Duration) {
        self.troubles
            .retain(|key, trouble| trouble.last == now || key.kind != target.kind || key.target != target.name);
    }

    /// Remembers why an image could not be pulled.
    pub(super) fn pull_failed(&mut self, pod_uid: &str, container: &str, message: &str) {
        self.pulls.insert(container_key(pod_uid, container), message.to_owned());
    }

    /// Why the image could not be pulled, as far as anything ever said so.
    pub(super) fn pull_message(&self, pod_uid: &str, container: &str) -> Option<&str> {
        self.pulls.get(&container_key(pod_uid, container)).map(String::as_str)
    }

    /// The container's restarts since `baseline` was first noted.
    pub(super) fn restarts(&mut self, pod_uid: &str, container: &str, count: i32, baseline: i32) -> i32 {
        let first = self.restarts.entry(container_key(pod_uid, container)).or_insert(baseline);
        count - *first
    }

    /// Remembers that the written object itself was seen, and so cannot be "not seen yet".
    pub(super) fn met(&mut self, uid: &str) {
        self.met.insert(uid.to_owned());
    }

    /// Was the object with this uid ever seen?
    pub(super) fn has_met(&self, uid: &str) -> bool {
        self.met.contains(uid)
    }
}

fn key(target: &Target, subject: &str, what: &'static str) -> Key {
    Key { kind: target.kind, target: target.name.clone(), subject: subject.to_owned(), what }
}

fn container_key(pod_uid: &str, container: &str) -> ContainerKey {
    (pod_uid.to_owned(), container.to_owned())
}
