//! One deploy at a time: the lock as a Lease, and as a ConfigMap for who may not use Leases.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use keyboss::cluster::{Cluster, Connection, LOCK_NAME, Lock, LockKind, LockState, LockTimes, Served as Kinds};
use keyboss::pipeline::{Ending, Event, Events, Refused, Request, break_locks, deploy, held, prepare};
use keyboss::rehearsal::ailments::{Ailment, Ailments};
use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::faults::{Fault, Rule};
use keyboss::rehearsal::kinds::Kind;
use keyboss::rehearsal::rights::Denial;
use keyboss::rehearsal::store::Key;
use kube::client::{Body, ClientBuilder};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};
use tower::Service;

use crate::served::Served;
use crate::stage::{create_namespace, deployed, face, message, options, prepared, request, told};

const KINDS: [LockKind; 2] = [LockKind::Lease, LockKind::ConfigMap];
const TIMES: LockTimes = LockTimes { duration: Duration::from_secs(60), renew: Duration::from_secs(15) };

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn cluster(face: &Face) -> Cluster {
    Cluster::new(face.connection("keyboss").unwrap().client, "keyboss", Kinds::default())
}

/// A cluster with the namespace; who may use only ConfigMaps has no right to Leases.
async fn begun(kind: LockKind) -> Face {
    let face = face();
    create_namespace(&face, "keyboss").await;
    if kind == LockKind::ConfigMap {
        face.rights().deny(Denial { verb: "*".to_owned(), resource: "leases".to_owned() });
    }
    face
}

async fn take(face: &Face, kind: LockKind, holder: &str) -> Lock {
    let seen = cluster(face).lock_state(LOCK_NAME, kind).await.unwrap();
    cluster(face).take_lock(LOCK_NAME, kind, seen.as_ref(), holder, TIMES, face.clock()).await.unwrap()
}

async fn state(face: &Face, kind: LockKind) -> LockState {
    cluster(face).lock_state(LOCK_NAME, kind).await.unwrap().unwrap()
}

fn plural(kind: LockKind) -> String {
    if kind == LockKind::Lease { "leases".to_owned() } else { "configmaps".to_owned() }
}

/// Lets all requests of a kind fail that change the lock, or the n-th of them.
fn fail(face: &Face, kind: LockKind, verb: &str, fault: Fault, at: Option<u64>) {
    face.faults().add(Rule { verb: verb.to_owned(), resource: plural(kind), fault, at });
}

