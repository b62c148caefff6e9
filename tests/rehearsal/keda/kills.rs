//! Killed, or told to stop, at requests all over a deploy that switches: whatever is left behind, two autoscalers never
//! steer at once, and after the recovery exactly one does.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use keyboss::pipeline::{Ending, Events, begin, deploy};
use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::face::Face;
use tokio::time::sleep;

use super::watched::{HPA, KEDAS, OWN, Watched, scalers};
use super::{OFF, ON, is_unchanged, succeeds, with_keda};
use crate::stage::{options, request, runtime, told};
use crate::transaction::run;

/// Every so many requests.
const STEP: usize = 5;

/// What happens to keyboss.
#[derive(Clone, Copy, Debug)]
enum What {
    Killed,
    Stopped,
}

/// A cluster to which these values are deployed, without anything that lives.
fn deployed(sets: &'static [&'static str]) -> Face {
    let make = || {
        runtime().block_on(async {
            let face = with_keda();
            let controllers = Controllers::start(&face);
            succeeds(&face, sets).await;
            drop(controllers);
            face.fork()
        })
    };
    thread::scope(|scope| scope.spawn(make).join()).unwrap()
}

async fn sent(face: &Face, requests: u64) {
    while face.faults().requests() < requests {
        sleep(Duration::from_millis(1)).await;
    }
}

/// How many requests the switch takes.
async fn requests(base: &Face, to: &[&str]) -> u64 {
    let face = base.fork();
    let _controllers = Controllers::start(&face);
    succeeds(&face, to).await;
    face.faults().requests()
}

/// One run, its recovery, and the deploy after it.
async fn act(base: &Face, to: &[&str], what: What, n: u64) {
    let words = format!("{to:?}, {what:?} at request {n}");
    let steer: &[&str] = if to == ON { &[KEDAS, OWN] } else { &[HPA] };
    let before: &[&str] = if to == ON { &[HPA] } else { &[KEDAS, OWN] };
    let face = base.fork();
    let _controllers = Controllers::start(&face);
    let watched = Watched::begin(&face);
    let troubled = options();
    match what {
        What::Killed => tokio::select! {
            ended = run(&face, to, &troubled) => panic!("{words}: it ended: {ended:?}"),
            () = sent(&face, n) => {}
        },
        What::Stopped => {
            let stop = async {
                sent(&face, n).await;
                troubled.stop.tell();
                std::future::pending::<()>().await;
            };
            tokio::select! {
                (ended, _) = run(&face, to, &troubled) => match ended {
                    Ok(Ending::Interrupted) => {
                        // KEDA makes its autoscaler soon after its ScaledObject is back; nothing else is lacking.
                        let now = scalers(&face);
                        let lacking: Vec<_> = before.iter().filter(|one| !now.iter().any(|is| is == *one)).collect();
                        assert!(lacking.iter().all(|one| **one == KEDAS), "{words}: {now:?}");
                        assert!(now.iter().all(|one| before.contains(&one.as_str())), "{words}: {now:?}");
                        sleep(Duration::from_secs(30)).await;
                        assert_eq!(scalers(&face), before, "{words}: not as it was");
                    }
                    // It was told after the last phase.
                    Ok(Ending::Done) => {}
                    other => panic!("{words}: {other:?}"),
                },
                () = stop => unreachable!("it goes on"),
            }
        }
    }
    // The lock has expired, and what was sent is done.
    sleep(Duration::from_secs(62)).await;
    let (events, receiver) = Events::channel();
    let mut options = options();
    let begun = begin(request(&face, "local", "k3d-x", to), &mut options, false, &|_: &str| {}, &events).await;
    let begun = begun.unwrap_or_else(|refused| panic!("{words}: {refused}"));
    sleep(Duration::from_secs(30)).await;
    let now = scalers(&face);
    assert!(now == before || now == steer, "{words}: after the recovery: {now:?}");
    let ended = deploy(begun, &options, &events).await;
    assert!(matches!(ended, Ok(Ending::Done)), "{words}, then: {ended:?} {:?}", told(receiver).last());
    sleep(Duration::from_secs(30)).await;
    assert_eq!(scalers(&face), steer, "{words}");
    watched.check(&words);
    is_unchanged(&face, to).await;
}

fn every_fifth(from: &'static [&'static str], to: &'static [&'static str]) {
    let base = deployed(from);
    let count = runtime().block_on(requests(&base, to));
    assert!(count > 50, "{count}");
    let killed = (1..count).step_by(STEP).map(|n| (What::Killed, n));
    let stopped = (1..count).step_by(4 * STEP).map(|n| (What::Stopped, n));
    let runs: Vec<(What, u64)> = killed.chain(stopped).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((what, n)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
            fastrand::seed(1);
            runtime().block_on(act(&base, to, *what, *n));
        }
    };
    thread::scope(|scope| {
        (0..thread::available_parallelism().map_or(1, usize::from)).for_each(|_| drop(scope.spawn(work)));
    });
}

#[test]
fn a_switch_to_keda_that_is_broken_off_anywhere() {
    every_fifth(&OFF, &ON);
}

#[test]
fn a_switch_back_that_is_broken_off_anywhere() {
    every_fifth(&ON, &OFF);
}
