//! What is news, and what is not.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Event, Pod};
use serde_json::{Value, json};

use super::crashes::Crashes;
use super::flood::{Flood, MOST, WITHIN};
use super::ours::Ours;
use super::warnings::Warnings;
use crate::readiness::World;

fn plan() -> BTreeSet<(String, String)> {
    [("Deployment", "api"), ("StatefulSet", "postgres"), ("Job", "migrate-1")]
        .map(|(kind, name)| (kind.to_owned(), name.to_owned()))
        .into()
}

fn owner(kind: &str, name: &str) -> Value {
    json!([{"apiVersion": "v1", "kind": kind, "name": name, "uid": name, "controller": true}])
}

fn add_pod(world: &mut World, name: &str, owner: Value, status: Value) {
    let claim = json!([{"name": "data", "persistentVolumeClaim": {"claimName": format!("data-{name}")}}]);
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": name, "uid": name, "ownerReferences": owner},
        "spec": {"containers": [], "volumes": claim}, "status": status,
    }))
    .unwrap();
    world.pods.insert(name.to_owned(), Arc::new(pod));
}

/// A Deployment's pod, a StatefulSet's, a Job's, and one of somebody else.
fn world() -> World {
    let mut world = World::default();
    let set: ReplicaSet = serde_json::from_value(json!({
        "metadata": {"name": "api-1", "ownerReferences": owner("Deployment", "api")}, "spec": {"selector": {}},
    }))
    .unwrap();
    world.replica_sets.insert("api-1".to_owned(), Arc::new(set));
    add_pod(&mut world, "api-1-x", owner("ReplicaSet", "api-1"), json!({}));
    add_pod(&mut world, "postgres-0", owner("StatefulSet", "postgres"), json!({}));
    add_pod(&mut world, "migrate-1-x", owner("Job", "migrate-1"), json!({}));
    add_pod(&mut world, "api-of-others-0", owner("StatefulSet", "api-of-others"), json!({}));
    world
}

fn say(world: &mut World, name: &str, (kind, about): (&str, &str), message: &str, version: u32) {
    let event: Event = serde_json::from_value(json!({
        "metadata": {"name": name, "resourceVersion": version.to_string()},
        "involvedObject": {"kind": kind, "name": about}, "type": "Warning", "reason": "Failed", "message": message,
        "count": version, "lastTimestamp": format!("2026-01-01T00:00:{version:02}Z"),
    }))
    .unwrap();
    world.events.insert(name.to_owned(), Arc::new(event));
}

#[test]
fn ours_is_what_the_plan_has_and_what_comes_of_it() {
    let (plan, world) = (plan(), world());
    let ours = Ours { plan: &plan, world: &world };
    for (kind, name, is_ours) in [
        ("Deployment", "api", true),
        ("StatefulSet", "api", false),
        ("ReplicaSet", "api-1", true),
        ("ReplicaSet", "api-2", false),
        ("Pod", "api-1-x", true),
        ("Pod", "postgres-0", true),
        ("Pod", "migrate-1-x", true),
        ("Pod", "api-of-others-0", false),
        ("Pod", "unknown", false),
        ("PersistentVolumeClaim", "data-postgres-0", true),
        ("PersistentVolumeClaim", "data-api-of-others-0", false),
        ("Node", "n", false),
    ] {
        assert_eq!(ours.has(kind, name), is_ours, "{kind} {name}");
    }
}

