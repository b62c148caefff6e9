//! What becomes of an object that is to be deleted
//! (<https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/>).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde_json::{Value, json};

use super::status::Status;
use super::store::Key;

/// The finalizer of an object that goes after what it owns
/// (<https://kubernetes.io/docs/concepts/architecture/garbage-collection/#foreground-deletion>).
pub const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of an object that leaves what it owns behind.
pub const ORPHAN: &str = "orphan";

/// The finalizer of a claim, which goes after the pods that use it
/// (<https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection>).
pub const PROTECTION: &str = "kubernetes.io/pvc-protection";

/// What becomes of it.
#[derive(Debug, PartialEq)]
pub enum Deletion {
    /// It goes at once.
    Now,
    /// It stays, so marked, until its node or its finalizers let it go.
    Later(Value),
}

/// Decides it.
///
/// # Errors
/// 409 when the object is not the one of the preconditions.
pub fn decide(key: &Key, live: &Value, options: &DeleteOptions, time: &str) -> Result<Deletion, Status> {
    let metadata = &live["metadata"];
    let conditions = options.preconditions.as_ref();
    let uid = metadata["uid"].as_str().unwrap_or_default();
    if let Some(asked) = conditions.and_then(|conditions| conditions.uid.as_deref()).filter(|asked| *asked != uid) {
        return Err(Status::other_uid(key.kind, &key.name, asked, uid));
    }
    let version = metadata["resourceVersion"].as_str().unwrap_or_default();
    let asked = conditions.and_then(|conditions| conditions.resource_version.as_deref());
    if let Some(asked) = asked.filter(|asked| *asked != version) {
        return Err(Status::other_version(key.kind, &key.name, asked, version));
    }
    let finalizers = finalizers(key, live, options);
    let grace = grace(key, live, options);
    if finalizers.is_empty() && grace == 0 {
        return Ok(Deletion::Now);
    }
    let mut object = live.clone();
    let metadata = &mut object["metadata"];
    if !finalizers.is_empty() {
        metadata["finalizers"] = json!(finalizers);
    }
    if metadata["deletionTimestamp"].is_null() {
        metadata["deletionTimestamp"] = json!(time);
        metadata["deletionGracePeriodSeconds"] = json!(grace);
        if let Some(generation) = metadata["generation"].as_u64() {
            metadata["generation"] = json!(generation + 1);
        }
    }
    Ok(Deletion::Later(object))
}

/// Whether an object was told to go and nothing holds it any more: neither a finalizer nor, a pod, its node.
pub fn is_over(object: &Value) -> bool {
    let metadata = &object["metadata"];
    !metadata["deletionTimestamp"].is_null()
        && metadata["deletionGracePeriodSeconds"] == 0
        && metadata["finalizers"].as_array().is_none_or(Vec::is_empty)
}

/// What is to be done before the object may go. A Job's pods stay where nothing is said
/// (k8s:pkg/registry/batch/job/strategy.go, `DefaultGarbageCollectionPolicy`).
fn finalizers(key: &Key, live: &Value, options: &DeleteOptions) -> Vec<Value> {
    let old = live["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    let mut finalizers: Vec<Value> = old.into_iter().filter(|name| *name != FOREGROUND && *name != ORPHAN).collect();
    let default = if key.kind.kind == "Job" { "Orphan" } else { "Background" };
    match options.propagation_policy.as_deref().unwrap_or(default) {
        "Foreground" => finalizers.push(json!(FOREGROUND)),
        "Orphan" => finalizers.push(json!(ORPHAN)),
        _ => {}
    }
    finalizers
}

/// The seconds that an object is given to go: only a pod that is on a node and has not ended is given any
/// (k8s:pkg/registry/core/pod/strategy.go, `CheckGracefulDelete`).
fn grace(key: &Key, live: &Value, options: &DeleteOptions) -> i64 {
    let phase = live["status"]["phase"].as_str().unwrap_or_default();
    let runs = key.kind.kind == "Pod" && live["spec"]["nodeName"].is_string();
    if !runs || matches!(phase, "Succeeded" | "Failed") {
        return 0;
    }
    options.grace_period_seconds.or(live["spec"]["terminationGracePeriodSeconds"].as_i64()).unwrap_or(30)
}
