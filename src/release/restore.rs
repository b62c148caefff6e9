//! What it takes to leave one object as it was before a release (RULES.md T4, T6 to T9).

use serde_json::Value;

use super::{Before, applied_by};
use crate::render::MANAGED_BY;

/// What is to be done with one object.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// It is as it was.
    Unchanged,
    /// Its configuration of before is applied again, to the object with this uid.
    Reapply {
        /// The configuration.
        value: Value,
        /// The object's uid.
        uid: String,
    },
    /// The release deleted it: its configuration of before makes it anew, once it is gone.
    Recreate {
        /// The configuration.
        value: Value,
    },
    /// The release made it: it is deleted, if it still has this uid.
    Delete {
        /// The object's uid.
        uid: String,
    },
    /// It stays as the release left it, by rule.
    Stays,
    /// Somebody else has deleted or replaced it since, so there is nothing of ours to restore.
    Foreign(&'static str),
}

/// Whether a rollback never touches objects of this kind: their data is persistent, or a database already knows them
/// (RULES.md T4).
pub fn stays(kind: &str) -> bool {
    matches!(
        kind,
        "Namespace" | "PersistentVolumeClaim" | "StatefulSet" | "Secret" | "Job" | "CustomResourceDefinition"
    )
}

/// Decides about one object from what it was and what it is.
pub fn restore(before: &Before, now: Option<&Value>) -> Step {
    let kind = before.id.kind.as_str();
    match (&before.live, now) {
        (None, None) => Step::Unchanged,
        (None, Some(made)) if is_going(made) => Step::Unchanged,
        // A failed or unfinished Job of the release goes; what a completed one did to the database stays.
        (None, Some(job)) if kind == "Job" && !is_complete(job) && is_ours(job) => Step::Delete { uid: uid(job) },
        (_, Some(_)) if stays(kind) => Step::Stays,
        (Some(_), None) if stays(kind) => Step::Stays,
        (None, Some(made)) if is_ours(made) => Step::Delete { uid: uid(made) },
        (None, Some(_)) => Step::Foreign("somebody else has made it meanwhile"),
        (Some(was), is) if before.displaced && is.is_none_or(is_going) => match applied_by(was, MANAGED_BY) {
            Some(value) => Step::Recreate { value },
            None => Step::Foreign(UNKNOWN),
        },
        // A rollback that was broken off has made it anew already.
        (Some(was), Some(is)) if before.displaced && is_ours(is) => reapply(kind, was, is),
        (Some(_), None) => Step::Foreign("somebody has deleted it meanwhile"),
        (Some(was), Some(is)) if uid(was) != uid(is) => Step::Foreign("somebody has replaced it meanwhile"),
        (Some(was), Some(is)) => reapply(kind, was, is),
    }
}

fn is_going(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

const UNKNOWN: &str = "keyboss had not applied it before, so it does not know what it was";

fn reapply(kind: &str, was: &Value, is: &Value) -> Step {
    let Some(mut value) = applied_by(was, MANAGED_BY) else {
        return Step::Foreign(UNKNOWN);
    };
    let now = applied_by(is, MANAGED_BY);
    if now.as_ref() == Some(&value) {
        return Step::Unchanged;
    }
    if kind == "ConfigMap" {
        keep_added_keys(&mut value, now.as_ref());
        if now.as_ref() == Some(&value) {
            return Step::Unchanged;
        }
    }
    Step::Reapply { value, uid: uid(is) }
}

/// Keys that a release added stay: a StatefulSet, which is not rolled back, may already read them (RULES.md T6).
pub fn keep_added_keys(value: &mut Value, now: Option<&Value>) {
    for field in ["data", "binaryData"] {
        let Some(now) = now.and_then(|now| now[field].as_object()) else { continue };
        for (key, added) in now {
            if value[field].get(key).is_none() {
                value[field][key] = added.clone();
            }
        }
    }
}

fn uid(object: &Value) -> String {
    object["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}

fn is_ours(object: &Value) -> bool {
    object.pointer("/metadata/labels/app.kubernetes.io~1managed-by").and_then(Value::as_str) == Some(MANAGED_BY)
}

/// <https://kubernetes.io/docs/concepts/workloads/controllers/job/#terminal-job-conditions>
fn is_complete(job: &Value) -> bool {
    let conditions = job.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| condition["type"] == "Complete" && condition["status"] == "True")
}
