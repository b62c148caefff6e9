//! What was applied, from the server's books.

use serde_json::{Value, json};

use crate::release::applied_by;

/// An object with these managers' fields: manager, operation, `fieldsV1`.
fn object(mut object: Value, managers: &[(&str, &str, Value)]) -> Value {
    let entry = |(manager, operation, fields): &(&str, &str, Value)| json!({"manager": manager, "operation": operation, "fieldsV1": fields});
    object["apiVersion"] = json!("v1");
    object["kind"] = json!("Thing");
    object["metadata"]["name"] = json!("thing");
    object["metadata"]["uid"] = json!("uid-1");
    object["metadata"]["managedFields"] = managers.iter().map(entry).collect();
    object
}

#[test]
fn it_is_what_the_fields_name_and_nothing_else() {
    let table: [(&str, Value, Value, Value); 14] = [
        (
            "some keys of a map",
            json!({"data": {"a": "1", "b": "2", "c": "3"}}),
            json!({"f:data": {".": {}, "f:a": {}, "f:c": {}}}),
            json!({"data": {"a": "1", "c": "3"}}),
        ),
        (
            "a key with a slash, dots and a tilde",
            json!({"spec": {"x.io/a~b": 1, "x.io/a": 2}}),
            json!({"f:spec": {"f:x.io/a~b": {}}}),
            json!({"spec": {"x.io/a~b": 1}}),
        ),
        (
            "defaults of the server",
            json!({"spec": {"replicas": 1, "template": {"dnsPolicy": "ClusterFirst", "a": 1}}}),
            json!({"f:spec": {"f:template": {"f:a": {}}}}),
            json!({"spec": {"template": {"a": 1}}}),
        ),
        (
            "a field that is gone since",
            json!({"spec": {"a": 1}}),
            json!({"f:spec": {"f:a": {}, "f:b": {"f:c": {}}}}),
            json!({"spec": {"a": 1}}),
        ),
        (
            "an atomic map, whole",
            json!({"spec": {"selector": {"app": "a", "tier": "b"}}}),
            json!({"f:spec": {"f:selector": {}}}),
            json!({"spec": {"selector": {"app": "a", "tier": "b"}}}),
        ),
        (
            "an atomic list, whole",
            json!({"spec": {"args": ["-c", "x"], "rules": [{"host": "h", "default": true}]}}),
            json!({"f:spec": {"f:args": {}, "f:rules": {}}}),
            json!({"spec": {"args": ["-c", "x"], "rules": [{"host": "h", "default": true}]}}),
        ),
        (
            "items of a keyed list, in the list's order",
            json!({"spec": {"containers": [
                {"name": "b", "image": "b:1", "policy": "Always"}, {"name": "x", "image": "x:1"}, {"name": "a", "image": "a:1"}]}}),
            json!({"f:spec": {"f:containers": {
                "k:{\"name\":\"a\"}": {".": {}, "f:image": {}, "f:name": {}},
                "k:{\"name\":\"b\"}": {".": {}, "f:image": {}, "f:name": {}}}}}),
            json!({"spec": {"containers": [{"name": "b", "image": "b:1"}, {"name": "a", "image": "a:1"}]}}),
        ),
        (
            "two keys, one of which has a default",
            json!({"spec": {"ports": [{"port": 80, "protocol": "TCP"}, {"port": 80, "protocol": "UDP"}]}}),
            json!({"f:spec": {"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}}}}),
            json!({"spec": {"ports": [{"port": 80}]}}),
        ),
        (
            "a keyed list in a keyed list",
            json!({"containers": [{"name": "a", "ports": [{"containerPort": 1, "protocol": "TCP"}], "env": []}]}),
            json!({"f:containers": {"k:{\"name\":\"a\"}": {"f:name": {}, "f:ports": {
                "k:{\"containerPort\":1,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}}}}),
            json!({"containers": [{"name": "a", "ports": [{"containerPort": 1}]}]}),
        ),
        (
            "items of a set",
            json!({"spec": {"finalizers": ["x/y", "ours", 3]}}),
            json!({"f:spec": {"f:finalizers": {"v:\"ours\"": {}, "v:3": {}}}}),
            json!({"spec": {"finalizers": ["ours", 3]}}),
        ),
        (
            "an empty map that was applied",
            json!({"spec": {"emptyDir": {}, "resources": {}}}),
            json!({"f:spec": {"f:emptyDir": {}}}),
            json!({"spec": {"emptyDir": {}}}),
        ),
        (
            "null, false and zero",
            json!({"spec": {"a": null, "b": false, "c": 0}}),
            json!({"f:spec": {"f:a": {}, "f:b": {}, "f:c": {}}}),
            json!({"spec": {"a": null, "b": false, "c": 0}}),
        ),
        (
            "labels, and no other metadata",
            json!({"metadata": {"labels": {"a": "1", "b": "2"}, "generation": 4}}),
            json!({"f:metadata": {"f:labels": {"f:a": {}}}}),
            json!({"metadata": {"labels": {"a": "1"}}}),
        ),
        (
            "a list whose fields are those of a map: nothing of it",
            json!({"spec": {"list": [1, 2]}}),
            json!({"f:spec": {"f:list": {"f:a": {}}}}),
            json!({"spec": {"list": []}}),
        ),
    ];
    for (what, live, fields, expected) in table {
        let mut expected = expected;
        expected["apiVersion"] = json!("v1");
        expected["kind"] = json!("Thing");
        expected["metadata"]["name"] = json!("thing");
        let live = object(live, &[("keyboss", "Apply", fields)]);
        assert_eq!(applied_by(&live, "keyboss"), Some(expected), "{what}");
    }
}

#[test]
fn it_is_one_managers_apply() {
    let data = json!({"data": {"a": "1", "b": "2"}});
    let of = |key: &str| json!({"f:data": {format!("f:{key}"): {}}});
    let managers = [("keyboss", "Update", of("b")), ("other", "Apply", of("b")), ("keyboss", "Apply", of("a"))];
    let applied = applied_by(&object(data.clone(), &managers), "keyboss").unwrap();
    assert_eq!(applied["data"], json!({"a": "1"}));
    for managers in [&managers[..2], &[]] {
        assert_eq!(applied_by(&object(data.clone(), managers), "keyboss"), None);
    }
    assert_eq!(applied_by(&json!({"metadata": {}}), "keyboss"), None);
    let mut live = object(data, &managers);
    live["metadata"]["namespace"] = json!("shop");
    assert_eq!(applied_by(&live, "keyboss").unwrap()["metadata"], json!({"name": "thing", "namespace": "shop"}));
}

/// An empty map or list in a manifest owns itself and nothing in it: what others have put there is theirs.
#[test]
fn what_others_put_into_an_empty_map_is_left_out() {
    let live = json!({"spec": {"selector": {"pod": "postgres-0"}, "finalizers": ["theirs"], "ports": [{"port": 1}],
        "whole": {"a": 1}}});
    let ours = json!({"f:spec": {"f:selector": {}, "f:finalizers": {}, "f:ports": {}, "f:whole": {}}});
    let theirs = json!({"f:spec": {"f:selector": {"f:pod": {}}, "f:finalizers": {"v:\"theirs\"": {}},
        "f:ports": {"k:{\"port\":1}": {".": {}, "f:port": {}}}, "f:whole": {}}});
    let managers = [("keyboss", "Apply", ours), ("keyboss-initial", "Update", theirs)];
    let applied = applied_by(&object(live, &managers), "keyboss").unwrap();
    let expected = json!({"selector": {}, "finalizers": [], "ports": [], "whole": {"a": 1}});
    assert_eq!(applied["spec"], expected);
}
