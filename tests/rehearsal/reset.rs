//! `--reset`: what keyboss manages goes, and nothing else; broken off anywhere, it is known and finished by another.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use keyboss::pipeline::{Ending, Event, Events, Options, Refused, Request, Reset, begin, deploy};
use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::faults::{Fault, Rule};
use keyboss::rehearsal::kinds::KINDS;
use keyboss::rehearsal::rights::Denial;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::sim::FAULTS;
use crate::stage::{deployed, face, options, prepared, request, runtime, sent, told};

const NAMESPACE: &str = "keyboss";
const BACKUPS: &str = "PersistentVolumeClaim postgres-backup";
/// Those of somebody else: a Deployment and its pods, a Secret, and the credentials that a tenant was given.
const FOREIGN: [&str; 3] = ["Deployment their-api", "Secret their-secret", "Secret ksm-kubeconfig"];

fn asked(face: &Face) -> Request {
    request(face, "local", "k3d-x", &[])
}

/// Deletes what there is, then deploys.
async fn renew(face: &Face, with_backups: bool, options: &Options) -> (Result<Ending, Refused>, Vec<Event>) {
    let (events, receiver) = Events::channel();
    let ending = async {
        let reset = Reset::plan(asked(face), with_backups).await?;
        match reset.run(options, &events).await? {
            Ending::Done => transact(face, options, &events).await,
            ended => Ok(ended),
        }
    };
    (ending.await, told(receiver))
}

async fn transact(face: &Face, options: &Options, events: &Events) -> Result<Ending, Refused> {
    let mut options = options.clone();
    let prepared = begin(asked(face), &mut options, false, &|_: &str| {}, events).await?;
    deploy(prepared, &options, events).await
}

/// A deploy as it is without `--reset`.
async fn plain(face: &Face) -> Result<Ending, Refused> {
    let (events, _receiver) = Events::channel();
    transact(face, &options(), &events).await
}

/// The uid of every object that no controller makes anew, by kind and name.
fn uids(face: &Face) -> BTreeMap<String, String> {
    let server = face.server();
    let kept = KINDS.iter().filter(|kind| !matches!(kind.kind, "Pod" | "ReplicaSet" | "Endpoints" | "Event"));
    let objects = kept.flat_map(|kind| server.store().list(kind, "").map(move |object| (kind.kind, object)));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let named = |(kind, object): (&str, &std::sync::Arc<Value>)| {
        let metadata = &object["metadata"];
        (format!("{kind} {}", metadata["name"].as_str().unwrap()), text(&metadata["uid"]))
    };
    objects.map(named).collect()
}

async fn create(face: &Face, version: &str, kind: &str, plural: &str, object: Value) {
    let (group, number) = version.split_once('/').unwrap_or(("", version));
    let resource = ApiResource {
        group: group.to_owned(),
        version: number.to_owned(),
        api_version: version.to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    };
    let api: Api<DynamicObject> = Api::namespaced_with(face.client(NAMESPACE), NAMESPACE, &resource);
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
}

/// A shop that runs, beside what is somebody else's: a copy of one that is made once.
async fn shop() -> (Face, Controllers) {
    static SHOP: OnceLock<Face> = OnceLock::new();
    // A runtime cannot wait for another one on its own thread.
    let made = || thread::scope(|scope| scope.spawn(|| runtime().block_on(made())).join().unwrap());
    let face = SHOP.get_or_init(made).fork();
    let controllers = Controllers::start(&face);
    (face, controllers)
}

async fn made() -> Face {
    let face = face();
    let _controllers = Controllers::start(&face);
    deployed(prepared(&face, "local", "k3d-x").await).await;
    let labels = json!({"app": "their-api"});
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}});
    let spec = json!({"replicas": 1, "selector": {"matchLabels": labels}, "template": template});
    let deployment = json!({"metadata": {"name": "their-api"}, "spec": spec});
    create(&face, "apps/v1", "Deployment", "deployments", deployment).await;
    for name in ["their-secret", "ksm-kubeconfig"] {
        create(&face, "v1", "Secret", "secrets", json!({"metadata": {"name": name}, "data": {"a": "YQ=="}})).await;
    }
    sleep(Duration::from_secs(20)).await;
    face.fork()
}

