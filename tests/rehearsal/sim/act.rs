//! One run: a deploy with trouble, then the checks, then the next deploy, which has none.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use keyboss::cluster::{Cluster, Live, serve};
use keyboss::pipeline::{Ending, Event, Events, Options, Refused, Request, begin, deploy, plan_back};
use keyboss::rehearsal::ailments::{Ailment, Ailments};
use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::faults::Fault;
use keyboss::release::{Action, Journal};
use keyboss::render::ObjectId;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::check::{Dump, THIEF, check, lock_is_free, secrets, unfinished, writes};
use super::scene::Scene;
use crate::stage::{options, request, runtime, sent, told};

/// The longest that a deploy may take of the cluster's time: its own limit, that of a rollback, and what it looks at
/// before it begins.
const LIMIT: Duration = Duration::from_secs(900 + 900 + 300);
/// How long a lock that nobody renews keeps others out.
const LOCK: Duration = Duration::from_secs(61);
/// How often a lock is renewed: so long it may take until one that was taken away is missed.
const RENEWAL: Duration = Duration::from_secs(15);

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// With one request, counted from 1.
    Fault(u64, Fault),
    /// keyboss is killed when it has sent so many requests.
    Kill(u64),
    /// It is told to stop when it has sent so many requests.
    Stop(u64),
    /// Its lock is taken away when it has sent so many requests.
    Thief(u64),
    /// With a workload.
    Sick(Ailment, &'static str),
}

/// How a run ended, as far as keyboss said so.
#[derive(Debug)]
pub enum Said {
    /// A deploy's end.
    Ended(Ending),
    /// Nothing was touched.
    Refused(Refused),
    /// It was killed.
    Killed,
}

/// Runs it.
pub async fn act(scene: Scene, troubles: &[Trouble]) {
    let what = format!("{scene:?} {troubles:?}");
    let face = scene.cluster();
    let before = Dump::of(&face);
    let mut ailments = Ailments::default();
    if scene == Scene::BrokenUpgrade {
        ailments.add(Ailment::Image, "saleor-storefront");
    }
    for trouble in troubles {
        match trouble {
            Trouble::Fault(n, fault) => face.faults().at(*n, *fault),
            Trouble::Sick(ailment, workload) => ailments.add(*ailment, workload),
            Trouble::Kill(_) | Trouble::Stop(_) | Trouble::Thief(_) => {}
        }
    }
    let controllers = Controllers::with(&face, ailments);
    let (said, events, stolen) = troubled(&face, scene, troubles, &what).await;
    // What was sent is done, whether or not keyboss still waits for it.
    sleep(Duration::from_secs(1)).await;
    let secrets = secrets(&face);
    for event in &events {
        let text = serde_json::to_string(event).unwrap();
        assert!(!secrets.iter().any(|secret| text.contains(secret)), "{what}: a secret in {text}");
    }
    if let Some(at) = stolen {
        let late = writes(&face, at + RENEWAL + Duration::from_secs(1));
        let is_thief = |write: &&String| !write.contains("leases");
        assert_eq!(late.iter().filter(is_thief).collect::<Vec<_>>(), [""; 0], "{what}: writes without the lock");
    }
    check(&face, scene, &said, &before, &events, stolen.is_some(), &what).await;

    drop(controllers);
    face.faults().clear();
    face.faults().forget();
    let _controllers = Controllers::start(&face);
    // What was sick is well again by then, as far as it goes without keyboss.
    sleep(LOCK).await;
    let (next, events) = run(&face, scene, &options()).await;
    let ended = matches!(next, Ok(Ending::Done));
    // A rollback that was broken off is asked for once more only where it is not done already.
    let is_done =
        scene == Scene::Rollback && matches!(&next, Err(refused) if refused.to_string().contains("go back to"));
    assert!(ended || is_done, "{what}, then: {next:?} {:?}", events.last());
    sleep(Duration::from_secs(5)).await;
    assert_eq!(unfinished(&face, scene), [""; 0], "{what}: not whole after the next deploy");
    assert!(lock_is_free(&face), "{what}: the lock is held after the next deploy");

    if scene != Scene::Rollback {
        face.faults().forget();
        let (again, _) = run(&face, scene, &options()).await;
        assert!(matches!(again, Ok(Ending::Done)), "{what}, once more: {again:?}");
        assert_eq!(writes(&face, Duration::ZERO), [""; 0], "{what}: an unchanged deploy writes");
    }
}

