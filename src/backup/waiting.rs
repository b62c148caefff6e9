//! Why a pod does not begin.

use k8s_openapi::api::core::v1::Pod;

/// Why a pod has not begun yet; None where it has.
pub fn waits(pod: &Pod) -> Option<String> {
    let status = pod.status.clone().unwrap_or_default();
    if status.phase.as_deref() != Some("Pending") {
        return None;
    }
    let unscheduled = status.conditions.unwrap_or_default().into_iter().find(|condition| condition.status == "False");
    let waiting = status.container_statuses.unwrap_or_default().into_iter().find_map(|status| status.state?.waiting);
    let words = match (waiting, unscheduled) {
        (Some(waiting), _) => [waiting.reason, waiting.message].into_iter().flatten().collect::<Vec<_>>().join(": "),
        (None, Some(condition)) => condition.message.unwrap_or_default(),
        (None, None) => String::new(),
    };
    Some(words).filter(|words| words != "ContainerCreating").or_else(|| Some(String::new()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_says_why_it_waits() {
        let cases = [
            (json!({"phase": "Running"}), None),
            (json!({"phase": "Failed"}), None),
            (json!({"phase": "Pending"}), Some("")),
            (
                json!({"phase": "Pending", "conditions": [
                    {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}]}),
                Some("0/1 nodes are available"),
            ),
            (
                json!({"phase": "Pending", "containerStatuses": [{"name": "c", "image": "", "imageID": "", "ready": false,
                    "restartCount": 0, "state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}}]}),
                Some("ErrImagePull: not found"),
            ),
        ];
        for (status, why) in cases {
            let pod: Pod = serde_json::from_value(json!({"metadata": {"name": "p"}, "status": status})).unwrap();
            assert_eq!(waits(&pod).as_deref(), why, "{status}");
        }
    }
}
