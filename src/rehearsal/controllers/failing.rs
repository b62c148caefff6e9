//! What a pod says of itself while its containers fail
//! (<https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-states>).

use serde_json::{Value, json};

use super::pod_status::{is_ready_no_more, set};

/// Its containers' image cannot be pulled.
pub fn has_no_image(pod: &mut Value, reason: &str, message: impl Fn(&str) -> String, time: &str) {
    for status in statuses(pod) {
        let message = message(status["image"].as_str().unwrap_or_default());
        status["state"] = json!({"waiting": {"reason": reason, "message": message}});
    }
    set(pod, "Initialized", true, ("", ""), time);
}

/// Its containers have exited with 1.
pub fn has_crashed(pod: &mut Value, time: &str) {
    for status in statuses(pod) {
        let began = status["state"]["running"]["startedAt"].clone();
        let ended = json!({"exitCode": 1, "reason": "Error", "startedAt": began, "finishedAt": time,
                           "containerID": status["containerID"]});
        status["state"] = json!({"terminated": ended});
        status["ready"] = json!(false);
        status["started"] = json!(false);
    }
    is_ready_no_more(pod, time);
}

/// Its containers have exited with 1, and are not started again.
pub fn has_failed(pod: &mut Value, time: &str) {
    has_crashed(pod, time);
    pod["status"]["phase"] = json!("Failed");
}

/// Its containers wait before they are started again.
pub fn backs_off(pod: &mut Value, message: &str) {
    for status in statuses(pod) {
        status["lastState"] = status["state"].clone();
        status["state"] = json!({"waiting": {"reason": "CrashLoopBackOff", "message": message}});
    }
}

/// Its containers run once more.
pub fn restarts(pod: &mut Value, time: &str) {
    for status in statuses(pod) {
        if !status["state"]["terminated"].is_null() {
            status["lastState"] = status["state"].clone();
        }
        status["state"] = json!({"running": {"startedAt": time}});
        status["started"] = json!(true);
        status["restartCount"] = json!(status["restartCount"].as_u64().unwrap_or(0) + 1);
    }
}

/// How often its containers have been started again.
pub fn restart_count(pod: &Value) -> u32 {
    let counts = pod["status"]["containerStatuses"].as_array();
    let counts = counts.into_iter().flatten().filter_map(|status| status["restartCount"].as_u64());
    counts.max().and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
}

/// Whether its containers wait for this reason.
pub fn waits_for(pod: &Value, reason: &str) -> bool {
    pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == reason
}

/// Whether its containers have exited.
pub fn has_ended(pod: &Value) -> bool {
    !pod["status"]["containerStatuses"][0]["state"]["terminated"].is_null()
}

fn statuses(pod: &mut Value) -> impl Iterator<Item = &mut Value> {
    pod["status"]["containerStatuses"].as_array_mut().into_iter().flatten()
}