#[test]
fn a_warning_is_told_once_and_not_what_was_said_before() {
    let (plan, mut world, mut warnings) = (plan(), world(), Warnings::default());
    let api = ("Pod", "api-1-x");
    say(&mut world, "old", api, "before", 1);
    warnings.pass_over(&world);
    let mut news = |world: &World| -> Vec<String> {
        let news = warnings.news(&Ours { plan: &plan, world });
        news.into_iter().map(|one| format!("{}: {} x{}", one.object, one.message, one.count)).collect()
    };
    assert_eq!(news(&world), Vec::<String>::new());
    say(&mut world, "a", api, "no\n  image", 5);
    say(&mut world, "b", ("StatefulSet", "postgres"), "no room", 4);
    say(&mut world, "c", ("Pod", "api-of-others-0"), "not ours", 3);
    assert_eq!(news(&world), ["StatefulSet postgres: no room x4", "Pod api-1-x: no image x5"], "in their order");
    // It is counted on, and said by another event.
    say(&mut world, "a", api, "no image", 6);
    say(&mut world, "d", api, "no image", 7);
    assert_eq!(news(&world), Vec::<String>::new());
    // What was said before is said again now.
    say(&mut world, "old", api, "before", 8);
    assert_eq!(news(&world), ["Pod api-1-x: before x8"]);
    // The event comes before its pod.
    say(&mut world, "e", ("Pod", "api-1-y"), "early", 9);
    assert_eq!(news(&world), Vec::<String>::new());
    add_pod(&mut world, "api-1-y", owner("ReplicaSet", "api-1"), json!({}));
    assert_eq!(news(&world), ["Pod api-1-y: early x9"]);
}

fn ended(code: i32, second: u32) -> Value {
    let (began, ended) = ("2026-01-01T00:00:00Z", format!("2026-01-01T00:00:{second:02}Z"));
    json!({"terminated": {"exitCode": code, "startedAt": began, "finishedAt": ended}})
}

fn status(restarts: u32, state: Value, last: Value) -> Value {
    json!({"containerStatuses": [{"name": "c", "image": "", "imageID": "", "ready": false, "restartCount": restarts,
        "state": state, "lastState": last}]})
}

#[test]
fn each_crash_is_told_once_however_it_is_seen() {
    let (plan, mut world, mut crashes) = (plan(), world(), Crashes::default());
    let postgres = owner("StatefulSet", "postgres");
    add_pod(&mut world, "postgres-0", postgres.clone(), status(1, json!({"running": {}}), ended(1, 1)));
    crashes.pass_over(&world);
    let followed = BTreeSet::from(["migrate-1".to_owned()]);
    let mut news = |world: &World| -> Vec<(String, bool)> {
        let news = crashes.news(&Ours { plan: &plan, world }, &followed);
        news.into_iter().map(|crash| (crash.pod, crash.is_previous)).collect()
    };
    let waits = json!({"waiting": {"reason": "CrashLoopBackOff"}});
    let told = |pod: &str, is_previous| vec![(pod.to_owned(), is_previous)];
    assert_eq!(news(&world), []);
    let api = || owner("ReplicaSet", "api-1");
    for (pod, owner, status, expected) in [
        ("api-1-x", api(), status(0, ended(1, 2), json!({})), told("api-1-x", false)),
        ("api-1-x", api(), status(1, json!({"running": {}}), ended(1, 2)), vec![]),
        ("api-1-x", api(), status(1, waits.clone(), ended(1, 5)), told("api-1-x", false)),
        ("api-1-x", api(), status(2, json!({"running": {}}), ended(1, 9)), told("api-1-x", true)),
        // It is to run for ever.
        ("postgres-0", postgres, status(2, json!({"running": {}}), ended(0, 10)), told("postgres-0", true)),
        ("migrate-1-x", owner("Job", "migrate-1"), status(0, ended(1, 2), json!({})), vec![]),
        ("api-of-others-0", owner("StatefulSet", "api-of-others"), status(0, ended(1, 2), json!({})), vec![]),
    ] {
        add_pod(&mut world, pod, owner, status.clone());
        assert_eq!(news(&world), expected, "{pod}: {status}");
    }
}

#[test]
fn a_flood_is_counted() {
    let mut flood = Flood::default();
    let most = usize::try_from(MOST).unwrap();
    let lines = |flood: &mut Flood, count: usize, at| -> Vec<(bool, Option<u64>)> {
        (0..count).map(|_| flood.line(at)).collect()
    };
    assert!(lines(&mut flood, most, Duration::ZERO).iter().all(|line| *line == (true, None)));
    assert!(lines(&mut flood, 50, WITHIN / 2).iter().all(|line| *line == (false, None)));
    assert_eq!(flood.line(WITHIN), (true, Some(50)));
    assert_eq!(flood.line(WITHIN), (true, None));
    assert_eq!(flood.end(), None);
    lines(&mut flood, most, WITHIN);
    assert_eq!((flood.end(), flood.end()), (Some(2), None));
}
