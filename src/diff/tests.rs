//! Noise, masks, restarts and the lines of a difference, as tables.

use serde_json::{Value, json};

use super::restarts::{Restart, of};
use super::unified::{lines, yaml};
use super::{noise, secrets};

/// The difference of two states, as it is shown.
fn shown(mut before: Value, mut after: Value) -> String {
    secrets::mask(Some(&mut before), Some(&mut after));
    lines(&yaml(&noise::without(&before)), &yaml(&noise::without(&after))).join("\n")
}

#[test]
fn what_the_server_keeps_and_in_which_order_is_no_difference() {
    let before = json!({"kind": "Deployment", "apiVersion": "apps/v1", "spec": {"replicas": 1, "paused": false},
        "metadata": {"name": "a", "uid": "1", "resourceVersion": "7", "generation": 1, "managedFields": [{}],
                     "creationTimestamp": "2026-01-01T00:00:00Z", "selfLink": "/x",
                     "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{\"data\": \"c2VjcmV0\"}"}},
        "status": {"replicas": 1}});
    let after = json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"paused": false, "replicas": 1},
        "metadata": {"uid": "2", "name": "a", "generation": 2}, "status": {}});
    assert_eq!(shown(before.clone(), after.clone()), "");
    // Whoever looks for noise has to see what is none.
    for (pointer, value, line) in [
        ("/spec/replicas", json!(2), "+  replicas: 2"),
        ("/metadata/labels", json!({"a": "b"}), "+    a: b"),
        ("/metadata/annotations", json!({"a": "b"}), "+    a: b"),
        ("/metadata/finalizers", json!(["x"]), "+  - x"),
    ] {
        let mut other = after.clone();
        crate::render::insert(&mut other, pointer, &value);
        let told = shown(before.clone(), other);
        assert!(told.lines().any(|told| told == line), "{line:?} is not in {told}");
    }
}

#[test]
fn of_a_secret_only_what_becomes_of_its_keys_is_shown() {
    let secret = |data: Value, plain: Value| {
        let mut secret = json!({"kind": "Secret", "metadata": {"name": "s"}, "data": data});
        if plain.is_object() {
            secret["stringData"] = plain;
        }
        secret
    };
    let before = secret(json!({"KEPT": "a2VwdA==", "OTHER": "b2xk", "GONE": "Z29uZQ=="}), Value::Null);
    let after =
        secret(json!({"KEPT": "a2VwdA==", "OTHER": "bmV3", "ADDED": "YWRkZWQ="}), json!({"PLAIN": "plain-text"}));
    let told = shown(before.clone(), after.clone());
    for line in [
        "   KEPT: •••• (unchanged)",
        "-  OTHER: ••••",
        "+  OTHER: •••• (changed)",
        "-  GONE: •••• (removed)",
        "+  ADDED: •••• (new)",
        "+  PLAIN: •••• (new)",
    ] {
        assert!(told.lines().any(|told| told == line), "{line:?} is not in {told}");
    }
    for value in ["a2VwdA", "b2xk", "Z29uZQ", "bmV3", "YWRkZWQ", "plain-text"] {
        assert!(!told.contains(value), "{value} is in {told}");
    }
    // One that is new, or the only one of two states that is a Secret.
    let mut new = after;
    secrets::mask(None, Some(&mut new));
    assert_eq!(new["data"], json!({"KEPT": "•••• (new)", "OTHER": "•••• (new)", "ADDED": "•••• (new)"}));
    let mut map = json!({"kind": "ConfigMap", "data": {"a": "b"}});
    secrets::mask(None, Some(&mut map));
    assert_eq!(map["data"]["a"], "b");
}

#[test]
fn only_a_template_restarts_pods_and_of_a_stateful_set_those_from_its_partition_on() {
    let state = |template: &str, replicas: i64, strategy: &Value| json!({"spec": {"template": {"x": template}, "replicas": replicas, "updateStrategy": strategy}});
    let rolling = |partition: i64| json!({"type": "RollingUpdate", "rollingUpdate": {"partition": partition}});
    let on_delete = json!({"type": "OnDelete"});
    for (kind, templates, replicas, strategy, restart) in [
        ("Deployment", ["a", "b"], [2, 2], Value::Null, Restart::All),
        ("Deployment", ["a", "a"], [2, 3], Value::Null, Restart::None),
        ("Deployment", ["a", "b"], [0, 2], Value::Null, Restart::None),
        ("Deployment", ["a", "b"], [2, 0], Value::Null, Restart::None),
        ("StatefulSet", ["a", "b"], [2, 2], Value::Null, Restart::All),
        ("StatefulSet", ["a", "b"], [2, 2], rolling(0), Restart::All),
        ("StatefulSet", ["a", "b"], [2, 2], rolling(1), Restart::From(1)),
        ("StatefulSet", ["a", "b"], [2, 2], rolling(2), Restart::None),
        ("StatefulSet", ["a", "b"], [2, 2], on_delete.clone(), Restart::OnDelete),
        ("StatefulSet", ["a", "a"], [2, 2], on_delete, Restart::None),
        ("CronJob", ["a", "b"], [1, 1], Value::Null, Restart::None),
        ("Job", ["a", "b"], [1, 1], Value::Null, Restart::None),
    ] {
        let [before, after] = [0, 1].map(|side| state(templates[side], replicas[side], &strategy));
        assert_eq!(of(kind, &before, &after), restart, "{kind} {templates:?} {replicas:?} {strategy}");
    }
    assert_eq!(Restart::From(1).words().unwrap(), "its pods restart from ordinal 1 on");
    assert!(Restart::From(1).is_restart() && !Restart::OnDelete.is_restart() && !Restart::None.is_restart());
}

#[test]
fn a_hunk_says_inside_which_field_the_change_is() {
    let state = |image: &str, text: &str| {
        let data = json!({"script": format!("first:\n  second: x\n{}{text}\n", "line\n".repeat(9))});
        let container =
            |name: &str| json!({"image": name, "name": name, "ports": [{"a": 1}, {"b": 2}, {"c": 3}, {"d": 4}]});
        json!({"apiVersion": "v1", "data": data, "spec": {"containers": [container("a"), container(image)], "more": 1}})
    };
    let told = shown(state("b", "end"), state("c", "END"));
    let heads: Vec<&str> = told.lines().filter(|line| line.starts_with("@@")).collect();
    assert_eq!(heads.len(), 2, "{told}");
    assert!(heads[0].ends_with(" @@ data.script"), "{told}");
    assert!(heads[1].ends_with(" @@ spec.containers"), "{told}");
    assert!(told.contains("-    image: b") || told.contains("-  - image: b"), "{told}");
    let ports = |last: u64| json!({"spec": {"ports": [{"a": 1}, {"b": {"c": 2, "d": last}}]}});
    assert!(
        shown(ports(1), ports(2)).lines().next().unwrap().ends_with(" @@ spec.ports.b"),
        "{}",
        shown(ports(1), ports(2))
    );
    let labels = |labels: Value| json!({"metadata": {"labels": labels, "name": "a"}});
    let told = shown(labels(json!({"a": "b"})), labels(json!({"a": "b", "c": "d"})));
    assert!(told.lines().next().unwrap().ends_with(" @@ metadata.labels"), "{told}");
    // The first lines lie in no field.
    assert_eq!(lines("a: 1\nb: 2\n", "a: 1\nb: 3\n")[0], "@@ -1,2 +1,2 @@");
    assert_eq!(lines("", "a: 1\n"), ["@@ -0,0 +1 @@", "+a: 1"]);
    assert!(lines("a: 1\n", "a: 1\n").is_empty());
}