/// What every reset and the deploy after it leave behind.
fn assert_renewed(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>, what: &str) {
    for object in FOREIGN.iter().chain(&[BACKUPS, "Namespace keyboss", "ConfigMap keyboss-release-1"]) {
        assert_eq!(after.get(*object), before.get(*object), "{what}: {object} is another one");
    }
    let others = before.iter().filter(|(object, _)| !FOREIGN.contains(&object.as_str()));
    let stays = |object: &str| {
        object == BACKUPS || ["Namespace ", "Lease "].iter().any(|kind| object.starts_with(kind)) || {
            object.contains(" keyboss-release-")
        }
    };
    for (object, uid) in others.filter(|(object, _)| !stays(object)) {
        assert!(after.contains_key(object), "{what}: {object} is gone");
        assert_ne!(after.get(object), Some(uid), "{what}: {object} is the old one");
    }
}

#[tokio::test(start_paused = true)]
async fn what_keyboss_manages_is_new_and_all_else_is_as_it_was() {
    let (face, _controllers) = shop().await;
    let before = uids(&face);
    assert!(before.contains_key("PersistentVolumeClaim data-postgres-1"), "{before:?}");
    let began = tokio::time::Instant::now();
    let (ending, told) = renew(&face, false, &options()).await;
    assert_eq!(ending.unwrap(), Ending::Done, "{told:?}");
    assert!(began.elapsed() < Duration::from_secs(240), "{:?}", began.elapsed());
    let after = uids(&face);
    assert_renewed(&before, &after, "after a reset");
    let gone: Vec<&str> = told
        .iter()
        .filter_map(|event| match event {
            Event::Deleted { object } => Some(object.as_str()),
            _ => None,
        })
        .collect();
    let place = |kind: &str, last: bool| {
        let is = |object: &&str| object.starts_with(kind);
        if last { gone.iter().rposition(is).unwrap() } else { gone.iter().position(is).unwrap() }
    };
    for (first, then) in [("StatefulSet ", "Service "), ("ConfigMap ", "PersistentVolumeClaim "), ("Persis", "Secret ")]
    {
        assert!(place(first, true) < place(then, false), "{first} before {then}: {gone:?}");
    }
    // What came before is no longer to be gone back to; an unchanged deploy changes nothing.
    let (_, message) = deployed(prepared(&face, "local", "k3d-x").await).await;
    assert_eq!(message, "nothing changed");
    assert_eq!(uids(&face), after);
}

#[tokio::test(start_paused = true)]
async fn the_backups_go_when_they_are_to_go() {
    let (face, _controllers) = shop().await;
    let before = uids(&face);
    let (ending, told) = renew(&face, true, &options()).await;
    assert_eq!(ending.unwrap(), Ending::Done, "{told:?}");
    let after = uids(&face);
    assert!(after.contains_key(BACKUPS) && after.get(BACKUPS) != before.get(BACKUPS));
    FOREIGN.iter().for_each(|object| assert_eq!(after.get(*object), before.get(*object), "{object}"));
}

#[tokio::test(start_paused = true)]
async fn a_reset_of_nothing_is_a_deploy() {
    let face = face();
    let _controllers = Controllers::start(&face);
    let (ending, _) = renew(&face, false, &options()).await;
    assert_eq!(ending.unwrap(), Ending::Done);
    assert!(uids(&face).contains_key("ConfigMap keyboss-release-1"), "the deploy is the first release");
}

/// Whether the last record is that of a reset that is not over.
fn is_broken_off(face: &Face) -> bool {
    let server = face.server();
    let maps = KINDS.iter().find(|kind| kind.kind == "ConfigMap").unwrap();
    let journals = server.store().list(maps, "").filter_map(|map| map["data"]["journal"].as_str());
    let journals = journals.map(|text| serde_json::from_str::<Value>(text).unwrap());
    let last = journals.max_by_key(|journal| journal["release"].as_u64()).unwrap();
    last["action"]["what"] == "reset" && matches!(last["state"].as_str(), Some("running" | "incomplete"))
}

/// Refuses to deploy to what a reset has left, and finishes it.
async fn mended(face: &Face, before: &BTreeMap<String, String>, what: &str) {
    if is_broken_off(face) {
        let refused = plain(face).await.unwrap_err().to_string();
        assert!(refused.contains("a reset that was broken off") && refused.contains("--reset again"), "{refused}");
    }
    let (ending, told) = renew(face, false, &options()).await;
    assert_eq!(ending.unwrap_or_else(|refused| panic!("{what}: {refused}")), Ending::Done, "{what}: {told:?}");
    assert_renewed(before, &uids(face), what);
    assert_eq!(plain(face).await.unwrap(), Ending::Done, "{what}");
    assert!(!is_broken_off(face), "{what}");
}

