//! What a field manager had applied to an object, read back from the server's own books
//! (<https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management>).
//!
//! It is the configuration that was rendered then, and nothing else: no default of the server, no field of an
//! autoscaler or of a person. Applying it again by the same manager therefore changes nothing, and applying it after
//! another release undoes that release (RULES.md T7).

use serde_json::{Map, Value};

/// The configuration that `manager` last applied to the object; None where it never did.
pub fn applied_by(object: &Value, manager: &str) -> Option<Value> {
    let (its, others): (Vec<&Value>, Vec<&Value>) = entries(object).partition(|entry| is_apply_of(entry, manager));
    let entry = its.first()?;
    let others: Vec<&Value> = others.into_iter().map(|entry| &entry["fieldsV1"]).collect();
    let mut applied = taken(object, &entry["fieldsV1"], &others);
    for field in ["apiVersion", "kind"] {
        applied[field] = object[field].clone();
    }
    applied["metadata"]["name"] = object["metadata"]["name"].clone();
    if let Some(namespace) = object["metadata"].get("namespace") {
        applied["metadata"]["namespace"] = namespace.clone();
    }
    Some(applied)
}

/// Whether `manager` would change nothing by applying `wanted`: that is what it applied last, under the same version, and
/// all of it is still there. Not seen to be is what the books leave out (an empty map is nobody's: `emptyDir: {}`) and what
/// the server has completed inside of it (a claim template).
pub fn is_as_applied(object: &Value, manager: &str, mut wanted: Value) -> bool {
    let mut its = entries(object).filter(|entry| is_apply_of(entry, manager));
    let is_of_version = |entry: &Value| entry["apiVersion"] == wanted["apiVersion"];
    if !its.next().is_some_and(is_of_version) || its.next().is_some() {
        return false;
    }
    if let Some(namespace) = object["metadata"].get("namespace") {
        wanted["metadata"]["namespace"] = namespace.clone();
    }
    applied_by(object, manager) == Some(wanted)
}

fn entries(object: &Value) -> impl Iterator<Item = &Value> {
    object.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten()
}

fn is_apply_of(entry: &Value, manager: &str) -> bool {
    entry["manager"] == manager && entry["operation"] == "Apply"
}

/// The part of a value that a set of fields names. An empty set is a leaf: the value as a whole; but where others own
/// something in it, an empty map or list, in which nothing is ours.
fn taken(value: &Value, fields: &Value, others: &[&Value]) -> Value {
    let inside = |member: &str| others.iter().filter_map(|other| other.get(member)).collect::<Vec<_>>();
    let is_leaf = |fields: &Value| fields.as_object().is_none_or(Map::is_empty);
    if is_leaf(fields) && others.iter().all(|other| is_leaf(other)) {
        return value.clone();
    }
    let members = || fields.as_object().into_iter().flatten();
    match value {
        Value::Object(map) => {
            let inner = members().filter_map(|(member, fields)| {
                let key = member.strip_prefix("f:")?;
                Some((key.to_owned(), taken(map.get(key)?, fields, &inside(member))))
            });
            Value::Object(inner.collect())
        }
        Value::Array(items) => {
            let of = |item: &Value| members().find(|(member, _)| is_named(item, member));
            let inner = items.iter().filter_map(|item| {
                let (member, fields) = of(item)?;
                Some(taken(item, fields, &inside(member)))
            });
            Value::Array(inner.collect())
        }
        scalar => scalar.clone(),
    }
}

/// Whether an item of a list is the one that a member of a set names: `k:{"name":"a"}` by its keys, `v:"a"` by its
/// value.
pub fn is_named(item: &Value, member: &str) -> bool {
    if let Some(keys) = member.strip_prefix("k:") {
        let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
        return !keys.is_empty() && keys.iter().all(|(key, value)| item.get(key) == Some(value));
    }
    member
        .strip_prefix("v:")
        .and_then(|value| serde_json::from_str::<Value>(value).ok())
        .is_some_and(|value| value == *item)
}
