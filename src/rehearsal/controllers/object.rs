//! What several controllers ask of an object, or write into it.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::turn::Turn;

/// Whether `owner` is the object's controller
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/>).
pub fn is_owned_by(object: &Value, owner: &Value) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array();
    let uid = &owner["metadata"]["uid"];
    owners.into_iter().flatten().any(|reference| reference["uid"] == *uid && reference["controller"] == true)
}

/// The reference to an object's controller.
pub fn owner_reference(owner: &Value) -> Value {
    json!({"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
           "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true})
}

/// `metadata.uid`.
pub fn uid(object: &Value) -> String {
    object["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}

/// `metadata.name`.
pub fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// Sorts by age, the oldest first: uids are given in order.
pub fn age(object: &Value) -> (String, String) {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    (text("creationTimestamp"), text("uid"))
}

/// `spec.replicas`, which the API server defaults to 1.
pub fn replicas(object: &Value) -> i64 {
    object["spec"]["replicas"].as_i64().unwrap_or(1)
}

/// A number; 0 where there is none.
pub fn count(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

/// Writes counts, leaving out those of 0 as the API's encoding does.
pub fn set_counts(status: &mut Map<String, Value>, counts: &[(&str, i64)]) {
    for (field, count) in counts.iter().filter(|(_, count)| *count != 0) {
        status.insert((*field).to_owned(), json!(count));
    }
}

/// A condition of an object.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// Sets a condition of a status. The time of its transition stays while its own status does.
pub fn set_condition(status: &mut Value, mut new: Value) {
    if !status["conditions"].is_array() {
        status["conditions"] = json!([]);
    }
    let Some(conditions) = status["conditions"].as_array_mut() else { return };
    match conditions.iter_mut().find(|condition| condition["type"] == new["type"]) {
        Some(current) => {
            if current["status"] == new["status"] {
                new["lastTransitionTime"] = current["lastTransitionTime"].clone();
            }
            *current = new;
        }
        None => conditions.push(new),
    }
}

/// Whether a condition is True.
pub fn is_true(object: &Value, kind: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition["status"] == "True")
}

/// It has been told to go.
pub fn is_terminating(pod: &Value) -> bool {
    !pod["metadata"]["deletionTimestamp"].is_null()
}

/// Its phase is this one.
pub fn is_in_phase(pod: &Value, phase: &str) -> bool {
    pod["status"]["phase"] == phase
}

/// It counts as a pod of its controller: it has not ended and was not told to
/// (k8s:pkg/controller/controller_utils.go, `IsPodActive`).
pub fn is_active(pod: &Value) -> bool {
    !is_terminating(pod) && !is_in_phase(pod, "Succeeded") && !is_in_phase(pod, "Failed")
}

/// It has been Ready for as long as its controller asks
/// (k8s:pkg/api/v1/pod/util.go, `IsPodAvailable`).
pub fn is_available(turn: &mut Turn, pod: &Value, controller: &Value) -> bool {
    let Some(ready) = condition(pod, "Ready").filter(|ready| ready["status"] == "True") else { return false };
    let seconds = controller["spec"]["minReadySeconds"].as_u64().unwrap_or(0);
    let since = turn.moment(&ready["lastTransitionTime"]);
    seconds == 0 || turn.is_due(since + Duration::from_secs(seconds))
}
