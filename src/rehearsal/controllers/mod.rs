//! What makes a rehearsed deploy live: controllers that turn a Deployment into pods, and a node that runs them.
//!
//! Each controller is a function from what there is to the next write, as Kubernetes 1.20's controllers are
//! (<https://kubernetes.io/docs/concepts/architecture/controller/>). They run in turn, on every change and whenever
//! one of them waits for a moment that has come.

mod autoscaler;
mod claim;
mod cron_job;
mod deployment;
mod deployment_status;
mod endpoints;
mod event;
mod failing;
mod finalizers;
mod garbage;
mod job;
mod keda;
mod looks;
mod node;
mod object;
mod ordinals;
mod pod_status;
mod proportional;
mod replica_set;
mod revision;
mod rolling;
mod service;
mod stateful_set;
mod template;
mod turn;

use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use super::ailments::Ailments;
use super::face::Face;
use super::server::{MANAGER, Server};
use looks::Looks;
use turn::{KUBELET, Turn};

/// The time between two rounds: a paused clock has to move.
const PAUSE: Duration = Duration::from_millis(1);
/// How often the controllers run within a round; what is left is for the next one.
const PASSES: usize = 50;
/// How long to sleep when nobody waits for a moment.
const IDLE: Duration = Duration::from_secs(3600);

/// The controllers and the node of a rehearsal cluster, at work until this is dropped.
#[derive(Debug)]
pub struct Controllers {
    _task: JoinSet<()>,
}

impl Controllers {
    /// Sets them to work on this cluster.
    pub fn start(face: &Face) -> Self {
        Self::with(face, Ailments::default())
    }

    /// Sets them to work on this cluster, where this is wrong.
    pub fn with(face: &Face, ailments: Ailments) -> Self {
        let mut task = JoinSet::new();
        task.spawn(run(face.clone(), ailments));
        Self { _task: task }
    }
}

async fn run(face: Face, ailments: Ailments) {
    let mut changes = face.changes();
    let clock = face.clock();
    let mut memory = Memory { ailments, ..Memory::default() };
    loop {
        changes.borrow_and_update();
        let now = clock.elapsed();
        let wake = face.change(|server| memory.round(server, clock.began(), now));
        sleep(PAUSE).await;
        tokio::select! {
            biased;
            changed = changes.changed() => if changed.is_err() { return },
            () = sleep_until(clock.at(wake.unwrap_or(now + IDLE))) => {}
        }
    }
}

/// One controller, or the node: the kinds it looks at (none: at every kind), who it is, and what it does.
struct Controller(&'static [&'static str], &'static str, fn(&mut Turn, &mut Memory));

/// All of them, in the order of a round.
const ALL: [Controller; 13] = [
    Controller(&[], MANAGER, |turn, _| finalizers::step(turn)),
    Controller(&[], MANAGER, |turn, _| garbage::step(turn)),
    Controller(&["Service"], MANAGER, |turn, _| service::step(turn)),
    Controller(&["PersistentVolumeClaim"], MANAGER, |turn, memory| claim::step(turn, &memory.ailments)),
    Controller(&["ScaledObject", "HorizontalPodAutoscaler", "Deployment"], keda::KEDA, |turn, memory| {
        if !memory.ailments.keda_is_down() {
            keda::step(turn);
        }
    }),
    Controller(&["HorizontalPodAutoscaler", "Deployment"], MANAGER, |turn, memory| {
        autoscaler::step(turn, &mut memory.autoscalers);
    }),
    Controller(&["Deployment", "ReplicaSet", "Pod"], MANAGER, |turn, memory| {
        deployment::step(turn, &mut memory.deployments);
    }),
    Controller(&["ReplicaSet", "Pod"], MANAGER, |turn, memory| {
        replica_set::step(turn, &mut memory.replica_sets);
    }),
    Controller(&["StatefulSet", "Pod", "PersistentVolumeClaim"], MANAGER, |turn, memory| {
        stateful_set::step(turn, &mut memory.templates, &mut memory.stateful_sets);
    }),
    Controller(&["CronJob", "Job"], MANAGER, |turn, _| cron_job::step(turn)),
    Controller(&["Job", "Pod"], MANAGER, |turn, memory| job::step(turn, &mut memory.jobs)),
    Controller(&["Service", "Endpoints", "Pod"], MANAGER, |turn, memory| {
        endpoints::step(turn, &mut memory.services);
    }),
    Controller(&["Pod", "PersistentVolumeClaim"], KUBELET, |turn, memory| {
        memory.node.step(turn, &memory.ailments);
    }),
];

/// What controllers remember that no object says.
#[derive(Debug, Default)]
struct Memory {
    ailments: Ailments,
    autoscalers: autoscaler::Moments,
    deployments: Looks,
    replica_sets: Looks,
    stateful_sets: Looks,
    jobs: job::Backoffs,
    services: endpoints::Services,
    templates: stateful_set::Templates,
    node: node::Node,
    /// What each controller has seen: up to which version, and the moment it waits for.
    seen: [(u64, Option<Duration>); ALL.len()],
}

impl Memory {
    /// Runs every controller that has something new to see, until none has. The moment one of them waits for, if any.
    fn round(&mut self, server: &mut Server, began: Timestamp, now: Duration) -> Option<Duration> {
        for _ in 0..PASSES {
            let mut turn = Turn::new(server, began, now);
            let before = turn.version();
            for (index, Controller(kinds, manager, step)) in ALL.iter().enumerate() {
                let (version, wake) = self.seen[index];
                if turn.changed(kinds) > version || wake.is_some_and(|wake| wake <= now) {
                    let version = turn.version();
                    turn.manager = manager;
                    step(&mut turn, self);
                    self.seen[index] = (version, turn.take_wake());
                }
            }
            if turn.version() == before {
                break;
            }
        }
        self.seen.iter().filter_map(|(_, wake)| *wake).min()
    }
}

#[cfg(test)]
mod tests;
