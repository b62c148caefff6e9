//! The program's own pipeline on the rehearsal cluster: no network, and a clock that does not wait.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyboss::cluster::{ContextChoice, Watch};
use keyboss::environment::{Environment, Project};
use keyboss::pipeline::{Event, Events, Outcome, Prepared, Request, Selection, deploy, prepare, preview};
use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::faults::Fault;
use keyboss::rehearsal::kinds::Kind;
use keyboss::render::{Phase, Plan, plan};
use kube::api::{Api, PostParams};

/// A cluster with a namespace for the environment, and a deploy of it that may begin.
async fn prepared(face: &Face, environment: &str, context: &str) -> Prepared {
    prepared_with(face, environment, context, &[]).await
}

/// The same, with values of `--set`.
async fn prepared_with(face: &Face, environment: &str, context: &str, sets: &[&str]) -> Prepared {
    prepare(request(face, environment, context, sets)).await.unwrap()
}

/// An environment and its plan, rendered once.
fn rendered(environment: &str, sets: &[&str]) -> (Environment, Plan) {
    static RENDERED: Mutex<BTreeMap<String, (Environment, Plan)>> = Mutex::new(BTreeMap::new());
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let mut all = RENDERED.lock().unwrap();
    let render = || {
        let environment = Environment::load(&Project::BuiltIn, environment, &sets).unwrap();
        let plan = plan(&Project::BuiltIn, &environment).unwrap();
        (environment, plan)
    };
    all.entry(format!("{environment} {sets:?}")).or_insert_with(render).clone()
}

/// What a person asks for.
fn request(face: &Face, environment: &str, context: &str, sets: &[&str]) -> Request {
    let (environment, plan) = rendered(environment, sets);
    let namespace = environment.values.namespace.clone();
    let connection = face.connection(&namespace).unwrap();
    let context = ContextChoice::named(context, &namespace);
    let supplied = BTreeMap::from([("RSA_PRIVATE_KEY".to_owned(), "no key".to_owned())]);
    Request { environment, plan, context, connection, supplied, selection: Selection::All }
}

async fn create_namespace(face: &Face, name: &str) {
    let api: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(face.client(name));
    let namespace = serde_json::from_value(serde_json::json!({"metadata": {"name": name}})).unwrap();
    api.create(&PostParams::default(), &namespace).await.unwrap();
}

/// What a deploy or its preview said last.
fn told(mut receiver: tokio::sync::mpsc::UnboundedReceiver<Event>) -> Vec<Event> {
    std::iter::from_fn(|| receiver.try_recv().ok()).collect()
}

