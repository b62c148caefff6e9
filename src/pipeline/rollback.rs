//! Leaves everything as it was before a release (RULES.md T4 to T11).

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use super::autoscalers::is_autoscaler;
use super::persist::persist;
use super::vacate::{gone, still_steering, vacate, why_still_there};
use super::wait::{Waited, wait};
use super::{Event, Events, RestoreOutcome, Restored, seen};
use crate::cluster::{Clock, Cluster, Fault, Watch};
use crate::readiness::{Memory, Target};
use crate::release::{Before, Snapshot, Step, only_for_sets, restore};
use crate::render::{ObjectId, Phase, steered};

/// How long the Deployments that were rolled back may take to be ready again.
const TIMEOUT: Duration = Duration::from_secs(300);
/// A write whose answer never came may still be done later: what is not as it was is restored once more.
const ROUNDS: usize = 3;
const CONCURRENCY: usize = 8;
/// How long an autoscaler may take to be gone, or to be let in once the other one is gone.
const GONE: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_secs(1);

/// Rolls a release back; what became of every object that it touched.
pub async fn roll_back(
    cluster: &Cluster,
    snapshot: &Snapshot,
    phase: Phase,
    clock: Clock,
    events: &Events,
) -> Vec<Restored> {
    if snapshot.is_first {
        return first_install(snapshot);
    }
    let began = clock.elapsed();
    events.emit(Event::RollbackStarted { objects: snapshot.before.len(), timeout_seconds: TIMEOUT.as_secs() });
    let mut rollback = Rollback { cluster, snapshot, events, table: BTreeMap::new() };
    rollback.rounds(phase, clock, began + TIMEOUT).await;
    let table: Vec<Restored> = rollback.table.into_values().collect();
    events.emit(Event::RollbackFinished {
        complete: is_complete(&table),
        seconds: (clock.elapsed() - began).as_secs_f64(),
    });
    table
}

/// There is nothing to go back to: everything stays, to be looked at and to be finished by the next deploy (RULES.md T9).
fn first_install(snapshot: &Snapshot) -> Vec<Restored> {
    let deployments = snapshot.before.iter().filter(|before| before.id.kind == "Deployment");
    deployments.map(|before| restored(before, RestoreOutcome::FirstInstall, None)).collect()
}

fn restored(before: &Before, outcome: RestoreOutcome, reason: Option<String>) -> Restored {
    Restored { object: before.id.to_string(), outcome, reason, was_unhealthy: before.healthy == Some(false) }
}

/// Whether everything is as it was, less what stays by rule.
pub fn is_complete(table: &[Restored]) -> bool {
    table.iter().all(|restored| restored.outcome != RestoreOutcome::Failed)
}

struct Rollback<'a> {
    cluster: &'a Cluster,
    snapshot: &'a Snapshot,
    events: &'a Events,
    table: BTreeMap<ObjectId, Restored>,
}