/// How many requests a reset makes, less the deploy that follows it.
fn requests() -> u64 {
    runtime().block_on(async {
        let (face, _controllers) = shop().await;
        let before = face.faults().requests();
        let (events, _receiver) = Events::channel();
        let reset = Reset::plan(asked(&face), false).await.unwrap();
        assert_eq!(reset.run(&options(), &events).await.unwrap(), Ending::Done);
        face.faults().requests() - before
    })
}

#[test]
fn killed_anywhere_it_is_refused_to_deploy_and_finished_by_another() {
    let mut broken = 0;
    let all = requests();
    assert!(all > 100, "{all} requests");
    for n in (1..=all).step_by(20) {
        runtime().block_on(async {
            let (face, _controllers) = shop().await;
            let before = uids(&face);
            let until = face.faults().requests() + n;
            tokio::select! {
                ended = async { renew(&face, false, &options()).await.0 } => drop(ended),
                () = sent(&face, until) => {}
            }
            // The lock has expired.
            sleep(Duration::from_secs(61)).await;
            broken += u32::from(is_broken_off(&face));
            mended(&face, &before, &format!("killed at request {n} of {all}")).await;
        });
    }
    assert!(broken > 4, "only {broken} were broken off in the midst of it");
}

#[test]
fn a_fault_at_a_request_is_survived_or_told_and_finished() {
    faulty(29);
}

#[test]
#[ignore = "takes minutes: tests/run --all"]
fn a_fault_at_any_request_is_survived_or_told_and_finished() {
    faulty(1);
}

/// A reset with a fault at one request, for each that is so many after another.
fn faulty(step: usize) {
    for (n, fault) in (1..=requests()).step_by(step).zip(FAULTS.into_iter().cycle()) {
        runtime().block_on(async {
            let (face, _controllers) = shop().await;
            let (before, what) = (uids(&face), format!("{fault:?} at request {n}"));
            face.faults().at(n, fault);
            let (ending, told) = renew(&face, false, &options()).await;
            face.faults().clear();
            match ending {
                Ok(Ending::Done) => assert_renewed(&before, &uids(&face), &what),
                Ok(ending) => {
                    let Some(Event::DeployFinished(finished)) = told.last() else { panic!("{what}: {told:?}") };
                    assert!(!finished.message.is_empty() && ending != Ending::Done, "{what}");
                    mended(&face, &before, &what).await;
                }
                Err(refused) => {
                    assert!(!refused.to_string().is_empty(), "{what}");
                    sleep(Duration::from_secs(61)).await;
                    mended(&face, &before, &what).await;
                }
            }
        });
    }
}

