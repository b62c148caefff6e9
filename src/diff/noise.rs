//! What says nothing about an object that anybody means.

use serde_json::{Map, Value};

use crate::cluster::essence;

/// What the server keeps about an object, beside what it keeps about every write.
const KEPT: [&str; 2] = ["uid", "creationTimestamp"];
/// kubectl's copy of the whole object: of a Secret it holds the values
/// (<https://kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/>).
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The object less status, bookkeeping of the server and kubectl's; `apiVersion` and `kind` first, else by the alphabet,
/// so that the order in which a server writes is no difference.
pub fn without(object: &Value) -> Value {
    let mut value = essence(object);
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        KEPT.iter().for_each(|field| drop(metadata.shift_remove(*field)));
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.shift_remove(LAST_APPLIED);
            if annotations.is_empty() {
                metadata.shift_remove("annotations");
            }
        }
    }
    let mut sorted = Map::new();
    for field in ["apiVersion", "kind"] {
        sorted.extend(object.get(field).map(|value| (field.to_owned(), value.clone())));
    }
    if let Value::Object(map) = in_order(value) {
        sorted.extend(map);
    }
    Value::Object(sorted)
}

fn in_order(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut members: Vec<(String, Value)> = map.into_iter().collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(members.into_iter().map(|(key, value)| (key, in_order(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(in_order).collect()),
        scalar => scalar,
    }
}
