//! What a Deployment says of its rollout
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status>).

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::object::{condition, count, name, replicas, set_counts};
use super::rolling::Bounds;
use super::turn::Turn;

/// The seconds a rollout may stand still where nothing is said.
const DEADLINE: u64 = 600;

/// Counts the pods, and says whether the rollout goes on
/// (k8s:pkg/controller/deployment/progress.go, `syncRolloutStatus`).
///
/// Where nothing is rolled out there is nothing to say of that.
pub fn update(turn: &mut Turn, mut deployment: Value, sets: &[Arc<Value>], new: Option<usize>, is_rollout: bool) {
    let before = deployment["status"].clone();
    deployment["status"] = Value::Object(counts(&deployment, sets, new));
    let wanted = replicas(&deployment);
    let is_available = count(&deployment["status"]["availableReplicas"]) >= wanted - unavailable(&deployment, wanted);
    let available = match is_available {
        true => ("True", "MinimumReplicasAvailable", "Deployment has minimum availability."),
        false => ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."),
    };
    set(&mut deployment, new_condition(turn, "Available", available));

    let current = condition(&deployment, "Progressing").cloned().unwrap_or_default();
    let status = &deployment["status"];
    let was_complete = current["reason"] == "NewReplicaSetAvailable"
        && count(&status["replicas"]) == count(&status["updatedReplicas"]);
    if is_rollout && !was_complete {
        let object = new.map_or_else(
            || format!("Deployment {:?}", name(&deployment)),
            |new| format!("ReplicaSet {:?}", name(&sets[new])),
        );
        if is_complete(&deployment) {
            let message = format!("{object} has successfully progressed.");
            set(&mut deployment, progressing(turn, "NewReplicaSetAvailable", &message));
        } else if has_progressed(&before, status) {
            remove(&mut deployment, "Progressing");
            let mut condition = progressing(turn, "ReplicaSetUpdated", &format!("{object} is progressing."));
            if current["status"] == "True" {
                condition["lastTransitionTime"] = current["lastTransitionTime"].clone();
            }
            set(&mut deployment, condition);
        } else if has_timed_out(turn, &deployment, &current) {
            let message = format!("{object} has timed out progressing.");
            let words = ("False", "ProgressDeadlineExceeded", message.as_str());
            set(&mut deployment, new_condition(turn, "Progressing", words));
        }
    }
    turn.put(deployment);
}

/// Says that a Deployment is paused, or is no longer: its deadline begins anew
/// (k8s:pkg/controller/deployment/sync.go, `checkPausedConditions`).
pub fn tell_pause(turn: &Turn, deployment: &mut Value) {
    let reason = condition(deployment, "Progressing").map_or(&Value::Null, |condition| &condition["reason"]);
    let (is_paused, is_told) = (deployment["spec"]["paused"] == true, reason == "DeploymentPaused");
    if is_paused == is_told || reason == "ProgressDeadlineExceeded" {
        return;
    }
    let words = match is_paused {
        true => ("Unknown", "DeploymentPaused", "Deployment is paused"),
        false => ("Unknown", "DeploymentResumed", "Deployment is resumed"),
    };
    set(deployment, new_condition(turn, "Progressing", words));
}

fn counts(deployment: &Value, sets: &[Arc<Value>], new: Option<usize>) -> Map<String, Value> {
    let sum = |field: &str| sets.iter().map(|set| count(&set["status"][field])).sum::<i64>();
    let available = sum("availableReplicas");
    let wanted: i64 = sets.iter().map(|set| replicas(set)).sum();
    let mut status = Map::new();
    let counts = [
        ("observedGeneration", count(&deployment["metadata"]["generation"])),
        ("replicas", sum("replicas")),
        ("updatedReplicas", new.map_or(0, |new| count(&sets[new]["status"]["replicas"]))),
        ("readyReplicas", sum("readyReplicas")),
        ("availableReplicas", available),
        ("unavailableReplicas", (wanted - available).max(0)),
    ];
    set_counts(&mut status, &counts);
    let conditions = deployment["status"]["conditions"].as_array().cloned().unwrap_or_default();
    status.insert("conditions".to_owned(), Value::Array(conditions));
    status
}

fn unavailable(deployment: &Value, wanted: i64) -> i64 {
    if wanted == 0 { 0 } else { Bounds::of(deployment, wanted).unavailable }
}

/// Every pod is of the present template and available, and none is too many.
pub fn is_complete(deployment: &Value) -> bool {
    let (status, wanted) = (&deployment["status"], replicas(deployment));
    ["updatedReplicas", "replicas", "availableReplicas"].iter().all(|field| count(&status[field]) == wanted)
        && count(&status["observedGeneration"]) >= count(&deployment["metadata"]["generation"])
}

fn has_progressed(before: &Value, now: &Value) -> bool {
    let old = |status: &Value| count(&status["replicas"]) - count(&status["updatedReplicas"]);
    let more = |field: &str| count(&now[field]) > count(&before[field]);
    more("updatedReplicas") || old(now) < old(before) || more("readyReplicas") || more("availableReplicas")
}

fn has_timed_out(turn: &mut Turn, deployment: &Value, current: &Value) -> bool {
    match current["reason"].as_str() {
        None | Some("NewReplicaSetAvailable") => false,
        Some("ProgressDeadlineExceeded") => true,
        Some(_) => {
            let seconds = deployment["spec"]["progressDeadlineSeconds"].as_u64().unwrap_or(DEADLINE);
            let since = turn.moment(&current["lastUpdateTime"]);
            turn.is_due(since + Duration::from_secs(seconds))
        }
    }
}

/// A condition that the rollout goes on.
pub fn progressing(turn: &Turn, reason: &str, message: &str) -> Value {
    new_condition(turn, "Progressing", ("True", reason, message))
}

fn new_condition(turn: &Turn, kind: &str, (status, reason, message): (&str, &str, &str)) -> Value {
    json!({"type": kind, "status": status, "lastUpdateTime": turn.time, "lastTransitionTime": turn.time,
           "reason": reason, "message": message})
}

/// Sets a condition: one of the same status and reason stays as it is, one of the same status keeps its transition
/// (k8s:pkg/controller/deployment/util/deployment_util.go, `SetDeploymentCondition`).
pub fn set(deployment: &mut Value, mut new: Value) {
    let kind = new["type"].as_str().unwrap_or_default().to_owned();
    if let Some(current) = condition(deployment, &kind) {
        if current["status"] == new["status"] && current["reason"] == new["reason"] {
            return;
        }
        if current["status"] == new["status"] {
            new["lastTransitionTime"] = current["lastTransitionTime"].clone();
        }
    }
    remove(deployment, &kind);
    match deployment["status"]["conditions"].as_array_mut() {
        Some(conditions) => conditions.push(new),
        None => deployment["status"]["conditions"] = json!([new]),
    }
}

fn remove(deployment: &mut Value, kind: &str) {
    if let Some(conditions) = deployment["status"]["conditions"].as_array_mut() {
        conditions.retain(|condition| condition["type"] != kind);
    }
}
