//! What is done with one object to leave it as it was.

use serde_json::{Value, json};

use super::id;
use crate::release::{Before, Step, restore, stays};
use crate::render::Phase;

/// An object of ours that was applied with this data.
fn object(kind: &str, uid: &str, data: Value) -> Value {
    let keys = data.as_object().unwrap().keys().map(|key| (format!("f:{key}"), json!({})));
    let fields = json!({"f:data": Value::Object(keys.collect())});
    json!({"apiVersion": "v1", "kind": kind, "data": data,
        "metadata": {"name": "thing", "uid": uid, "labels": {"app.kubernetes.io/managed-by": "keyboss"},
            "managedFields": [{"manager": "keyboss", "operation": "Apply", "fieldsV1": fields}]}})
}

fn applied(kind: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "thing"}, "data": data})
}

fn step(kind: &str, was: Option<Value>, is: Option<Value>) -> Step {
    restore(
        &Before { phase: Phase::Config, id: id(kind, "thing"), live: was, healthy: None, displaced: false },
        is.as_ref(),
    )
}

fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    crate::render::insert(&mut object, pointer, &value);
    object
}

#[test]
fn every_kind_of_fate() {
    let service = |uid: &str, data: Value| Some(object("Service", uid, data));
    let (old, new) = (json!({"a": "1"}), json!({"a": "2", "b": "3"}));
    let foreign = |uid| service(uid, json!({})).map(|object| with(object, "/metadata/labels", json!({})));
    let terminating = |object: Option<Value>| {
        object.map(|object| with(object, "/metadata/deletionTimestamp", json!("2026-01-02T12:00:00Z")))
    };
    let unknown = service("u", old.clone()).map(|object| with(object, "/metadata/managedFields", json!([])));
    let delete = |uid: &str| Step::Delete { uid: uid.to_owned() };
    let reapply = |data: &Value| Step::Reapply { value: applied("Service", data.clone()), uid: "u".to_owned() };
    let table = [
        ("it never was there", None, None, Step::Unchanged),
        ("the release made it", None, service("n", new.clone()), delete("n")),
        ("it is going already", None, terminating(service("n", new.clone())), Step::Unchanged),
        ("another's is going", None, terminating(foreign("n")), Step::Unchanged),
        ("somebody else made it", None, foreign("n"), Step::Foreign("somebody else has made it meanwhile")),
        ("it is gone", service("u", old.clone()), None, Step::Foreign("somebody has deleted it meanwhile")),
        (
            "it is another one",
            service("u", old.clone()),
            service("n", old.clone()),
            Step::Foreign("somebody has replaced it meanwhile"),
        ),
        ("it is as it was", service("u", old.clone()), service("u", old.clone()), Step::Unchanged),
        ("it was changed", service("u", old.clone()), service("u", new.clone()), reapply(&old)),
        ("a value was added", service("u", json!({})), service("u", old.clone()), reapply(&json!({}))),
        ("what was added goes", service("u", old.clone()), service("u", json!({"a": "1", "b": "2"})), reapply(&old)),
        ("it was not ours before, and is now", unknown.clone(), service("u", new), {
            Step::Foreign("keyboss had not applied it before, so it does not know what it was")
        }),
        ("what we own is gone from it", service("u", old.clone()), unknown, reapply(&old)),
    ];
    for (what, was, is, expected) in table {
        assert_eq!(step("Service", was, is), expected, "{what}");
    }
}

#[test]
fn what_somebody_else_changed_is_no_difference_of_ours() {
    let was = object("Service", "u", json!({"a": "1"}));
    let is = with(was.clone(), "/spec/clusterIP", json!("10.0.0.1"));
    assert_eq!(step("Service", Some(was), Some(is)), Step::Unchanged);
}

#[test]
fn what_the_release_displaced_comes_back() {
    let hpa = |uid: &str, data: Value| object("HorizontalPodAutoscaler", uid, data);
    let (old, new) = (json!({"a": "1"}), json!({"a": "2"}));
    let applied = applied("HorizontalPodAutoscaler", old.clone());
    let going =
        |uid: &str| Some(with(hpa(uid, old.clone()), "/metadata/deletionTimestamp", json!("2026-01-02T12:00:00Z")));
    let foreign = Some(with(hpa("n", old.clone()), "/metadata/labels", json!({})));
    let recreate = Step::Recreate { value: applied.clone() };
    let reapply = |uid: &str| Step::Reapply { value: applied.clone(), uid: uid.to_owned() };
    let table = [
        ("it is gone", None, recreate.clone()),
        ("it is going still", going("u"), recreate),
        ("it is not gone yet", Some(hpa("u", old.clone())), Step::Unchanged),
        ("it was made anew", Some(hpa("n", old.clone())), Step::Unchanged),
        ("it was made anew, by another release", Some(hpa("n", new)), reapply("n")),
        ("somebody else made one", foreign, Step::Foreign("somebody has replaced it meanwhile")),
    ];
    let id = id("HorizontalPodAutoscaler", "thing");
    for (what, is, expected) in table {
        let live = Some(hpa("u", old.clone()));
        let before = Before { phase: Phase::Availability, id: id.clone(), live, healthy: None, displaced: true };
        assert_eq!(restore(&before, is.as_ref()), expected, "{what}");
    }
    let live = Some(with(hpa("u", old.clone()), "/metadata/managedFields", json!([])));
    let unknown = Before { phase: Phase::Availability, id, live, healthy: None, displaced: true };
    assert!(matches!(restore(&unknown, None), Step::Foreign(_)));
}