/// Writes the lock as somebody holds it who renewed it then.
pub fn written(face: &Face, kind: LockKind, holder: &str, renewed: Timestamp) -> Key {
    let of = match kind {
        LockKind::Lease => Kind::named("coordination.k8s.io/v1", "Lease").unwrap(),
        LockKind::ConfigMap => Kind::named("v1", "ConfigMap").unwrap(),
    };
    let key = Key { kind: of, namespace: "keyboss".to_owned(), name: "keyboss-deploy".to_owned() };
    let mut object = json!({"apiVersion": of.api_version, "kind": of.kind,
        "metadata": {"name": key.name, "namespace": key.namespace, "uid": "lock"}});
    let renewed = renewed.to_string();
    match kind {
        LockKind::Lease => {
            object["spec"] = json!({"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 60});
        }
        LockKind::ConfigMap => {
            object["data"] = json!({"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": "60"});
        }
    }
    face.change(|server| server.adopt(key.clone(), object));
    key
}

/// The cluster, with every write that reaches it noted. Dry runs and questions are none.
#[derive(Clone)]
struct Watched {
    face: Face,
    writes: Arc<Mutex<Vec<(Instant, String)>>>,
}

impl Watched {
    fn new(face: &Face) -> Self {
        Self { face: face.clone(), writes: Arc::default() }
    }

    fn connection(&self) -> Connection {
        Connection::through(ClientBuilder::new(self.clone(), "keyboss"), "rehearsal").unwrap()
    }

    fn request(&self, sets: &[&str]) -> Request {
        Request { connection: self.connection(), ..request(&self.face, "local", "k3d-x", sets) }
    }

    fn writes(&self) -> Vec<(Instant, String)> {
        self.writes.lock().unwrap().clone()
    }
}

impl Service<http::Request<Body>> for Watched {
    type Response = <Face as Service<http::Request<Body>>>::Response;
    type Error = <Face as Service<http::Request<Body>>>::Error;
    type Future = <Face as Service<http::Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.face.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let (method, uri) = (request.method().clone(), request.uri().to_string());
        if method != "GET" && !uri.contains("dryRun") && !uri.contains("accessreviews") {
            self.writes.lock().unwrap().push((Instant::now(), format!("{method} {uri}")));
        }
        self.face.call(request)
    }
}

fn notices(events: &[Event]) -> Vec<&str> {
    let mut notices = Vec::new();
    for event in events {
        if let Event::Notice { message, .. } = event {
            notices.push(message.as_str());
        }
    }
    notices
}

fn locked(outcome: Result<Ending, Refused>) -> String {
    match outcome {
        Err(Refused::Locked(words)) => words,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_taken_renewed_and_given_back() {
    for kind in KINDS {
        let face = begun(kind).await;
        assert_eq!(cluster(&face).lock_state(LOCK_NAME, kind).await.unwrap(), None);
        let began = face.clock().now();
        let lock = take(&face, kind, "ana@laptop").await;
        let taken = state(&face, kind).await;
        assert_eq!((taken.holder.as_str(), taken.duration), ("ana@laptop", TIMES.duration));
        assert!(taken.renewed.unwrap().duration_since(began) < seconds(1), "{taken:?}");
        assert!(!taken.is_expired(&face.clock()));

        for round in 1..=5 {
            sleep(TIMES.renew + Duration::from_millis(100)).await;
            let renewed = state(&face, kind).await;
            assert!(renewed.renewed.unwrap().duration_since(began) >= seconds(15 * round), "{kind:?}: {renewed:?}");
            assert_eq!(renewed.holder, "ana@laptop");
            lock.permit().check().unwrap();
        }
        lock.release().await;
        assert!(!state(&face, kind).await.is_held(), "{kind:?}");
        let requests = face.faults().requests();
        sleep(TIMES.duration).await;
        assert_eq!(face.faults().requests(), requests, "one that was given back is not renewed");
        take(&face, kind, "bob@ci").await.release().await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_looked_before_another_took_it_does_not_get_it() {
    for kind in KINDS {
        let face = begun(kind).await;
        let seen = cluster(&face).lock_state(LOCK_NAME, kind).await.unwrap();
        let ana = take(&face, kind, "ana@laptop").await;
        let bob = cluster(&face).take_lock(LOCK_NAME, kind, seen.as_ref(), "bob@ci", TIMES, face.clock()).await;
        assert!(bob.is_err_and(|fault| fault.is_conflict()), "{kind:?}");
        ana.release().await;
        // It is free again, but bob has looked at another one.
        let bob = cluster(&face).take_lock(LOCK_NAME, kind, seen.as_ref(), "bob@ci", TIMES, face.clock()).await;
        assert!(bob.is_err_and(|fault| fault.is_conflict()), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_live_lock_keeps_others_out() {
    // The kind of the lock, and of the one that the other would take: who may use Leases sees a tenant's ConfigMap.
    for (kind, other) in
        [KINDS.map(|kind| (kind, kind)).to_vec(), vec![(LockKind::ConfigMap, LockKind::Lease)]].concat()
    {
        let face = begun(other).await;
        let lock = take(&face, kind, "ana@laptop (process 1, run 2)").await;
        sleep(Duration::from_secs(20)).await;
        let version = face.server().store().version();
        let words = match prepare(request(&face, "local", "k3d-x", &[])).await {
            Err(Refused::Locked(words)) => words,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("{kind:?}: it is prepared"),
        };
        for part in ["ana@laptop (process 1, run 2)", "renewed 5 s ago", "expires in 5", "keyboss unlock"] {
            assert!(words.contains(part), "{part}: {words}");
        }
        assert_eq!(face.server().store().version(), version, "nothing was written");
        lock.release().await;
        prepare(request(&face, "local", "k3d-x", &[])).await.unwrap_or_else(|refused| panic!("{refused}"));
    }
}

#[test]
fn a_live_lock_is_exit_code_4() {
    let face = face();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(create_namespace(&face, "keyboss"));
    let served = Served::new(&face, "k3d-x", "keyboss");
    for kind in KINDS {
        let key = written(&face, kind, "ana@laptop", Timestamp::now());
        let (code, stdout, stderr) = served.told(&["deploy", "--local"]);
        assert_eq!((code, stdout.as_str()), (4, ""), "{stderr}");
        assert!(stderr.contains("another deploy holds the lock: ana@laptop, renewed"), "{stderr}");
        face.change(|server| server.end(&key));
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_was_taken_between_look_and_take_keeps_out_too() {
    for kind in KINDS {
        let face = begun(kind).await;
        let prepared = prepared(&face, "local", "k3d-x").await;
        let _ana = take(&face, kind, "ana@laptop").await;
        let (events, _receiver) = Events::channel();
        let words = locked(deploy(prepared, &options(), &events).await);
        assert!(words.contains("ana@laptop"), "{words}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_expired_lock_is_watched_and_then_taken_over() {
    for kind in KINDS {
        let face = begun(kind).await;
        let _controllers = Controllers::start(&face);
        drop(take(&face, kind, "ana@laptop").await);
        sleep(TIMES.duration + Duration::from_secs(5)).await;
        let watched = Watched::new(&face);
        let prepared = prepare(watched.request(&[])).await.unwrap();
        let began = Instant::now();
        let (events, receiver) = Events::channel();
        assert_eq!(deploy(prepared, &options(), &events).await.unwrap(), Ending::Done);
        let told = told(receiver);
        let mut notices = notices(&told);
        notices.retain(|notice| notice.contains("the lock"));
        assert!(notices[0].contains("the lock of ana@laptop was not renewed for 65 s"), "{notices:?}");
        assert!(notices[0].contains("watched for 20 s"), "{notices:?}");
        assert_eq!(notices[1], "the lock is taken over from ana@laptop");
        let first = watched.writes()[0].clone();
        assert!(first.0 - began >= Duration::from_secs(20) && first.1.contains("keyboss-deploy"), "{first:?}");
        assert!(!state(&face, kind).await.is_held(), "it is given back in the end");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_renewed_while_it_is_watched_is_not_taken() {
    for kind in KINDS {
        let face = begun(kind).await;
        // Its holder's clock is two minutes late.
        let late = || face.clock().now() - seconds(120);
        written(&face, kind, "ana@laptop", late());
        let watched = Watched::new(&face);
        let prepared = prepare(watched.request(&[])).await.unwrap();
        let (events, _receiver) = Events::channel();
        let options = options();
        let renewal = async {
            sleep(Duration::from_secs(14)).await;
            written(&face, kind, "ana@laptop", late());
        };
        let (outcome, ()) = tokio::join!(deploy(prepared, &options, &events), renewal);
        let words = locked(outcome);
        assert!(words.contains("another deploy holds the lock: ana@laptop"), "{words}");
        assert_eq!(watched.writes(), [], "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_another_took_is_lost() {
    for kind in KINDS {
        for (holder, words) in [("bob@ci", "bob@ci has taken it"), ("", "somebody has broken it (keyboss unlock)")] {
            let face = begun(kind).await;
            let lock = take(&face, kind, "ana@laptop").await;
            sleep(Duration::from_secs(20)).await;
            written(&face, kind, holder, face.clock().now());
            let reason = timeout(TIMES.renew, lock.permit().lost()).await.unwrap();
            assert!(reason.contains(words), "{kind:?}: {reason}");
            assert!(lock.permit().check().is_err());
            let watched = Watched::new(&face);
            let writer = Cluster::new(watched.connection().client, "keyboss", Kinds::default());
            let fault = writer.with_permit(lock.permit()).forget_record(1).await.unwrap_err();
            assert!(fault.to_string().contains("the lock is lost"), "{fault}");
            lock.release().await;
            assert_eq!(watched.writes(), []);
            assert_eq!(state(&face, kind).await.holder, holder, "it is not given back: it is another's");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deploy_that_loses_its_lock_writes_nothing_more() {
    for kind in KINDS {
        let face = begun(kind).await;
        let mut ailments = Ailments::default();
        {
            let _controllers = Controllers::start(&face);
            deployed(prepared(&face, "local", "k3d-x").await).await;
        }
        // It hangs in phase 4, and would roll back when that fails.
        ailments.add(Ailment::Unready, "saleor-api");
        let _controllers = Controllers::with(&face, ailments);
        let watched = Watched::new(&face);
        let changed = prepare(watched.request(&["saleor.allowedHosts=[a.example]"])).await.unwrap();
        let (events, receiver) = Events::channel();
        let theft = async {
            sleep(Duration::from_secs(40)).await;
            assert!(state(&face, kind).await.is_held());
            written(&face, kind, "bob@ci", face.clock().now());
            Instant::now()
        };
        let options = options();
        let (ending, stolen) = tokio::join!(deploy(changed, &options, &events), theft);
        assert_eq!(ending.unwrap(), Ending::Incomplete);
        let noticed = Instant::now();
        assert!(noticed - stolen <= TIMES.renew + Duration::from_secs(1), "{:?}", noticed - stolen);
        let message = message(&told(receiver));
        assert!(message.contains("bob@ci has taken it") && message.contains("is unfinished"), "{message}");
        let late =
            |writes: Vec<(Instant, String)>| writes.into_iter().filter(|(at, _)| *at > stolen).collect::<Vec<_>>();
        let after = late(watched.writes());
        assert!(after.iter().all(|(_, write)| write.contains("keyboss-deploy")), "only the renewal: {after:?}");
        sleep(Duration::from_secs(600)).await;
        assert_eq!(late(watched.writes()), after, "{kind:?}");
        assert_eq!(state(&face, kind).await.holder, "bob@ci");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_cannot_be_renewed_is_given_up_before_others_may_take_it() {
    for kind in KINDS {
        for fault in [Fault::Refused(500), Fault::Refused(503), Fault::Refused(403), Fault::Reset, Fault::Silence] {
            let face = begun(kind).await;
            let lock = take(&face, kind, "ana@laptop").await;
            let taken = Instant::now();
            fail(&face, kind, "PUT", fault, None);
            sleep(Duration::from_secs(39)).await;
            lock.permit().check().unwrap();
            sleep(Duration::from_secs(2)).await;
            assert!(lock.permit().check().is_err(), "{kind:?} {fault:?}");
            lock.permit().lost().await;
            assert!(taken.elapsed() < TIMES.duration, "{kind:?} {fault:?}: {:?}", taken.elapsed());
        }
        // Of itself it is noticed as well, without a write.
        let face = begun(kind).await;
        let lock = take(&face, kind, "ana@laptop").await;
        fail(&face, kind, "PUT", Fault::Silence, None);
        let reason = timeout(TIMES.duration, lock.permit().lost()).await.unwrap();
        assert!(reason.contains("was not renewed for"), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_fails_for_a_while_is_made_up_for() {
    for kind in KINDS {
        for fault in [Fault::Refused(500), Fault::Reset, Fault::Silence] {
            let face = begun(kind).await;
            let lock = take(&face, kind, "ana@laptop").await;
            fail(&face, kind, "PUT", fault, Some(1));
            sleep(Duration::from_secs(100)).await;
            lock.permit().check().unwrap();
            assert!(!state(&face, kind).await.is_expired(&face.clock()), "{kind:?} {fault:?}");
            lock.release().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_loses_no_lock() {
    for kind in KINDS {
        for fault in [Fault::ReplyLost, Fault::Torn] {
            let face = begun(kind).await;
            fail(&face, kind, "POST", fault, Some(1));
            let lock = take(&face, kind, "ana@laptop").await;
            lock.permit().check().unwrap();
            fail(&face, kind, "PUT", fault, Some(1));
            sleep(TIMES.renew + Duration::from_secs(5)).await;
            lock.permit().check().unwrap();
            let renewed = state(&face, kind).await;
            assert!(renewed.age(&face.clock()) < Duration::from_secs(6), "{kind:?} {fault:?}: {renewed:?}");
            sleep(TIMES.renew).await;
            lock.permit().check().unwrap();
            face.faults().clear();
            fail(&face, kind, "PUT", fault, Some(1));
            lock.release().await;
            assert!(!state(&face, kind).await.is_held(), "{kind:?} {fault:?}");
            // One that is there already is replaced, not created.
            face.faults().clear();
            fail(&face, kind, "PUT", fault, Some(1));
            take(&face, kind, "bob@ci").await.release().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_broken_only_as_it_was_looked_at() {
    for kind in KINDS {
        let face = begun(kind).await;
        let cluster = cluster(&face);
        assert!(held(&cluster).await.unwrap().is_empty());
        let lock = take(&face, kind, "ana@laptop").await;
        let seen = held(&cluster).await.unwrap();
        assert_eq!(seen.len(), 1);
        sleep(TIMES.renew + Duration::from_secs(1)).await;
        let refused = break_locks(&cluster, &seen).await.unwrap_err().to_string();
        assert!(refused.contains("ana@laptop") && refused.contains("it is not broken"), "{refused}");
        lock.permit().check().unwrap();

        let seen = held(&cluster).await.unwrap();
        let words = seen[0].words(&face.clock());
        assert!(words.contains("renewed 1 s ago; it is good for another 5"), "{words}");
        fail(&face, kind, "PUT", Fault::ReplyLost, Some(1));
        break_locks(&cluster, &seen).await.unwrap();
        assert!(held(&cluster).await.unwrap().is_empty());
        let reason = timeout(TIMES.renew, lock.permit().lost()).await.unwrap();
        assert!(reason.contains("keyboss unlock"), "{reason}");

        // One that was given back meanwhile is as good as broken.
        face.faults().clear();
        let lock = take(&face, kind, "bob@ci").await;
        let seen = held(&cluster).await.unwrap();
        lock.release().await;
        break_locks(&cluster, &seen).await.unwrap();

        let words = {
            drop(take(&face, kind, "eve@home").await);
            sleep(Duration::from_secs(100)).await;
            held(&cluster).await.unwrap()[0].words(&face.clock())
        };
        assert!(words.contains("renewed 100 s ago; it has expired"), "{words}");
    }
}
