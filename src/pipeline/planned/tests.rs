//! What keeps a plan from being done, as tables.

use serde_json::{Value, json};

use super::*;

/// A plan of two objects.
fn plan() -> Value {
    let entry =
        |source: &str, live: Value| json!({"source": source, "change": "unchanged", "rendered": "r1", "live": live});
    json!({
        "format": FORMAT, "keyboss": "1", "saved": "2026-01-02T03:04:05Z", "phases": ["config"], "prunes": false,
        "place": {"environment": "local", "namespace": "n", "server": "https://a", "cluster": "c1"}, "release": 4,
        "objects": {
            "ConfigMap a": entry("a.yaml", json!({"uid": "u1", "state": "s1"})),
            "Secret b": entry("b.yaml", Value::Null),
        },
        "deletions": {},
    })
}

fn read(value: &Value) -> Planned {
    Planned::read(&value.to_string()).unwrap()
}

#[test]
fn each_thing_that_is_otherwise_is_named_with_its_object() {
    assert!(read(&plan()).changed(&read(&plan())).is_empty());
    for (pointer, value, expected) in [
        ("/keyboss", json!("2"), "it was made by keyboss 1, and this is 2"),
        ("/place/namespace", json!("m"), "it was made for namespace n, and this is m"),
        ("/place/cluster", json!("c2"), "whose namespace kube-system has the uid c1, and this is c2"),
        ("/phases", json!(["config", "backup"]), "for phases config, and this is config, backup"),
        ("/prunes", json!(true), "it was made without --prune, and this deploy is with"),
        ("/release", json!(5), "release 5 was made since"),
        ("/release", json!(3), "release 4, which was the last one, is gone"),
        ("/objects/ConfigMap a/rendered", json!("r2"), "ConfigMap a (a.yaml) is rendered otherwise"),
        ("/objects/ConfigMap a/live/state", json!("s2"), "ConfigMap a was changed in the cluster"),
        ("/objects/ConfigMap a/live/uid", json!("u2"), "ConfigMap a was deleted and made again in the cluster"),
        ("/objects/ConfigMap a/live", Value::Null, "ConfigMap a was deleted in the cluster"),
        ("/objects/ConfigMap a/change", json!("changed"), "ConfigMap a would be changed and was to be unchanged"),
        ("/objects/Secret b/live", json!({"uid": "u", "state": "7"}), "Secret b is there now, and was not then"),
        ("/objects/Secret b/keys", json!(["X"]), "would get other keys: [] were planned, now [X]"),
        ("/deletions", json!({"Job x": "u"}), "other objects would be deleted: then [], now [Job x]"),
    ] {
        let mut now = plan();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        now.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer}"))[field] = value;
        let reasons = read(&plan()).changed(&read(&now));
        assert_eq!(reasons.len(), 1, "{pointer}: {reasons:?}");
        assert!(reasons[0].contains(expected), "{pointer}: {reasons:?}");
    }
    let mut now = plan();
    now["objects"].as_object_mut().unwrap().remove("Secret b");
    assert_eq!(read(&plan()).changed(&read(&now)), ["Secret b (b.yaml) is not rendered any more"]);
    assert_eq!(read(&now).changed(&read(&plan())), ["Secret b (b.yaml) was not rendered then"]);
}

#[test]
fn a_cluster_is_known_by_its_address_where_its_uid_may_not_be_read() {
    let of = |server: &str, cluster: Value| {
        let mut plan = plan();
        plan["place"]["server"] = json!(server);
        plan["place"]["cluster"] = cluster;
        read(&plan)
    };
    assert!(of("https://a", json!("c")).changed(&of("https://b", json!("c"))).is_empty());
    assert!(of("https://a", Value::Null).changed(&of("https://a", json!("c"))).is_empty());
    let reasons = of("https://a", Value::Null).changed(&of("https://b", json!("c")));
    assert_eq!(reasons, ["it was made for the API server https://a, and this is https://b"]);
}

#[test]
fn what_is_no_plan_is_refused_and_what_is_one_comes_back() {
    assert_eq!(read(&serde_json::from_str(&read(&plan()).write().unwrap()).unwrap()), read(&plan()));
    let mut newer = plan();
    newer["format"] = json!(2);
    assert!(Planned::read(&newer.to_string()).unwrap_err().contains("a plan of format 2"));
    for text in ["", "{}", "[1]", r#"{"format": 1, "keyboss": "1"}"#] {
        let why = Planned::read(text).unwrap_err();
        assert!(why.starts_with("it is no plan of keyboss"), "{text}: {why}");
    }
}

#[test]
fn a_live_object_is_the_same_while_others_move_what_is_theirs() {
    let object = |kind: &str| {
        let manifest = json!({"apiVersion": "v1", "kind": kind, "spec": {"replicas": 2, "x": 1}, "metadata": {
            "name": "a", "annotations": {"keyboss.io/initial": "/spec/replicas"}}});
        Object::new("a.yaml".to_owned(), manifest).unwrap()
    };
    let live = |pointer: &str, value: Value| {
        let mut live = json!({"kind": "x", "spec": {"replicas": 2, "x": 1}, "status": {"x": 1},
            "metadata": {"name": "a", "uid": "u", "resourceVersion": "1", "labels": {"a": "b"}, "annotations": {}}});
        if !pointer.is_empty() {
            insert(&mut live, pointer, &value);
        }
        live
    };
    for (kind, pointer, is_same) in [
        ("Deployment", "/spec/replicas", true),
        ("Deployment", "/status/x", true),
        ("Deployment", "/metadata/resourceVersion", true),
        ("Deployment", "/metadata/managedFields", true),
        ("Deployment", "/metadata/generation", true),
        ("Deployment", "/spec/x", false),
        ("Deployment", "/metadata/annotations/a", false),
        ("Deployment", "/metadata/uid", false),
        ("Secret", "/metadata/resourceVersion", false),
        ("Namespace", "/metadata/annotations/a", true),
        ("Namespace", "/metadata/labels/a", false),
    ] {
        let object = object(kind);
        let same = mark(&object, &live("", Value::Null)) == mark(&object, &live(pointer, json!("9")));
        assert_eq!(same, is_same, "{kind} {pointer}");
    }
    // A field that has gone is written again.
    let mut without = live("", Value::Null);
    without["spec"].as_object_mut().unwrap().remove("replicas");
    assert_ne!(mark(&object("Deployment"), &without), mark(&object("Deployment"), &live("", Value::Null)));
}
