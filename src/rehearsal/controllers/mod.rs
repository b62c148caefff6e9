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
mod node;
mod object;
mod ordinals;
mod pod_status;
mod proportional;
mod replica_set;
mod revision;
mod rolling;
mod schedule;
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
use super::server::Server;
use turn::Turn;

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
    let mut memory = Memory { node: node::Node::with(ailments), ..Memory::default() };
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

/// What controllers remember that no object says.
#[derive(Debug, Default)]
struct Memory {
    autoscalers: autoscaler::Looks,
    jobs: job::Backoffs,
    services: endpoints::Services,
    templates: stateful_set::Templates,
    node: node::Node,
}

impl Memory {
    /// Runs every controller until none of them has anything to do now. The moment one of them waits for, if any.
    fn round(&mut self, server: &mut Server, began: Timestamp, now: Duration) -> Option<Duration> {
        let mut wake = None;
        for _ in 0..PASSES {
            let mut turn = Turn::new(server, began, now);
            let before = turn.version();
            finalizers::step(&mut turn);
            garbage::step(&mut turn);
            service::step(&mut turn);
            claim::step(&mut turn);
            autoscaler::step(&mut turn, &mut self.autoscalers);
            deployment::step(&mut turn);
            replica_set::step(&mut turn);
            stateful_set::step(&mut turn, &mut self.templates);
            cron_job::step(&mut turn);
            job::step(&mut turn, &mut self.jobs);
            endpoints::step(&mut turn, &mut self.services);
            turn.manager = turn::KUBELET;
            self.node.step(&mut turn);
            wake = turn.wake();
            if turn.version() == before {
                break;
            }
        }
        wake
    }
}

#[cfg(test)]
mod tests;
