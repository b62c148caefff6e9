//! A cluster, and a deploy to it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use keyboss::cluster::ContextChoice;
use keyboss::environment::{Environment, Project};
use keyboss::pipeline::{Ending, Event, Events, Options, Outcome, Prepared, Request, Selection, deploy, prepare};
use keyboss::rehearsal::face::Face;
use keyboss::release::Author;
use keyboss::render::{Plan, plan};
use kube::api::{Api, PostParams};
use tokio::time::sleep;

/// An empty cluster.
pub fn face() -> Face {
    Face::new("2026-01-01T00:00:00Z".parse().unwrap())
}

/// A cluster with a namespace for the environment, and a deploy of it that may begin.
pub async fn prepared(face: &Face, environment: &str, context: &str) -> Prepared {
    prepared_with(face, environment, context, &[]).await
}

/// The same, with values of `--set`.
pub async fn prepared_with(face: &Face, environment: &str, context: &str, sets: &[&str]) -> Prepared {
    prepare(request(face, environment, context, sets)).await.unwrap()
}

/// An environment and its plan, rendered once.
pub fn rendered(environment: &str, sets: &[&str]) -> (Environment, Plan) {
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
pub fn request(face: &Face, environment: &str, context: &str, sets: &[&str]) -> Request {
    let (environment, plan) = rendered(environment, sets);
    let namespace = environment.values.namespace.clone();
    let connection = face.connection(&namespace).unwrap();
    let context = ContextChoice::named(context, &namespace);
    let supplied = BTreeMap::from([("RSA_PRIVATE_KEY".to_owned(), "no key".to_owned())]);
    let (selection, clock) = (Selection::All, face.clock());
    Request { environment, plan, context, connection, supplied, selection, adopts: false, clock }
}

/// How it is run.
pub fn options() -> Options {
    Options::new(Duration::from_secs(900), Author { user: "somebody".to_owned(), host: "here".to_owned(), job: None })
}

pub async fn create_namespace(face: &Face, name: &str) {
    let api: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(face.client(name));
    let namespace = serde_json::from_value(serde_json::json!({"metadata": {"name": name}})).unwrap();
    api.create(&PostParams::default(), &namespace).await.unwrap();
}

/// Waits until so many requests were sent, and a moment more: answered, as a rule.
pub async fn sent(face: &Face, requests: u64) {
    face.faults().reached(requests).await;
    sleep(Duration::from_millis(1)).await;
}

/// What a deploy or its preview said last.
pub fn told(mut receiver: tokio::sync::mpsc::UnboundedReceiver<Event>) -> Vec<Event> {
    std::iter::from_fn(|| receiver.try_recv().ok()).collect()
}

pub fn message(events: &[Event]) -> String {
    match events.last() {
        Some(Event::DeployFinished(finished)) => finished.message.clone(),
        other => panic!("not finished: {other:?}"),
    }
}

/// Runs a deploy on a cluster that lives; how each phase ended, and the last word.
pub async fn deployed(prepared: Prepared) -> (Vec<Outcome>, String) {
    let (events, receiver) = Events::channel();
    let began = tokio::time::Instant::now();
    let ending = deploy(prepared, &options(), &events).await.unwrap();
    let waited = began.elapsed();
    let told = told(receiver);
    let Some(Event::DeployFinished(finished)) = told.last() else { panic!("{told:?}") };
    assert_eq!(ending, Ending::Done, "{finished:?}");
    assert!(waited < Duration::from_secs(180), "{waited:?}");
    (finished.phases.iter().map(|phase| phase.outcome).collect(), finished.message.clone())
}

/// A runtime whose clock does not wait.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}