fn message(events: &[Event]) -> String {
    match events.last() {
        Some(Event::DeployFinished { message, .. }) => message.clone(),
        other => panic!("not finished: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_apply_of_every_manifest_changes_nothing() {
    for (environment, context, namespace) in [("local", "k3d-x", "keyboss"), ("deti", "deti", "tenant-keyboss")] {
        let face = Face::new("2026-01-01T00:00:00Z".parse().unwrap());
        create_namespace(&face, namespace).await;
        let before = prepared(&face, environment, context).await;
        let (events, receiver) = Events::channel();
        assert!(preview(&before, &events).await);
        let objects = before.request.plan.objects().count() - before.request.plan.phase(Phase::ServiceMonitors).len();
        let others = before.request.plan.objects().filter(|(_, object)| !object.namespaced()).count();
        let expected = format!("dry run: {} objects would be created or changed", objects - others);
        assert!(message(&told(receiver)).starts_with(&expected), "{environment}");

        for (phase, object) in before.request.plan.objects().filter(|(_, object)| object.namespaced()) {
            if phase != Phase::ServiceMonitors {
                before.cluster.apply(object, false).await.unwrap();
            }
        }
        let after = prepared(&face, environment, context).await;
        let (events, receiver) = Events::channel();
        assert!(preview(&after, &events).await);
        assert_eq!(message(&told(receiver)), "dry run: nothing would change", "{environment}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_whose_controllers_are_dead_is_told_after_five_minutes() {
    let face = Face::new("2026-01-01T00:00:00Z".parse().unwrap());
    let prepared = prepared(&face, "local", "k3d-x").await;
    let began = tokio::time::Instant::now();
    let (events, receiver) = Events::channel();
    assert!(!deploy(prepared, Duration::from_secs(900), &events).await);
    let waited = began.elapsed().as_secs();
    assert!((300..310).contains(&waited), "{waited} s");
    let told = told(receiver);
    let Some(Event::DeployFinished { phases, .. }) = told.last() else { panic!("{told:?}") };
    let outcomes: Vec<Outcome> = phases.iter().map(|phase| phase.outcome).collect();
    assert_eq!(outcomes[..3], [Outcome::Done, Outcome::TimedOut, Outcome::NotReached]);
    let reason = phases[1].reason.as_deref().unwrap_or_default();
    assert!(reason.contains("StatefulSet postgres") && reason.contains("StatefulSet redis"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_watch_follows_what_happens() {
    let face = Face::new("2026-01-01T00:00:00Z".parse().unwrap());
    let _controllers = Controllers::start(&face);
    create_namespace(&face, "keyboss").await;
    let prepared = prepared(&face, "local", "k3d-x").await;
    let find = |name: &str| prepared.request.plan.objects().find(|(_, object)| object.id.name == name).unwrap().1;
    let watch = Watch::start(&face.client("keyboss"), "keyboss");
    let until = async |what: &str, holds: &dyn Fn() -> bool| {
        let wait = async {
            while !holds() {
                watch.changed().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), wait).await.unwrap_or_else(|_| panic!("not within 5 s: {what}"));
    };
    until("every list", &|| watch.is_complete()).await;
    assert!(watch.world().services.is_empty());
    let service = find("postgres-primary");
    prepared.cluster.apply(service, false).await.unwrap();
    let selector = || watch.world().services.get("postgres-primary")?.spec.as_ref()?.selector.clone();
    until("the Service with its initial field", &|| selector().is_some_and(|selector| selector.len() == 1)).await;
    let live = prepared.cluster.get(&service.id).await.unwrap().unwrap();
    prepared.cluster.delete(&service.id, live["metadata"]["uid"].as_str().unwrap()).await.unwrap();
    until("no Service", &|| watch.world().services.is_empty()).await;
}

/// Runs a deploy on a cluster that lives; how each phase ended, and the last word.
async fn deployed(prepared: Prepared) -> (Vec<Outcome>, String) {
    let (events, receiver) = Events::channel();
    let began = tokio::time::Instant::now();
    let succeeded = deploy(prepared, Duration::from_secs(900), &events).await;
    let waited = began.elapsed();
    let told = told(receiver);
    let Some(Event::DeployFinished { phases, message, .. }) = told.last() else { panic!("{told:?}") };
    assert!(succeeded, "{message} {phases:?}");
    assert!(waited < Duration::from_secs(180), "{waited:?}");
    (phases.iter().map(|phase| phase.outcome).collect(), message.clone())
}

/// The pods that are there, by name and app.
fn pods(face: &Face) -> BTreeSet<(String, String)> {
    let server = face.server();
    let pods = server.store().list(Kind::named("v1", "Pod").unwrap(), "");
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let named = |pod: &Arc<serde_json::Value>| {
        let metadata = &pod["metadata"];
        (text(&metadata["name"]), text(&metadata["labels"]["app.kubernetes.io/name"]))
    };
    pods.map(named).collect()
}

#[tokio::test(start_paused = true)]
async fn a_deploy_on_a_living_cluster_succeeds_and_again_changes_nothing() {
    for (environment, context, namespace) in [("local", "k3d-x", "keyboss"), ("deti", "deti", "tenant-keyboss")] {
        let face = Face::new("2026-01-01T00:00:00Z".parse().unwrap());
        let _controllers = Controllers::start(&face);
        create_namespace(&face, namespace).await;
        let (outcomes, message) = deployed(prepared(&face, environment, context).await).await;
        let mut expected = [Outcome::Done; 8];
        expected[7] = Outcome::Skipped;
        assert_eq!(outcomes, expected, "{environment}: {message}");

        let before = pods(&face);
        let (_, message) = deployed(prepared(&face, environment, context).await).await;
        assert_eq!(message, "nothing changed", "{environment}");
        assert_eq!(pods(&face), before, "{environment}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_changed_value_replaces_the_pods_that_read_it_and_no_others() {
    let face = Face::new("2026-01-01T00:00:00Z".parse().unwrap());
    let _controllers = Controllers::start(&face);
    deployed(prepared(&face, "local", "k3d-x").await).await;
    let before = pods(&face);
    let changed = ["saleor.allowedHosts=[a.example]"];
    deployed(prepared_with(&face, "local", "k3d-x", &changed).await).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let after = pods(&face);
    let apps = |pods: Vec<&(String, String)>| pods.into_iter().map(|(_, app)| app.clone()).collect::<BTreeSet<_>>();
    let expected = ["celery-beat", "celery-worker", "saleor-api"].map(str::to_owned).into();
    assert_eq!(apps(before.difference(&after).collect()), expected, "gone");
    assert_eq!(apps(after.difference(&before).collect()), expected, "new");
    for app in &expected {
        let stayed: Vec<_> = before.intersection(&after).filter(|(_, of)| of == app).collect();
        assert!(stayed.is_empty(), "{stayed:?}");
    }
}

/// A first deploy with one fault, and a second one without.
async fn survives(n: u64, fault: Fault) {
    let face = Face::new("2026-01-01T00:00:00Z".parse().unwrap());
    let _controllers = Controllers::start(&face);
    let at = format!("{fault:?} at request {n}");
    face.faults().at(n, fault);
    let succeeded = match prepare(request(&face, "local", "k3d-x", &[])).await {
        Err(refused) => {
            assert!(!refused.to_string().is_empty(), "{at}");
            false
        }
        Ok(prepared) => {
            let (events, receiver) = Events::channel();
            let succeeded = deploy(prepared, Duration::from_secs(900), &events).await;
            let told = told(receiver);
            let Some(Event::DeployFinished { phases, .. }) = told.last() else { panic!("{at}: {told:?}") };
            let failed = phases.iter().find(|phase| matches!(phase.outcome, Outcome::Failed | Outcome::TimedOut));
            assert_eq!(failed.is_none(), succeeded, "{at}");
            assert!(failed.is_none_or(|phase| phase.reason.is_some()), "{at}: {failed:?}");
            succeeded
        }
    };
    let (_, message) = deployed(prepared(&face, "local", "k3d-x").await).await;
    assert!(!succeeded || message == "nothing changed", "{at}: a success that was none: {message}");
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_survived_or_told_and_the_next_deploy_mends_it() {
    let face = Face::new("2026-01-01T00:00:00Z".parse().unwrap());
    let _controllers = Controllers::start(&face);
    deployed(prepared(&face, "local", "k3d-x").await).await;
    let requests = face.faults().requests();
    let faults = [
        Fault::Refused(500),
        Fault::Refused(503),
        Fault::Refused(409),
        Fault::Refused(403),
        Fault::Reset,
        Fault::ReplyLost,
        Fault::Silence,
    ];
    // A sample: other requests for each of them.
    for (offset, fault) in (1..).zip(faults) {
        for n in (offset..=requests).step_by(61) {
            survives(n, fault).await;
        }
    }
}