#[test]
fn data_and_what_databases_know_stay() {
    for kind in ["Namespace", "PersistentVolumeClaim", "StatefulSet", "Secret", "CustomResourceDefinition"] {
        assert!(stays(kind), "{kind}");
        let (old, new) = (object(kind, "u", json!({"a": "1"})), object(kind, "u", json!({"a": "2"})));
        let other = object(kind, "n", json!({}));
        for (was, is) in [
            (None, Some(new.clone())),
            (Some(old.clone()), Some(new)),
            (Some(old.clone()), Some(other)),
            (Some(old), None),
        ] {
            assert_eq!(step(kind, was.clone(), is.clone()), Step::Stays, "{kind} {was:?} {is:?}");
        }
    }
    for kind in ["Deployment", "Service", "ConfigMap", "CronJob", "Ingress", "HorizontalPodAutoscaler", "Role"] {
        assert!(!stays(kind), "{kind}");
    }
}

#[test]
fn what_a_job_did_stays_and_what_it_did_not_goes() {
    let job = |conditions: Value| Some(with(object("Job", "n", json!({})), "/status/conditions", conditions));
    let foreign = job(json!([])).map(|job| with(job, "/metadata/labels", json!({})));
    let delete = Step::Delete { uid: "n".to_owned() };
    let table = [
        ("complete", job(json!([{"type": "Complete", "status": "True"}])), Step::Stays),
        ("failed", job(json!([{"type": "Failed", "status": "True"}])), delete.clone()),
        ("not complete", job(json!([{"type": "Complete", "status": "False"}])), delete.clone()),
        ("under way", job(json!([])), delete.clone()),
        ("just made", Some(object("Job", "n", json!({}))), delete),
        ("somebody else's", foreign, Step::Stays),
    ];
    for (what, is, expected) in table {
        assert_eq!(step("Job", None, is.clone()), expected, "{what}");
        assert_eq!(step("Job", Some(object("Job", "n", json!({}))), is), Step::Stays, "{what}, there before");
    }
    assert_eq!(step("Job", Some(object("Job", "u", json!({}))), None), Step::Stays);
}

#[test]
fn keys_that_were_added_to_a_config_map_stay() {
    let map = |data: Value| Some(object("ConfigMap", "u", data));
    let reapply = |data: Value| Step::Reapply { value: applied("ConfigMap", data), uid: "u".to_owned() };
    for (was, is, expected) in [
        (json!({"a": "1"}), json!({"a": "2", "b": "3"}), reapply(json!({"a": "1", "b": "3"}))),
        (json!({"a": "1", "b": "2"}), json!({"a": "1"}), reapply(json!({"a": "1", "b": "2"}))),
        (json!({"a": "1"}), json!({"a": "1", "b": "3"}), Step::Unchanged),
        (json!({"a": "1"}), json!({"a": "1"}), Step::Unchanged),
    ] {
        assert_eq!(step("ConfigMap", map(was.clone()), map(is.clone())), expected, "{was} {is}");
    }
    // A key that another manager wrote is not one that the release added.
    let moved = map(json!({"a": "2"})).map(|map| with(map, "/data/POSTGRES_HOST", json!("postgres-1.postgres")));
    assert_eq!(step("ConfigMap", map(json!({"a": "1"})), moved), reapply(json!({"a": "1"})));
    // Of a map that had none before, all stay.
    let bare = map(json!({})).map(|mut map| {
        map.as_object_mut().unwrap().remove("data");
        map["metadata"]["managedFields"][0]["fieldsV1"] = json!({"f:metadata": {"f:labels": {"f:a": {}}}});
        map
    });
    let step = step("ConfigMap", bare.clone(), map(json!({"a": "1"})));
    let Step::Reapply { value, .. } = step else { panic!("{step:?}") };
    assert_eq!(value["data"], json!({"a": "1"}));
}
