//! Nothing in the policies could be left out, or be written otherwise, without being noticed: each is changed in one place
//! at a time.

use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::allowed::surprises;
use crate::declared::declared;
use crate::semantics::isolates;
use crate::shop::{Shop, Workload};
use crate::sources::everybody;

/// One change of one policy: what it is, and what becomes of it; None: it is gone.
type Change = (String, Option<Value>);

/// Every list without each of its items, every number and every text otherwise, and the whole gone.
fn changes(policy: &Value) -> Vec<Change> {
    let mut all = vec![("nothing at all".to_owned(), None)];
    let mut changed = Vec::new();
    walk(&policy["spec"], "/spec", &mut |pointer, value| changed.push((pointer.to_owned(), value)));
    for (pointer, value) in changed {
        let mut copy = policy.clone();
        *copy.pointer_mut(&pointer).unwrap() = value.clone();
        all.push((format!("{pointer}: {value}"), Some(copy)));
    }
    all
}

/// Calls `change` with each place, and what could stand there instead.
fn walk(value: &Value, pointer: &str, change: &mut impl FnMut(&str, Value)) {
    let inner = |key: &str| format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                // These two have a few values only, which are known.
                if key != "operator" && key != "policyTypes" {
                    walk(member, &inner(key), change);
                }
            }
        }
        Value::Array(items) => {
            for index in 0..items.len() {
                // Without its last peer or port a rule would be another one: it goes as a whole.
                if items.len() > 1 || pointer.ends_with("/ingress") {
                    let mut fewer = items.clone();
                    fewer.remove(index);
                    change(pointer, Value::Array(fewer));
                }
                walk(&items[index], &inner(&index.to_string()), change);
            }
        }
        Value::Number(number) => change(pointer, json!(number.as_u64().unwrap() + 1)),
        Value::String(text) => change(pointer, json!(format!("{text}x"))),
        Value::Null | Value::Bool(_) => panic!("{pointer}: {value} is not known here"),
    }
}

#[test]
fn no_change_goes_unnoticed() {
    for (shop, name) in Shop::all() {
        let (declared, everybody) = (declared(shop), everybody(shop));
        for (place, policy) in shop.of_kind("NetworkPolicy").enumerate() {
            for (change, changed) in changes(policy) {
                let changed = changed.map(|changed| NetworkPolicy::deserialize(changed).unwrap());
                // Nobody else notices.
                let about: Vec<&NetworkPolicy> = [&shop.policies[place]].into_iter().chain(&changed).collect();
                let is_about = |one: &&Workload| about.iter().any(|policy| isolates(policy, &one.pod));
                let mut workloads = shop.workloads.iter().filter(is_about);
                let mut policies = shop.policies.clone();
                policies.splice(place..=place, changed.clone());
                let is_noticed = workloads.any(|to| surprises(&policies, to, &declared, &everybody).next().is_some());
                assert!(is_noticed, "{name}: nobody notices {} with {change}", policy["metadata"]["name"]);
            }
        }
    }
}

#[test]
fn changes_are_one_at_a_time() {
    let policy = json!({"spec": {
        "podSelector": {"matchLabels": {"a/b": "c"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"ports": [{"port": 1, "protocol": "TCP"}], "from": [{"podSelector": {}}, {"namespaceSelector": {}}]}],
    }});
    let all: Vec<String> = changes(&policy).into_iter().map(|(change, _)| change).collect();
    assert_eq!(
        all,
        [
            "nothing at all",
            "/spec/podSelector/matchLabels/a~1b: \"cx\"",
            "/spec/ingress: []",
            "/spec/ingress/0/ports/0/port: 2",
            "/spec/ingress/0/ports/0/protocol: \"TCPx\"",
            "/spec/ingress/0/from: [{\"namespaceSelector\":{}}]",
            "/spec/ingress/0/from: [{\"podSelector\":{}}]",
        ]
    );
}
