//! Deploys, previews and watches.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use keyboss::cluster::Watch;
use keyboss::pipeline::{Ending, Event, Events, Outcome, deploy, preview};
use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::kinds::Kind;
use keyboss::render::Phase;

use crate::stage::{create_namespace, deployed, face, message, options, prepared, prepared_with, told};

#[tokio::test(start_paused = true)]
async fn a_second_apply_of_every_manifest_changes_nothing() {
    for (environment, context, namespace) in [("local", "k3d-x", "keyboss"), ("deti", "deti", "tenant-keyboss")] {
        let face = face();
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
    let face = face();
    let prepared = prepared(&face, "local", "k3d-x").await;
    let began = tokio::time::Instant::now();
    let (events, receiver) = Events::channel();
    assert_eq!(deploy(prepared, &options(), &events).await.unwrap(), Ending::Failed);
    let waited = began.elapsed().as_secs();
    assert!((300..310).contains(&waited), "{waited} s");
    let told = told(receiver);
    let Some(Event::DeployFinished(finished)) = told.last() else { panic!("{told:?}") };
    let phases = &finished.phases;
    let outcomes: Vec<Outcome> = phases.iter().map(|phase| phase.outcome).collect();
    assert_eq!(outcomes[..3], [Outcome::Done, Outcome::TimedOut, Outcome::NotReached]);
    let reason = phases[1].reason.as_deref().unwrap_or_default();
    assert!(reason.contains("StatefulSet postgres") && reason.contains("StatefulSet redis"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_watch_follows_what_happens() {
    let face = face();
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

/// The pods that are there, by name and app.
fn pods(face: &keyboss::rehearsal::face::Face) -> BTreeSet<(String, String)> {
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
        let face = face();
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
    let face = face();
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
