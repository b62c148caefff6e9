//! PersistentVolumeClaims get their volumes
//! (<https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding>).

use serde_json::{Value, json};

use super::object::is_in_phase;
use super::turn::Turn;

/// Binds every claim to a volume of the size it asks for.
pub fn step(turn: &mut Turn) {
    for claim in turn.list("PersistentVolumeClaim") {
        if is_in_phase(&claim, "Bound") {
            continue;
        }
        let mut claim = Value::clone(&claim);
        if claim["spec"]["volumeName"].is_null() {
            claim["spec"]["volumeName"] =
                json!(format!("pvc-{}", claim["metadata"]["uid"].as_str().unwrap_or_default()));
        }
        for annotation in ["bind-completed", "bound-by-controller"] {
            claim["metadata"]["annotations"][format!("pv.kubernetes.io/{annotation}")] = json!("yes");
        }
        let size = &claim["spec"]["resources"]["requests"]["storage"];
        claim["status"] =
            json!({"phase": "Bound", "accessModes": claim["spec"]["accessModes"], "capacity": {"storage": size}});
        turn.put(claim);
    }
}
