//! Deploys in which something goes wrong: survived or told, and mended by the next deploy.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use keyboss::pipeline::{Ending, Event, Events, begin, deploy};
use keyboss::rehearsal::ailments::{Ailment, Ailments};
use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::faults::Fault;
use keyboss::rehearsal::kinds::Kind;
use keyboss::render::Plan;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::stage::{deployed, face, options, prepared, request, told};

/// The longest that a deploy may take of the cluster's time: its own limit, and what it looks at before it begins.
const LIMIT: Duration = Duration::from_secs(900 + 60);

/// What goes wrong.
#[derive(Clone, Debug)]
enum Trouble {
    /// With one request, counted from 1.
    Fault(u64, Fault),
    /// keyboss is killed when it has sent so many requests.
    Kill(u64),
    /// With a workload.
    Sick(Ailment, &'static str),
}

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

/// A first deploy with trouble, and where it does not succeed a second one without.
async fn survives(troubles: &[Trouble]) {
    let face = face();
    let mut ailments = Ailments::default();
    let mut kill = u64::MAX;
    for trouble in troubles {
        match trouble {
            Trouble::Fault(n, fault) => face.faults().at(*n, *fault),
            Trouble::Kill(n) => kill = *n,
            Trouble::Sick(ailment, workload) => ailments.add(*ailment, workload),
        }
    }
    let controllers = Controllers::with(&face, ailments);
    let begun = timeout(LIMIT, first(&face, troubles));
    let succeeded = tokio::select! {
        succeeded = begun => succeeded.unwrap_or_else(|_| panic!("{troubles:?}: a deploy that does not end")),
        () = sent(&face, kill) => false,
    };
    if succeeded {
        assert_eq!(unfinished(&face, &request(&face, "local", "k3d-x", &[]).plan), [""; 0], "{troubles:?}");
        return;
    }
    drop(controllers);
    face.faults().clear();
    let _controllers = Controllers::start(&face);
    // The lock of one that was killed has expired.
    sleep(Duration::from_secs(61)).await;
    assert!(first(&face, &[]).await, "{troubles:?}");
    assert_eq!(unfinished(&face, &request(&face, "local", "k3d-x", &[]).plan), [""; 0], "{troubles:?}, mended");
}

/// Whether it succeeded; if it did not, it says why.
async fn first(face: &Face, troubles: &[Trouble]) -> bool {
    let (events, receiver) = Events::channel();
    let (mut options, mask) = (options(), |_: &str| {});
    let prepared = begin(request(face, "local", "k3d-x", &[]), &mut options, false, &mask, &events).await;
    let ending = match prepared {
        Ok(prepared) => deploy(prepared, &options, &events).await,
        Err(refused) => Err(refused),
    };
    let ending = match ending {
        Ok(ending) => ending,
        Err(refused) => {
            assert!(!refused.to_string().is_empty(), "{troubles:?}");
            return false;
        }
    };
    let told = told(receiver);
    let Some(Event::DeployFinished(finished)) = told.last() else { panic!("{troubles:?}: {told:?}") };
    let failed = finished.phases.iter().find(|phase| phase.outcome.failure().is_some());
    assert_eq!(failed.is_none(), ending == Ending::Done, "{troubles:?}");
    assert!(failed.is_none_or(|phase| phase.reason.is_some()), "{troubles:?}: {failed:?}");
    ending == Ending::Done
}

async fn sent(face: &Face, requests: u64) {
    while face.faults().requests() < requests {
        sleep(Duration::from_millis(1)).await;
    }
}

/// What a success would have to be, by the cluster's own word: objects that are not there, and pods that are not well.
fn unfinished(face: &Face, plan: &Plan) -> Vec<String> {
    let server = face.server();
    let live = |kind: &str, version: &str| {
        let kind = Kind::named(version, kind).unwrap();
        server.store().list(kind, "").cloned().collect::<Vec<_>>()
    };
    let mut found = Vec::new();
    for (_, object) in plan.objects().filter(|(_, object)| object.id.kind != "ServiceMonitor") {
        let group = object.id.api_version.split('/').next().unwrap_or_default();
        let kinds = keyboss::rehearsal::kinds::KINDS.iter();
        let kind = kinds.into_iter().find(|kind| kind.kind == object.id.kind && kind.api_version.starts_with(group));
        let is_there = |live: &Value| {
            let name = live["metadata"]["name"].as_str().unwrap_or_default();
            name == object.id.name || object.id.kind == "Job" && name.starts_with(&object.id.name)
        };
        if !server.store().list(kind.unwrap(), "").any(|live| is_there(live)) {
            found.push(format!("no {}", object.id));
        }
    }
    for pod in live("Pod", "v1") {
        let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let is_ready = conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
        let is_gone = !pod["metadata"]["deletionTimestamp"].is_null();
        let has_ended = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        if !is_ready && !is_gone && !has_ended {
            found.push(format!("pod {} is not Ready", pod["metadata"]["name"]));
        }
    }
    for job in live("Job", "batch/v1") {
        if job["status"]["succeeded"] != 1 {
            found.push(format!("Job {} has not succeeded", job["metadata"]["name"]));
        }
    }
    for deployment in live("Deployment", "apps/v1") {
        let (spec, status) = (&deployment["spec"], &deployment["status"]);
        let wanted = spec["replicas"].as_u64().unwrap_or(1);
        if status["updatedReplicas"] != wanted || status["availableReplicas"] != wanted {
            found.push(format!("Deployment {} is not rolled out", deployment["metadata"]["name"]));
        }
    }
    found
}

/// How many requests a first deploy makes.
fn requests() -> u64 {
    runtime().block_on(async {
        let face = face();
        let _controllers = Controllers::start(&face);
        deployed(prepared(&face, "local", "k3d-x").await).await;
        face.faults().requests()
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// Every case, on every core.
fn each(cases: &[Vec<Trouble>]) {
    assert!(!cases.is_empty());
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(troubles) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            runtime().block_on(survives(troubles));
        }
    };
    thread::scope(|scope| {
        (0..thread::available_parallelism().map_or(1, usize::from)).for_each(|_| drop(scope.spawn(work)));
    });
}

/// A few troubles at once, from a seed.
fn drawn(seed: u64, requests: u64) -> Vec<Trouble> {
    let mut rng = Rng::with_seed(seed);
    let ailments = [Ailment::Image, Ailment::Crash, Ailment::Unready, Ailment::Unschedulable];
    let workloads = ["postgres", "redis", "saleor-api", "celery-worker", "saleor-storefront", "prometheus"];
    let mut draw = |_| match rng.u32(..10) {
        0..=6 => Trouble::Fault(rng.u64(1..=requests), *rng.choice(&FAULTS).unwrap()),
        7..=8 => Trouble::Kill(rng.u64(1..=requests)),
        _ => Trouble::Sick(*rng.choice(&ailments).unwrap(), rng.choice(workloads).unwrap()),
    };
    (0..3).map(&mut draw).collect()
}

#[test]
fn a_fault_at_any_request_is_survived_or_told_and_mended() {
    // Each request once: with another fault than the next one's. `every_fault_at_every_request` makes all.
    let faults = FAULTS.iter().cycle();
    let cases = (1..=requests()).zip(faults).map(|(n, fault)| vec![Trouble::Fault(n, *fault)]);
    each(&cases.collect::<Vec<_>>());
}

#[test]
fn a_deploy_that_is_killed_is_finished_by_the_next() {
    each(&(1..=requests()).step_by(9).map(|n| vec![Trouble::Kill(n)]).collect::<Vec<_>>());
}

#[test]
fn troubles_at_once_are_survived_or_told_and_mended() {
    let requests = requests();
    each(&(0..16).map(|seed| drawn(seed, requests)).collect::<Vec<_>>());
}

#[test]
#[ignore = "takes minutes: tests/run --all"]
fn every_fault_at_every_request() {
    let all = (1..=requests()).flat_map(|n| FAULTS.map(|fault| vec![Trouble::Fault(n, fault)]));
    each(&all.collect::<Vec<_>>());
}

#[test]
#[ignore = "takes minutes: tests/run --all"]
fn killed_at_every_request() {
    each(&(1..=requests()).map(|n| vec![Trouble::Kill(n)]).collect::<Vec<_>>());
}

#[test]
#[ignore = "takes minutes: tests/run --all"]
fn troubles_of_many_seeds() {
    let requests = requests();
    each(&(16..200).map(|seed| drawn(seed, requests)).collect::<Vec<_>>());
}
