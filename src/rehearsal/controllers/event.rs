//! Events: what controllers and the node tell of an object
//! (<https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/>).

use serde_json::{Value, json};

use super::template::letters;
use super::turn::Turn;

/// Tells a Warning; one that was told before is counted.
pub fn warn(turn: &mut Turn, about: &Value, reason: &str, message: &str) {
    let metadata = &about["metadata"];
    let object = metadata["name"].as_str().unwrap_or_default();
    let hash = letters(&format!("{} {reason} {message}", metadata["uid"]), 16);
    let name = format!("{object}.{hash}");
    let time = json!(turn.time);
    if let Some(told) = turn.beside(about, "Event", &name) {
        let mut event = Value::clone(&told);
        event["count"] = json!(event["count"].as_i64().unwrap_or(1) + 1);
        event["lastTimestamp"] = time;
        turn.put(event);
        return;
    }
    let source = json!({"component": turn.manager});
    turn.create(json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": metadata["namespace"]},
        "involvedObject": {"apiVersion": about["apiVersion"], "kind": about["kind"], "namespace": metadata["namespace"],
                           "name": object, "uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]},
        "type": "Warning", "reason": reason, "message": message, "count": 1, "source": source,
        "firstTimestamp": time, "lastTimestamp": time, "eventTime": null,
        "reportingComponent": "", "reportingInstance": "",
    }));
}
