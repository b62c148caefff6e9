//! What was owned by an object that is gone goes too
//! (<https://kubernetes.io/docs/concepts/architecture/garbage-collection/>). An owner that waits for what it owns is
//! the affair of `finalizers`. An owner of a kind that is not served may be anywhere, so what it owned stays
//! (kubernetes #102641).

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::kinds::KINDS;
use super::object::is_terminating;
use super::turn::Turn;

/// Deletes what none of its owners is left of.
pub fn step(turn: &mut Turn) {
    let objects: Vec<_> = KINDS.iter().flat_map(|kind| turn.list(kind.kind)).collect();
    let uid = |value: &Value| value["uid"].as_str().unwrap_or_default().to_owned();
    let uids: BTreeSet<String> = objects.iter().map(|object| uid(&object["metadata"])).collect();
    for object in &objects {
        let owners = object["metadata"]["ownerReferences"].as_array();
        let may_be = |owner: &Value| uids.contains(&uid(owner)) || !turn.serves(&owner["kind"]);
        let is_orphan = owners.is_some_and(|owners| !owners.iter().any(may_be));
        if is_orphan && !is_terminating(object) {
            turn.delete(object);
        }
    }
}
