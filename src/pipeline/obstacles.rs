//! What stands in the way of a deploy, in words: functions from what was looked at.

use std::collections::BTreeMap;

use super::{Selection, adopt};
use crate::cluster::{Live, Served, unreadable};
use crate::readiness::blocked;
use crate::render::{Object, Phase, Plan};

/// The objects of the phases that run whose kind is not served.
pub fn unserved<'a>(
    plan: &'a Plan,
    served: &'a Served,
    selection: Selection,
) -> impl Iterator<Item = (Phase, &'a Object)> {
    let runs = plan.objects().filter(move |(phase, _)| selection.includes(*phase));
    runs.filter(|(_, object)| served.get(&object.id).is_none())
}

/// "the cluster does not serve batch/v1 CronJob".
pub fn not_served(object: &Object) -> String {
    format!("the cluster does not serve {} {}", object.id.api_version, object.id.kind)
}

/// Records that cannot be read: each may be that of a release which was broken off, or is in place.
pub fn unreadable_records(live: &Live) -> Vec<String> {
    let why = |name: String| {
        format!(
            "ConfigMap {name}, the record of a release, cannot be read: use the version of keyboss that wrote it, or \
             delete it and the Secret of the same name if you know that nothing of it is unfinished"
        )
    };
    unreadable(live).into_iter().map(why).collect()
}

/// Objects of our names that are not ours, and objects in a state that no apply can roll out.
pub fn of_objects(
    plan: &Plan,
    live: &Live,
    selection: Selection,
    adopts: bool,
    skipped: &BTreeMap<Phase, String>,
) -> Vec<String> {
    let mut reasons = Vec::new();
    for (phase, object) in plan.objects() {
        let Some(existing) = live.get(&object.id) else { continue };
        if skipped.contains_key(&phase) || !selection.includes(phase) {
            continue;
        }
        match adopt::foreign(&object.id, existing, adopts) {
            Some(reason) => reasons.push(reason),
            None => {
                let all = blocked(existing, Some(&object.value));
                reasons.extend(all.into_iter().map(|reason| format!("{}: {reason}", object.id)));
            }
        }
    }
    reasons
}
