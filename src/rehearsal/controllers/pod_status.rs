//! What a pod says of itself at each stage of its life
//! (<https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-conditions>).

use serde_json::{Value, json};

use super::object::set_condition;

/// It has no node.
pub fn cannot_be_scheduled(pod: &mut Value, why: &str, time: &str) {
    pod["status"]["phase"] = json!("Pending");
    set(pod, "PodScheduled", false, ("Unschedulable", why), time);
}

/// It is on a node, and its containers are still to be made.
pub fn waits(pod: &mut Value, number: u64, time: &str) {
    let has_init = pod["spec"]["initContainers"].as_array().is_some_and(|containers| !containers.is_empty());
    let waiting = json!({"waiting": {"reason": if has_init { "PodInitializing" } else { "ContainerCreating" }}});
    let status = &mut pod["status"];
    status["phase"] = json!("Pending");
    status["hostIP"] = json!("10.0.0.1");
    status["podIP"] = json!(format!("10.42.{}.{}", number / 250 % 250, number % 250 + 1));
    status["startTime"] = json!(time);
    let incomplete = format!("containers with incomplete status: [{}]", names(pod, "initContainers").join(" "));
    set(pod, "Initialized", !has_init, ("ContainersNotInitialized", &incomplete), time);
    is_ready_no_more(pod, time);
    set(pod, "PodScheduled", true, ("", ""), time);
    if has_init {
        containers(pod, "initContainers", &waiting, false);
    }
    containers(pod, "containers", &waiting, false);
}

/// Its containers run.
pub fn runs(pod: &mut Value, ready: bool, time: &str) {
    let ended = json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": time, "finishedAt": time}});
    pod["status"]["phase"] = json!("Running");
    if pod["status"]["initContainerStatuses"].is_array() {
        containers(pod, "initContainers", &ended, true);
        set(pod, "Initialized", true, ("", ""), time);
    }
    containers(pod, "containers", &json!({"running": {"startedAt": time}}), ready);
    if ready {
        is_ready(pod, time);
    }
}

/// Its containers are ready.
pub fn is_ready(pod: &mut Value, time: &str) {
    for status in pod["status"]["containerStatuses"].as_array_mut().into_iter().flatten() {
        status["ready"] = json!(true);
        status["started"] = json!(true);
    }
    set(pod, "Ready", true, ("", ""), time);
    set(pod, "ContainersReady", true, ("", ""), time);
}

/// Its containers are not ready.
pub fn is_ready_no_more(pod: &mut Value, time: &str) {
    let unready = format!("containers with unready status: [{}]", names(pod, "containers").join(" "));
    set(pod, "Ready", false, ("ContainersNotReady", &unready), time);
    set(pod, "ContainersReady", false, ("ContainersNotReady", &unready), time);
}

/// Its containers have done their work.
pub fn has_succeeded(pod: &mut Value, time: &str) {
    pod["status"]["phase"] = json!("Succeeded");
    for status in pod["status"]["containerStatuses"].as_array_mut().into_iter().flatten() {
        let began = status["state"]["running"]["startedAt"].clone();
        let ended = json!({"exitCode": 0, "reason": "Completed", "startedAt": began, "finishedAt": time});
        status["state"] = json!({"terminated": ended});
        status["ready"] = json!(false);
        status["started"] = json!(false);
    }
    set(pod, "Initialized", true, ("PodCompleted", ""), time);
    set(pod, "Ready", false, ("PodCompleted", ""), time);
    set(pod, "ContainersReady", false, ("PodCompleted", ""), time);
}

fn names(pod: &Value, field: &str) -> Vec<String> {
    let containers = pod["spec"][field].as_array();
    let name = |container: &Value| container["name"].as_str().unwrap_or_default().to_owned();
    containers.into_iter().flatten().map(name).collect()
}

fn containers(pod: &mut Value, field: &str, state: &Value, ready: bool) {
    let containers = pod["spec"][field].as_array();
    let status = |container: &Value| {
        let is_made = state["waiting"].is_null();
        let mut status = json!({
            "name": container["name"], "image": container["image"], "imageID": "", "ready": ready, "restartCount": 0,
            "state": state, "lastState": {}, "started": ready,
        });
        if is_made {
            let image = container["image"].as_str().unwrap_or_default();
            status["imageID"] = json!(format!("rehearsal://{image}"));
            status["containerID"] = json!(format!("rehearsal://{}", container["name"].as_str().unwrap_or_default()));
        }
        status
    };
    let statuses = containers.into_iter().flatten().map(status).collect();
    let place = if field == "initContainers" { "initContainerStatuses" } else { "containerStatuses" };
    pod["status"][place] = Value::Array(statuses);
}

/// Sets a condition, with its reason and message where they say anything: one that holds has none.
pub fn set(pod: &mut Value, kind: &str, holds: bool, (reason, message): (&str, &str), time: &str) {
    let status = if holds { "True" } else { "False" };
    let mut new = json!({"type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": time});
    if !reason.is_empty() && (!holds || reason == "PodCompleted") {
        new["reason"] = json!(reason);
        if !message.is_empty() {
            new["message"] = json!(message);
        }
    }
    set_condition(&mut pod["status"], new);
}
