//! One trouble at every request.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use keyboss::rehearsal::ailments::Ailment;
use keyboss::rehearsal::faults::Fault;

use super::act::{Trouble, act, requests};
use super::scene::{SCENES, Scene};
use crate::stage::runtime;

/// Every way in which a request goes wrong, or what happens to keyboss then.
const TROUBLES: [fn(u64) -> Trouble; 11] = [
    |n| Trouble::Fault(n, Fault::Refused(500)),
    |n| Trouble::Fault(n, Fault::Refused(503)),
    |n| Trouble::Fault(n, Fault::Refused(409)),
    |n| Trouble::Fault(n, Fault::Refused(403)),
    |n| Trouble::Fault(n, Fault::Reset),
    |n| Trouble::Fault(n, Fault::ReplyLost),
    |n| Trouble::Fault(n, Fault::Torn),
    |n| Trouble::Fault(n, Fault::Silence),
    Trouble::Kill,
    Trouble::Stop,
    Trouble::Thief,
];

/// Every run, on every core.
pub fn each(runs: &[(Scene, Vec<Trouble>)]) {
    assert!(!runs.is_empty());
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((scene, troubles)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
            fastrand::seed(1);
            runtime().block_on(act(*scene, troubles));
        }
    };
    thread::scope(|scope| {
        (0..thread::available_parallelism().map_or(1, usize::from)).for_each(|_| drop(scope.spawn(work)));
    });
}

/// Each request of a scene once in `every`, each time with another trouble.
fn some(scene: Scene, every: usize) -> Vec<(Scene, Vec<Trouble>)> {
    let troubles = TROUBLES.iter().cycle();
    (1..=requests(scene)).step_by(every).zip(troubles).map(|(n, trouble)| (scene, vec![trouble(n)])).collect()
}

#[test]
fn every_scene_is_played_without_trouble() {
    each(&SCENES.map(|scene| (scene, Vec::new())));
}

#[test]
fn trouble_at_any_request_of_an_upgrade() {
    each(&some(Scene::Upgrade, 5));
}

#[test]
fn trouble_at_any_request_of_an_upgrade_that_fails() {
    each(&some(Scene::BrokenUpgrade, 5));
}

#[test]
fn trouble_at_any_request_of_other_deploys() {
    let of = |scene| some(scene, 12);
    each(&[of(Scene::First), of(Scene::Unchanged), of(Scene::Rollback)].concat());
}

#[test]
fn deletions_that_are_refused_after_a_rollback_are_told() {
    let last = requests(Scene::Rollback);
    let refused = |n| (Scene::Rollback, vec![Trouble::Fault(n, Fault::Refused(403))]);
    each(&(last - 12..=last + 6).map(refused).collect::<Vec<_>>());
}

#[test]
fn a_sick_workload_of_any_phase() {
    let sick = |ailment, workload| (Scene::Upgrade, vec![Trouble::Sick(ailment, workload)]);
    each(&[
        sick(Ailment::Image, "saleor-api"),
        sick(Ailment::Crash, "migrate"),
        sick(Ailment::Unready, "saleor-storefront"),
        sick(Ailment::Unschedulable, "saleor-dashboard"),
    ]);
}

#[test]
#[ignore = "takes minutes: tests/run --all"]
fn every_trouble_at_every_request() {
    let of = |scene| {
        let all = (1..=requests(scene)).flat_map(|n| TROUBLES.map(|trouble| vec![trouble(n)]));
        all.map(move |troubles| (scene, troubles)).collect::<Vec<_>>()
    };
    each(&SCENES.map(of).concat());
}
