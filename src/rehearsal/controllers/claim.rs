//! PersistentVolumeClaims get their volumes
//! (<https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding>).

use serde_json::{Value, json};

use super::super::ailments::Ailments;
use super::event;
use super::object::{is_in_phase, name};
use super::turn::Turn;

/// Binds every claim to a volume of the size it asks for, unless so ordered.
pub fn step(turn: &mut Turn, ailments: &Ailments) {
    for claim in turn.list("PersistentVolumeClaim") {
        if is_in_phase(&claim, "Bound") {
            continue;
        }
        if ailments.withholds(name(&claim)) {
            turn.set_status(&claim, json!({"phase": "Pending"}));
            let class = claim["spec"]["storageClassName"].as_str().unwrap_or_default();
            event::warn(
                turn,
                &claim,
                "ProvisioningFailed",
                &format!("storageclass.storage.k8s.io {class:?} not found"),
            );
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