impl Rollback<'_> {
    async fn rounds(&mut self, phase: Phase, clock: Clock, deadline: Duration) {
        let mut written = BTreeMap::new();
        for round in 1..=ROUNDS {
            let steps = self.steps().await;
            let (writes, others): (Vec<_>, Vec<_>) = steps.into_iter().partition(|(_, step)| is_write(step));
            for (before, step) in &others {
                self.note_step(before, step);
            }
            if writes.is_empty() {
                break;
            }
            if round == ROUNDS {
                self.note_left(&writes);
                break;
            }
            self.write(&writes, &mut written, clock.at(deadline)).await;
            self.wait_for(phase, &written, clock, deadline).await;
        }
    }

    /// What is left to do, in the order in which it is done: configuration before what reads it, deletions last.
    async fn steps(&mut self) -> Vec<(Before, Step)> {
        let cluster = self.cluster;
        let all = self.snapshot.before.clone();
        let read: Vec<(Before, Result<Option<Value>, Fault>)> = futures::stream::iter(all)
            .map(|before| async move {
                let live = persist(async || cluster.get(&before.id).await).await;
                (before, live)
            })
            .buffered(CONCURRENCY)
            .collect()
            .await;
        let is_set = |before: &Before| before.id.kind == "StatefulSet";
        let sets =
            read.iter().filter(|(before, _)| is_set(before)).filter_map(|(_, live)| live.as_ref().ok()?.as_ref());
        let deployments = read.iter().filter(|(before, _)| before.id.kind == "Deployment");
        let kept = only_for_sets(sets, deployments.filter_map(|(before, _)| before.live.as_ref()));
        let mut steps = Vec::new();
        for (before, live) in read {
            match live {
                Ok(_) if kept.contains(&(before.id.kind.clone(), before.id.name.clone())) => {
                    steps.push((before, Step::Stays));
                }
                Ok(live) => {
                    let step = restore(&before, live.as_ref());
                    steps.push((before, step));
                }
                Err(fault) => self.note(&before, RestoreOutcome::Failed, Some(fault.to_string())),
            }
        }
        steps.sort_by_key(|(before, step)| rank(before, step));
        steps
    }

    /// Does the steps; one that fails does not keep the others from being done.
    async fn write(&mut self, steps: &[(Before, Step)], written: &mut BTreeMap<ObjectId, Value>, until: Instant) {
        for (before, step) in steps {
            let id = &before.id;
            let outcome = match step {
                Step::Reapply { value, uid } => {
                    let applied = persist(async || self.cluster.reapply(id, value, uid).await).await;
                    applied.map(|value| drop(written.insert(id.clone(), value)))
                }
                Step::Delete { uid } if is_autoscaler(&id.kind) => self.vacate(id, uid, until).await,
                Step::Delete { uid } => persist(async || self.cluster.forget(id, uid).await).await,
                Step::Recreate { value } => self.recreate(id, value, until).await,
                Step::Unchanged | Step::Stays | Step::Foreign(_) => continue,
            };
            match outcome {
                Ok(()) => self.note_step(before, step),
                Err(fault) => self.note(before, RestoreOutcome::Failed, Some(fault.to_string())),
            }
        }
    }

    /// Deletes an autoscaler of the release, and sees it gone: the one that it displaced comes back after it.
    async fn vacate(&self, id: &ObjectId, uid: &str, until: Instant) -> Result<(), Fault> {
        let until = until.min(Instant::now() + GONE);
        self.going(id, until, persist(async || vacate(self.cluster, id, uid).await)).await
    }

    /// Waits until an autoscaler is gone, but not longer than that.
    async fn going(
        &self,
        id: &ObjectId,
        until: Instant,
        gone: impl Future<Output = Result<(), Fault>>,
    ) -> Result<(), Fault> {
        match timeout_at(until, gone).await {
            Ok(gone) => gone,
            Err(_) => Err(Fault::Other(why_still_there(self.cluster, id).await)),
        }
    }

    /// Brings back an autoscaler that the release has displaced, once it is gone itself and nothing else of ours steers its
    /// workload.
    async fn recreate(&self, id: &ObjectId, value: &Value, until: Instant) -> Result<(), Fault> {
        let until = until.min(Instant::now() + GONE);
        let cluster = self.cluster;
        let known = || self.snapshot.before.iter().map(|before| &before.id).filter(|id| is_autoscaler(&id.kind));
        if let Some(live) = persist(async || cluster.get(id).await).await? {
            let uid = live["metadata"]["uid"].as_str().unwrap_or_default();
            self.going(id, until, persist(async || gone(cluster, id, uid).await)).await?;
        }
        let workload = steered(value).unwrap_or_default();
        while let Some(other) = persist(async || still_steering(cluster, &workload, id, known()).await).await? {
            if Instant::now() >= until {
                let words = format!("{other} still steers {workload}, and two would work against each other");
                return Err(Fault::Other(words));
            }
            sleep(AGAIN).await;
        }
        loop {
            match persist(async || cluster.recreate(id, value).await).await {
                // KEDA's webhook looks at others through a cache.
                Err(fault) if fault.is_denied() && Instant::now() < until => sleep(AGAIN).await,
                answer => return answer.map(drop),
            }
        }
    }

    /// Waits until the Deployments that were rolled back are ready, less those that were not before.
    async fn wait_for(&mut self, phase: Phase, written: &BTreeMap<ObjectId, Value>, clock: Clock, deadline: Duration) {
        let of = |id: &ObjectId| self.snapshot.before.iter().find(|before| before.id == *id);
        let was_healthy = |id: &ObjectId| of(id).is_some_and(|before| before.healthy == Some(true));
        let waited = written.iter().filter(|(id, _)| id.kind == "Deployment" && was_healthy(id));
        let targets: Vec<Target> = waited.filter_map(|(id, value)| seen::written(id, value, true)).collect();
        if targets.is_empty() {
            return;
        }
        let watch = Watch::start(self.cluster.client(), self.cluster.namespace());
        let ended = wait(phase, &targets, &watch, &mut Memory::default(), clock, deadline, self.events).await;
        let failures: Vec<(Target, String)> = match ended {
            Waited::Ready => Vec::new(),
            Waited::Failed(failures) => failures.into_iter().map(|(of, why)| (of, why.to_string())).collect(),
            Waited::TimedOut(unready) => unready.into_iter().map(|(of, progress)| (of, progress.why)).collect(),
        };
        for (target, why) in failures {
            let of = |before: &&Before| before.id.kind == "Deployment" && before.id.name == target.name;
            if let Some(before) = self.snapshot.before.iter().find(of) {
                let why = format!("its configuration is that of before, but it is not ready again: {why}");
                self.note(before, RestoreOutcome::Failed, Some(why));
            }
        }
    }

    /// Notes what a step means for people. What was done in an earlier round is not unchanged now.
    fn note_step(&mut self, before: &Before, step: &Step) {
        let (outcome, reason) = match step {
            Step::Unchanged | Step::Stays if self.table.contains_key(&before.id) => return,
            Step::Unchanged => (RestoreOutcome::Unchanged, None),
            Step::Reapply { .. } | Step::Recreate { .. } => (RestoreOutcome::RolledBack, None),
            Step::Delete { .. } => (RestoreOutcome::Deleted, None),
            Step::Stays => (RestoreOutcome::Stays, Some(why_it_stays(&before.id.kind).to_owned())),
            Step::Foreign(why) => (RestoreOutcome::Failed, Some((*why).to_owned())),
        };
        self.note(before, outcome, reason);
    }

    /// Notes what is not as it was after the last round.
    fn note_left(&mut self, steps: &[(Before, Step)]) {
        let has_failed = |restored: &Restored| restored.outcome == RestoreOutcome::Failed;
        for (before, _) in steps {
            if !self.table.get(&before.id).is_some_and(has_failed) {
                self.note(before, RestoreOutcome::Failed, Some("it is not as it was before still".to_owned()));
            }
        }
    }

    fn note(&mut self, before: &Before, outcome: RestoreOutcome, reason: Option<String>) {
        let restored = restored(before, outcome, reason);
        if self.table.get(&before.id) != Some(&restored) {
            self.events.emit(Event::Restored(restored.clone()));
            self.table.insert(before.id.clone(), restored);
        }
    }
}

/// What stays, said plainly (RULES.md T11).
fn why_it_stays(kind: &str) -> &'static str {
    match kind {
        "Job" => "what it did to the database stays: the old code runs on the new schema",
        "StatefulSet" => "its data is persistent, so it is never rolled back",
        "PersistentVolumeClaim" => "data is never deleted by a rollback",
        "Secret" => "its values are kept",
        _ => "a StatefulSet starts with it",
    }
}

fn is_write(step: &Step) -> bool {
    matches!(step, Step::Reapply { .. } | Step::Delete { .. } | Step::Recreate { .. })
}

/// Configuration first, or the pods that are rolled back start on the new one (RULES.md T6); what the release made
/// goes after it, and what it had displaced comes back last.
fn rank(before: &Before, step: &Step) -> u8 {
    match (step, before.id.kind.as_str()) {
        (Step::Recreate { .. }, _) => 4,
        (Step::Delete { .. }, _) => 3,
        (_, "ConfigMap") => 0,
        (_, "Deployment" | "CronJob") => 2,
        _ => 1,
    }
}
