//! What the server's books say was applied is what was rendered: a rollback applies it again, and nothing else.

use keyboss::release::applied_by;
use keyboss::render::{Object, Phase, pod_template_pointer};
use serde_json::{Value, json};

use crate::stage::{create_namespace, face, prepared};

/// Atomic lists: the books name them as a whole, and with them the defaults that the server has put inside.
const ATOMIC: [&str; 1] = ["/spec/volumeClaimTemplates"];

/// What a rollback is to apply: what was rendered, in its namespace. The books of Kubernetes 1.20 do not name an empty
/// structure, so `emptyDir: {}` is not in them; it is what the server makes of a volume that names nothing else
/// (k8s:pkg/apis/core/v1/defaults.go, `SetDefaults_Volume`).
fn expected(object: &Object, namespace: &str) -> Value {
    let mut value = object.value.clone();
    value["metadata"]["namespace"] = json!(namespace);
    let template = pod_template_pointer(&object.id.kind).and_then(|pointer| value.pointer_mut(pointer));
    let volumes = template.and_then(|template| template.pointer_mut("/spec/volumes")).and_then(Value::as_array_mut);
    for volume in volumes.into_iter().flatten().filter_map(Value::as_object_mut) {
        if volume.get("emptyDir") == Some(&json!({})) {
            volume.shift_remove("emptyDir");
        }
    }
    value
}

/// Whether a value holds all of another, and more at most in maps.
fn holds(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::Object(value), Value::Object(part)) => {
            part.iter().all(|(key, part)| value.get(key).is_some_and(|value| holds(value, part)))
        }
        (Value::Array(value), Value::Array(part)) => {
            value.len() == part.len() && value.iter().zip(part).all(|(value, part)| holds(value, part))
        }
        (value, part) => value == part,
    }
}

/// The pointers at which two values differ.
fn differences(a: &Value, b: &Value, path: &str, found: &mut Vec<String>) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let inner = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                differences(&inner(a), &inner(b), &format!("{path}/{key}"), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(a, b, &format!("{path}/{index}"), found);
            }
        }
        (a, b) if a != b => found.push(format!("{path}: {a} {b}")),
        _ => {}
    }
}

#[tokio::test(start_paused = true)]
async fn every_object_of_the_plan_is_read_back_as_it_was_rendered() {
    for (environment, context, namespace) in [("local", "k3d-x", "keyboss"), ("deti", "deti", "tenant-keyboss")] {
        let face = face();
        create_namespace(&face, namespace).await;
        let prepared = prepared(&face, environment, context).await;
        let cluster = &prepared.cluster;
        let objects = prepared.request.plan.objects();
        let (mut whole, mut atomic, mut found) = (0, 0, Vec::new());
        for (_, object) in objects.filter(|(phase, object)| object.namespaced() && *phase != Phase::ServiceMonitors) {
            // Twice: the second time the initial fields have another owner.
            for _ in 0..2 {
                cluster.apply(object, false).await.unwrap();
            }
            let live = cluster.get(&object.id).await.unwrap().unwrap();
            let mut applied = applied_by(&live, "keyboss").unwrap();
            let mut expected = expected(object, namespace);
            expected["apiVersion"] = live["apiVersion"].clone();
            for pointer in ATOMIC {
                let (Some(has), Some(wanted)) = (applied.pointer_mut(pointer), expected.pointer(pointer)) else {
                    continue;
                };
                assert!(holds(has, wanted), "{environment}, {}: {has} {wanted}", object.id);
                *has = wanted.clone();
                atomic += 1;
            }
            differences(&applied, &expected, &format!("{environment}, {}: ", object.id), &mut found);
            whole += 1;

            let again = cluster.reapply(&object.id, &applied, live["metadata"]["uid"].as_str().unwrap()).await.unwrap();
            assert_eq!(again, live, "{environment}, {}: applying it again changes nothing", object.id);
        }
        assert_eq!(found, [""; 0]);
        assert!(whole > 40 && atomic >= 2, "{environment}: {whole} {atomic}");
    }
}