/// Puts a finalizer on a claim, or takes all of them away.
async fn set_finalizers(face: &Face, claim: &str, finalizers: Value) {
    let api: Api<k8s_openapi::api::core::v1::PersistentVolumeClaim> =
        Api::namespaced(face.client(NAMESPACE), NAMESPACE);
    let patch = json!({"metadata": {"finalizers": finalizers}});
    api.patch(claim, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_does_not_go_is_named_with_what_holds_it() {
    let (face, _controllers) = shop().await;
    let before = uids(&face);
    set_finalizers(&face, "data-redis-0", json!(["example.com/archive"])).await;
    let began = tokio::time::Instant::now();
    let (ending, told) = renew(&face, false, &options()).await;
    assert_eq!(ending.unwrap(), Ending::Incomplete);
    let waited = began.elapsed().as_secs();
    assert!((600..640).contains(&waited), "{waited} s");
    let words = "PersistentVolumeClaim data-redis-0: finalizer example.com/archive holds it";
    let Some(Event::DeployFinished(finished)) = told.last() else { panic!("{told:?}") };
    assert!(finished.message.contains(words) && !finished.succeeded, "{finished:?}");
    assert!(finished.next_steps.iter().any(|step| step.contains("--reset")), "{finished:?}");
    let beats = told.iter().filter(|event| matches!(event, Event::Notice { message, .. } if message.contains(words)));
    assert!((35..41).contains(&beats.count()), "a heartbeat every 15 s");
    // Data whose Secret is gone could not be opened any more.
    assert!(uids(&face).contains_key("Secret keyboss-secrets"));
    set_finalizers(&face, "data-redis-0", Value::Null).await;
    mended(&face, &before, "after the finalizer is gone").await;
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_it_deletes_no_more_and_gives_the_lock_back() {
    let (face, _controllers) = shop().await;
    let before = uids(&face);
    let told_to_stop = options();
    let stop = told_to_stop.stop.clone();
    let until = face.faults().requests() + 75;
    let (ending, requests) = tokio::join!(async { renew(&face, false, &told_to_stop).await.0 }, async {
        sent(&face, until).await;
        stop.tell();
        face.faults().requests()
    });
    assert_eq!(ending.unwrap(), Ending::Interrupted);
    // Those under way, the record's end and the lock.
    assert!(face.faults().requests() <= requests + 20, "{} after {requests}", face.faults().requests());
    let left = uids(&face);
    assert!(left.contains_key("PersistentVolumeClaim data-postgres-0"), "{left:?}");
    // No lock has to expire.
    mended(&face, &before, "after it was told to stop").await;
}

#[tokio::test(start_paused = true)]
async fn without_the_lock_it_deletes_no_more() {
    let (face, _controllers) = shop().await;
    let before = uids(&face);
    set_finalizers(&face, "data-redis-0", json!(["example.com/archive"])).await;
    let breaks = async {
        sleep(Duration::from_secs(120)).await;
        let rule = |verb: &str| Rule { verb: verb.into(), resource: "leases".into(), fault: Fault::Reset, at: None };
        face.faults().add(rule("*"));
    };
    let options = options();
    let ((ending, told), ()) = tokio::join!(renew(&face, false, &options), breaks);
    assert_eq!(ending.unwrap(), Ending::Incomplete);
    let Some(Event::DeployFinished(finished)) = told.last() else { panic!("{told:?}") };
    assert!(finished.message.contains("the lock is lost"), "{finished:?}");
    face.faults().clear();
    set_finalizers(&face, "data-redis-0", Value::Null).await;
    sleep(Duration::from_secs(61)).await;
    mended(&face, &before, "after the lock was lost").await;
}

#[tokio::test(start_paused = true)]
async fn what_no_deploy_can_go_on_from_a_reset_can() {
    let (face, _controllers) = shop().await;
    let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::namespaced(face.client(NAMESPACE), NAMESPACE);
    let before = uids(&face);
    secrets.delete("keyboss-secrets", &kube::api::DeleteParams::default()).await.unwrap();
    let refused = plain(&face).await.unwrap_err().to_string();
    assert!(refused.contains("but the database lives on"), "{refused}");
    let (ending, told) = renew(&face, false, &options()).await;
    assert_eq!(ending.unwrap(), Ending::Done, "{told:?}");
    assert_renewed(&before, &uids(&face), "without a Secret");
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_before_it_begins_it_leaves_no_trace() {
    let (face, _controllers) = shop().await;
    let before = uids(&face);
    let options = options();
    options.stop.tell();
    assert_eq!(renew(&face, false, &options).await.0.unwrap(), Ending::Interrupted);
    assert_eq!(uids(&face), before);
    assert_eq!(plain(&face).await.unwrap(), Ending::Done);
}

#[tokio::test(start_paused = true)]
async fn what_stands_in_the_way_is_found_while_there_is_everything_to_lose() {
    let (face, _controllers) = shop().await;
    let before = uids(&face);
    let refusal = async |change: &dyn Fn(&mut Request)| {
        let mut request = asked(&face);
        change(&mut request);
        Reset::plan(request, false).await.err().map(|refused| refused.to_string()).unwrap_or_default()
    };
    assert_eq!(refusal(&|_| {}).await, "");
    let server = refusal(&|request| request.environment.values.expect.server = "https://*".to_owned()).await;
    assert!(server.contains("API server rehearsal") && server.contains("expect.server: https://*"), "{server}");
    let namespace = refusal(&|request| request.environment.values.expect.namespace = "tenant-*".to_owned()).await;
    assert!(namespace.contains("namespace keyboss") && namespace.contains("envs/local.yaml"), "{namespace}");
    let supplied = refusal(&|request| drop(request.supplied.insert("POSTGRES_PASSWORD".into(), "short".into()))).await;
    assert!(supplied.contains("at least 8"), "{supplied}");
    face.rights().deny(Denial { verb: "delete".to_owned(), resource: "persistentvolumeclaims".to_owned() });
    let rights = refusal(&|_| {}).await;
    assert!(rights.contains("you may not delete persistentvolumeclaims") && rights.contains("--reset"), "{rights}");
    assert_eq!(uids(&face), before);
}
