//! What the server's books say is as it was applied.

use serde_json::{Value, json};

use crate::release::is_as_applied;

/// A Deployment as a server keeps it: ours, with a default of the server's, what an autoscaler and a person own, and a
/// container that was added by another.
fn live() -> Value {
    let container = |name: &str| json!({"name": name, "image": "x", "imagePullPolicy": "Always"});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": "api", "namespace": "shop", "uid": "1", "labels": {"app": "api", "theirs": "1"},
            "managedFields": [
                {"manager": "keyboss", "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": {
                    "f:metadata": {"f:labels": {"f:app": {}}},
                    "f:spec": {"f:template": {"f:containers": {
                        "k:{\"name\":\"a\"}": {".": {}, "f:name": {}, "f:image": {}},
                        "k:{\"name\":\"b\"}": {".": {}, "f:name": {}, "f:image": {}}}}}}},
                {"manager": "hpa", "operation": "Update", "apiVersion": "apps/v1", "subresource": "scale",
                    "fieldsV1": {"f:spec": {"f:replicas": {}}}},
                {"manager": "somebody", "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": {
                    "f:metadata": {"f:labels": {"f:theirs": {}}},
                    "f:spec": {"f:template": {"f:containers": {"k:{\"name\":\"c\"}": {".": {}, "f:name": {}}}}}}},
            ],
        },
        "spec": {"replicas": 4, "template": {"containers": [container("a"), container("c"), container("b")]}},
    })
}

fn wanted() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api", "labels": {"app": "api"}},
        "spec": {"template": {"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "x"}]}},
    })
}

#[test]
fn what_is_there_as_it_was_applied_is_left_alone() {
    assert!(is_as_applied(&live(), "keyboss", wanted()));
    let mut with_namespace = wanted();
    with_namespace["metadata"]["namespace"] = json!("shop");
    assert!(is_as_applied(&live(), "keyboss", with_namespace));
}

#[test]
fn whatever_is_wanted_otherwise_is_asked_about() {
    for (what, pointer, value) in [
        ("another value", "/spec/template/containers/0/image", json!("y")),
        ("a field more", "/spec/template/containers/0", json!({"name": "a", "image": "x", "tty": true})),
        ("a field less", "/spec/template/containers/0", json!({"name": "a"})),
        ("an item less", "/spec/template/containers", json!([{"name": "a", "image": "x"}])),
        (
            "another order",
            "/spec/template/containers",
            json!([{"name": "b", "image": "x"}, {"name": "a", "image": "x"}]),
        ),
        ("a label that another has set", "/metadata/labels", json!({"app": "api", "theirs": "1"})),
        ("a field of the autoscaler's", "/spec", {
            let mut spec = wanted()["spec"].clone();
            spec["replicas"] = json!(4);
            spec
        }),
        ("another version", "/apiVersion", json!("apps/v1beta1")),
    ] {
        let mut wanted = wanted();
        *wanted.pointer_mut(pointer).unwrap() = value;
        assert!(!is_as_applied(&live(), "keyboss", wanted), "{what}");
    }
}

#[test]
fn whatever_became_of_it_is_asked_about() {
    let ours = |live: &mut Value| live["metadata"]["managedFields"][0].take();
    type Happens = Box<dyn Fn(&mut Value)>;
    let table: [(&str, Happens); 5] = [
        ("somebody else has changed a value", Box::new(|live| live["metadata"]["labels"]["app"] = json!("other"))),
        (
            "somebody else has taken a field away",
            Box::new(|live| drop(live["metadata"]["labels"].as_object_mut().unwrap().remove("app"))),
        ),
        (
            "somebody else owns a field now",
            Box::new(|live| live["metadata"]["managedFields"][0]["fieldsV1"]["f:metadata"] = json!({})),
        ),
        (
            "it was applied under two versions",
            Box::new(move |live| {
                let ours = ours(live);
                let mut older = ours.clone();
                older["apiVersion"] = json!("apps/v1beta1");
                let managers = live["metadata"]["managedFields"].as_array_mut().unwrap();
                managers[0] = ours;
                managers.push(older);
            }),
        ),
        ("it was never applied", Box::new(|live| live["metadata"]["managedFields"] = json!([]))),
    ];
    for (what, happens) in table {
        let mut live = live();
        happens(&mut live);
        assert!(!is_as_applied(&live, "keyboss", wanted()), "{what}");
    }
}
