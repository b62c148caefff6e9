//! A few troubles at once, drawn from a seed.

use std::env;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use fastrand::Rng;
use keyboss::rehearsal::ailments::Ailment;
use keyboss::rehearsal::faults::Fault;

use super::act::{Trouble, act, requests};
use super::scene::{SCENES, Scene};
use crate::stage::runtime;

/// What may go wrong with a request.
pub const FAULTS: [Fault; 8] = [
    Fault::Refused(500),
    Fault::Refused(503),
    Fault::Refused(409),
    Fault::Refused(403),
    Fault::Reset,
    Fault::ReplyLost,
    Fault::Torn,
    Fault::Silence,
];

/// So many, where nothing else is said.
const RUNS: u64 = 24;

fn drawn(seed: u64) -> (Scene, Vec<Trouble>) {
    let mut rng = Rng::with_seed(seed);
    let scene = *rng.choice(&SCENES).unwrap();
    // A rollback sends more requests than the scene without trouble.
    let requests = requests(scene) * 5 / 4;
    let ailments = [Ailment::Image, Ailment::Crash, Ailment::Unready, Ailment::Unschedulable];
    let workloads = ["postgres", "redis", "saleor-api", "celery-worker", "saleor-storefront", "prometheus", "migrate"];
    let count = rng.usize(1..=4);
    let mut draw = |_| match rng.u32(..12) {
        0..=6 => Trouble::Fault(rng.u64(1..=requests), *rng.choice(&FAULTS).unwrap()),
        7 => Trouble::Kill(rng.u64(1..=requests)),
        8 => Trouble::Stop(rng.u64(1..=requests)),
        9 => Trouble::Thief(rng.u64(1..=requests)),
        _ => Trouble::Sick(*rng.choice(&ailments).unwrap(), rng.choice(workloads).unwrap()),
    };
    (scene, (0..count).map(&mut draw).collect())
}

#[test]
fn troubles_at_once() {
    let number = |name: &str, default| env::var(name).ok().map_or(default, |text| text.parse::<u64>().unwrap());
    let (first, runs) = (number("KEYBOSS_SIM_SEED", 0), number("KEYBOSS_SIM_RUNS", RUNS));
    let next = AtomicU64::new(first);
    let work = || loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= first + runs {
            return;
        }
        let (scene, troubles) = drawn(seed);
        fastrand::seed(seed);
        let run = || runtime().block_on(act(scene, &troubles));
        if let Err(panic) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)) {
            eprintln!(
                "seed {seed} failed; again: KEYBOSS_SIM_SEED={seed} KEYBOSS_SIM_RUNS=1 cargo test --test rehearsal troubles_at_once"
            );
            std::panic::resume_unwind(panic);
        }
    };
    thread::scope(|scope| {
        (0..thread::available_parallelism().map_or(1, usize::from)).for_each(|_| drop(scope.spawn(work)));
    });
}