/// The run in which something goes wrong: how it ended, what it told, and when its lock was taken away.
async fn troubled(face: &Face, scene: Scene, troubles: &[Trouble], what: &str) -> (Said, Vec<Event>, Option<Duration>) {
    let options = options();
    let mut kill = u64::MAX;
    let mut stop = u64::MAX;
    let mut thief = u64::MAX;
    for trouble in troubles {
        match trouble {
            Trouble::Kill(n) => kill = *n,
            Trouble::Stop(n) => stop = *n,
            Trouble::Thief(n) => thief = *n,
            Trouble::Fault(..) | Trouble::Sick(..) => {}
        }
    }
    let stopping = async {
        sent(face, stop).await;
        options.stop.tell();
        std::future::pending::<()>().await;
    };
    let mut stolen = None;
    let stealing = async {
        sent(face, thief).await;
        stolen = steal(face).await;
        std::future::pending::<()>().await;
    };
    let began = Instant::now();
    let (said, events) = tokio::select! {
        biased;
        () = stopping => unreachable!("it goes on"),
        () = stealing => unreachable!("it goes on"),
        ended = timeout(LIMIT, run(face, scene, &options)) => {
            let (ended, events) = ended.unwrap_or_else(|_| panic!("{what}: it does not end"));
            (ended.map_or_else(Said::Refused, Said::Ended), events)
        }
        () = sent(face, kill) => (Said::Killed, Vec::new()),
    };
    assert!(began.elapsed() < LIMIT);
    (said, events, stolen)
}

/// How many requests a scene makes that has no trouble.
pub fn requests(scene: Scene) -> u64 {
    let count = move || {
        runtime().block_on(async {
            let face = scene.cluster();
            let _controllers = Controllers::start(&face);
            let (ended, _) = run(&face, scene, &options()).await;
            assert!(matches!(ended, Ok(Ending::Done)), "{scene:?}: {ended:?}");
            face.faults().requests()
        })
    };
    static KNOWN: Mutex<BTreeMap<Scene, u64>> = Mutex::new(BTreeMap::new());
    *KNOWN.lock().unwrap().entry(scene).or_insert_with(count)
}

/// Somebody else takes the lock, if there is one: when.
async fn steal(face: &Face) -> Option<Duration> {
    // Its requests are not counted.
    let client = face.within().client("keyboss");
    let api: Api<k8s_openapi::api::coordination::v1::Lease> = Api::namespaced(client, "keyboss");
    let renewed = face.clock().now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    let patch = json!({"spec": {"holderIdentity": THIEF, "renewTime": renewed}});
    let held = |lease: &k8s_openapi::api::coordination::v1::Lease| {
        lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()).is_some_and(|holder| !holder.is_empty())
    };
    api.get("keyboss-deploy").await.ok().filter(held)?;
    api.patch("keyboss-deploy", &PatchParams::default(), &Patch::Merge(&patch)).await.ok()?;
    Some(face.clock().elapsed())
}

/// One run of keyboss: how it ended, and what it told.
async fn run(face: &Face, scene: Scene, options: &Options) -> (Result<Ending, Refused>, Vec<Event>) {
    let (events, receiver) = Events::channel();
    let mut options = options.clone();
    let ended = async {
        let request = match scene {
            Scene::Rollback => back(face, &mut options).await?,
            _ => request(face, "local", "k3d-x", scene.sets()),
        };
        let prepared = begin(request, &mut options, false, &|_: &str| {}, &events).await?;
        deploy(prepared, &options, &events).await
    };
    let ended = ended.await;
    (ended, told(receiver))
}

/// What `keyboss rollback` asks for: to the first release.
async fn back(face: &Face, options: &mut Options) -> Result<Request, Refused> {
    let request = request(face, "local", "k3d-x", &[]);
    let kinds = [("v1", "ConfigMap"), ("apps/v1", "StatefulSet")].map(|(v, k)| (v.to_owned(), k.to_owned()));
    let client = request.connection.client.clone();
    let cluster = Cluster::new(client.clone(), "keyboss", serve(&client, &kinds.clone().into()).await?);
    let ids = kinds.map(|(api_version, kind)| ObjectId { api_version, kind, name: String::new() });
    let live: Live = cluster.live(&ids).await?;
    let journals: Vec<Journal> = keyboss::cluster::journals(&live);
    let plan = plan_back(&cluster, &live, &journals, 1).await?;
    options.action = Action::Rollback { to: 1 };
    options.prunes = true;
    Ok(Request { plan, supplied: BTreeMap::new(), ..request })
}
