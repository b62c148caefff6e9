//! The waiting loop under a paused clock, on worlds that change by a script.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use serde_json::json;

use super::observer::Observer;
use super::wait::{Waited, wait};
use super::{Event, Events};
use crate::cluster::Clock;
use crate::readiness::{Kind, Memory, Target, World, Write};
use crate::render::Phase;

/// A world that is replaced at given times.
struct Script {
    clock: Clock,
    steps: Vec<(Duration, World)>,
    shown: RefCell<usize>,
    complete_at: Duration,
    trouble: Option<&'static str>,
}

impl Script {
    fn new(clock: Clock, steps: Vec<(u64, World)>) -> Self {
        let steps = steps.into_iter().map(|(at, world)| (Duration::from_secs(at), world)).collect();
        Self { clock, steps, shown: RefCell::new(0), complete_at: Duration::ZERO, trouble: None }
    }
}

impl Observer for Script {
    fn world(&self) -> World {
        let now = self.clock.elapsed();
        let reached = self.steps.iter().filter(|(at, _)| *at <= now).count();
        *self.shown.borrow_mut() = reached;
        self.steps[reached.saturating_sub(1)].1.clone()
    }

    async fn changed(&self) {
        let next = match self.is_complete() {
            true => self.steps.get(*self.shown.borrow()).map(|(at, _)| *at),
            false => Some(self.complete_at),
        };
        match next {
            Some(at) => tokio::time::sleep_until(self.clock.at(at)).await,
            None => std::future::pending().await,
        }
    }

    fn is_complete(&self) -> bool {
        self.clock.elapsed() >= self.complete_at
    }

    fn trouble(&self) -> Option<String> {
        self.trouble.map(str::to_owned)
    }
}

/// A world with one Deployment of two replicas, `ready` of them ready, whose pods `stalled`.
fn world(name: &str, ready: i64, stalled: bool) -> World {
    let (status, reason) = if stalled { ("False", "ProgressDeadlineExceeded") } else { ("True", "ReplicaSetUpdated") };
    let available = if ready >= 2 { "True" } else { "False" };
    let deployment: Deployment = serde_json::from_value(json!({
        "metadata": {"name": name, "uid": name, "generation": 1},
        "spec": {"replicas": 2, "selector": {}, "template": {"spec": {"containers": []}}},
        "status": {
            "observedGeneration": 1, "replicas": 2, "updatedReplicas": 2,
            "readyReplicas": ready, "availableReplicas": ready,
            "conditions": [
                {"type": "Available", "status": available, "reason": "MinimumReplicasAvailable"},
                {"type": "Progressing", "status": status, "reason": reason, "message": "no progress",
                 "lastUpdateTime": "2026-01-01T00:10:00Z"},
            ],
        },
    }))
    .unwrap();
    let mut world = World::default();
    world.deployments.insert(name.to_owned(), Arc::new(deployment));
    world
}

fn both(mut one: World, other: World) -> World {
    one.deployments.extend(other.deployments);
    one
}

fn target(name: &str) -> Target {
    let at = Some("2026-01-01T00:00:00Z".parse().unwrap());
    let write = Write { uid: name.to_owned(), generation: 1, changed: false, at };
    Target { kind: Kind::Deployment, name: name.to_owned(), write }
}

async fn run(names: &[&str], script: impl FnOnce(Clock) -> Script, deadline: u64) -> (Waited, Duration, Vec<Event>) {
    let clock = Clock::start();
    let script = script(clock);
    let (events, mut receiver) = Events::channel();
    let targets: Vec<Target> = names.iter().map(|name| target(name)).collect();
    let deadline = Duration::from_secs(deadline);
    let waited = wait(Phase::Deployments, &targets, &script, &mut Memory::default(), clock, deadline, &events).await;
    drop(events);
    let mut told = Vec::new();
    while let Some(event) = receiver.recv().await {
        told.push(event);
    }
    (waited, clock.elapsed(), told)
}

#[tokio::test(start_paused = true)]
async fn ends_the_moment_all_are_ready_and_tells_each_transition_once() {
    let steps = vec![(0, world("a", 0, false)), (3, world("a", 1, false)), (7, world("a", 2, false))];
    let (waited, took, told) = run(&["a"], |clock| Script::new(clock, steps), 60).await;
    assert_eq!(waited, Waited::Ready);
    assert_eq!(took.as_secs(), 7);
    let waiting = told.iter().filter(|event| matches!(event, Event::Waiting { .. })).count();
    assert_eq!(waiting, 2, "{told:?}");
    assert!(matches!(told.last(), Some(Event::Ready { .. })));
}

#[tokio::test(start_paused = true)]
async fn the_first_failure_ends_the_wait_after_two_seconds_in_which_others_are_gathered() {
    let steps = vec![
        (0, both(both(world("a", 0, false), world("b", 0, false)), world("c", 0, false))),
        (10, both(both(world("a", 0, true), world("b", 0, false)), world("c", 0, false))),
        (11, both(both(world("a", 0, true), world("b", 0, true)), world("c", 0, false))),
        (20, both(both(world("a", 0, true), world("b", 0, true)), world("c", 0, true))),
    ];
    let (waited, took, _) = run(&["a", "b", "c"], |clock| Script::new(clock, steps), 300).await;
    let Waited::Failed(failures) = waited else { panic!("{waited:?}") };
    let names: Vec<&str> = failures.iter().map(|(target, _)| target.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(took.as_secs(), 12);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_names_what_is_not_ready_and_heartbeats_come_before_it() {
    let steps = vec![(0, both(world("a", 2, false), world("b", 1, false)))];
    let (waited, took, told) = run(&["a", "b"], |clock| Script::new(clock, steps), 50).await;
    let Waited::TimedOut(unready) = waited else { panic!("{waited:?}") };
    assert_eq!(unready[0].0.name, "b");
    assert_eq!(unready.len(), 1);
    assert_eq!(took.as_secs(), 50);
    let beats: Vec<(usize, u64)> = told
        .iter()
        .filter_map(|event| match event {
            Event::Heartbeat { ready, left_seconds, worst: Some(worst), .. } if worst.object == "Deployment b" => {
                Some((*ready, *left_seconds))
            }
            _ => None,
        })
        .collect();
    assert_eq!(beats, [(1, 35), (1, 20), (1, 5)]);
}

#[tokio::test(start_paused = true)]
async fn before_the_first_complete_list_absence_means_nothing() {
    for (trouble, told_first) in [(None, "ready"), (Some("connection refused"), "waiting")] {
        let steps = vec![(0, world("a", 2, false))];
        let late = |clock| Script { complete_at: Duration::from_secs(5), trouble, ..Script::new(clock, steps) };
        let (waited, took, told) = run(&["a"], late, 60).await;
        assert_eq!(waited, Waited::Ready);
        assert!(took >= Duration::from_secs(5), "{took:?}");
        let first = match &told[0] {
            Event::Waiting { why, .. } if why.contains("connection refused") => "waiting",
            Event::Ready { .. } => "ready",
            _ => "something else",
        };
        assert_eq!(first, told_first, "{told:?}");
    }
}
