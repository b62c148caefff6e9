//! Objects that were told to go and wait: for what they own to go first, or to be left behind
//! (<https://kubernetes.io/docs/concepts/architecture/garbage-collection/#cascading-deletion>); a claim for the pods
//! that use it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::deletion::{FOREGROUND, ORPHAN, PROTECTION};
use super::super::kinds::KINDS;
use super::object::is_terminating;
use super::turn::Turn;

/// Lets go what need not wait any more.
pub fn step(turn: &mut Turn) {
    let objects: Vec<Arc<Value>> = KINDS.iter().flat_map(|kind| turn.list(kind.kind)).collect();
    for object in objects.iter().filter(|object| is_terminating(object)) {
        let owned = || objects.iter().filter(|other| owners(other).any(|owner| is(owner, object)));
        if has(object, ORPHAN) {
            owned().for_each(|other| leave(turn, other, object));
            let_go(turn, object, ORPHAN);
        } else if has(object, PROTECTION) {
            if !turn.list("Pod").iter().any(|pod| uses(pod, object)) {
                let_go(turn, object, PROTECTION);
            }
        } else if has(object, FOREGROUND) {
            owned().filter(|other| !is_terminating(other)).for_each(|other| turn.delete(other));
            if !owned().any(|other| owners(other).any(|owner| is(owner, object) && owner["blockOwnerDeletion"] == true))
            {
                let_go(turn, object, FOREGROUND);
            }
        }
    }
}

fn owners(object: &Value) -> impl Iterator<Item = &Value> {
    object["metadata"]["ownerReferences"].as_array().into_iter().flatten()
}

fn is(reference: &Value, object: &Value) -> bool {
    reference["uid"] == object["metadata"]["uid"]
}

fn has(object: &Value, finalizer: &str) -> bool {
    object["metadata"]["finalizers"].as_array().is_some_and(|all| all.iter().any(|name| name == finalizer))
}

/// k8s:pkg/controller/volume/pvcprotection/pvc_protection_controller.go, `podUsesPVC`.
fn uses(pod: &Value, claim: &Value) -> bool {
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    let mut claims = volumes.map(|volume| &volume["persistentVolumeClaim"]["claimName"]);
    pod["metadata"]["namespace"] == claim["metadata"]["namespace"]
        && pod["spec"]["nodeName"].is_string()
        && claims.any(|name| *name == claim["metadata"]["name"])
}

fn leave(turn: &mut Turn, object: &Value, owner: &Value) {
    let mut object = object.clone();
    if let Some(owners) = object["metadata"]["ownerReferences"].as_array_mut() {
        owners.retain(|reference| !is(reference, owner));
    }
    turn.put(object);
}

fn let_go(turn: &mut Turn, object: &Value, finalizer: &str) {
    let mut object = object.clone();
    if let Some(finalizers) = object["metadata"]["finalizers"].as_array_mut() {
        finalizers.retain(|name| *name != json!(finalizer));
    }
    turn.put(object);
}
