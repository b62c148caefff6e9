//! Sees to it that an autoscaler steers nothing any more before another one begins to.

use std::time::Duration;

use serde_json::Value;

use super::preconditions::{id, is_ours};
use crate::cluster::{Cluster, Fault};
use crate::render::{ObjectId, steered};

const LOOK_AGAIN: Duration = Duration::from_millis(300);
/// The finalizer of a ScaledObject, which KEDA's operator takes away
/// (keda:controllers/keda/scaledobject_finalizer.go).
const KEDA: &str = "finalizer.keda.sh";

/// Deletes the autoscaler with that uid, and waits until it is gone.
///
/// # Errors
/// See [`gone`].
pub async fn vacate(cluster: &Cluster, id: &ObjectId, uid: &str) -> Result<(), Fault> {
    cluster.begin_delete(id, uid).await?;
    gone(cluster, id, uid).await
}

/// Waits until an autoscaler that was told to go is gone, and what it owns with it: KEDA makes a
/// HorizontalPodAutoscaler for its ScaledObject, which the garbage collector deletes
/// (<https://kubernetes.io/docs/concepts/architecture/garbage-collection/#foreground-deletion>).
///
/// # Errors
/// When it cannot be looked at. Waiting has no end of its own: the caller has a deadline.
pub async fn gone(cluster: &Cluster, id: &ObjectId, uid: &str) -> Result<(), Fault> {
    let is_owned = |object: &Value| {
        let owners = object["metadata"]["ownerReferences"].as_array();
        owners.is_some_and(|owners| owners.iter().any(|owner| owner["uid"] == uid))
    };
    loop {
        let is_there = cluster.get(id).await?.is_some_and(|live| live["metadata"]["uid"] == uid);
        if !is_there && !cluster.live(&[hpas()]).await?.iter().any(is_owned) {
            return Ok(());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Why an autoscaler that was told to go is there still, and what to do.
pub async fn why_still_there(cluster: &Cluster, id: &ObjectId) -> String {
    let live = cluster.get(id).await.ok().flatten();
    let finalizers = live.as_ref().and_then(|live| live["metadata"]["finalizers"].as_array());
    let names: Vec<&str> = finalizers.into_iter().flatten().filter_map(Value::as_str).collect();
    match (live.is_some(), names.is_empty()) {
        (false, _) => format!("{id} is gone, but the HorizontalPodAutoscaler that it owned is not"),
        (true, true) => format!("{id} was deleted, and is there still"),
        (true, false) => {
            let hint = if names.contains(&KEDA) { "; is KEDA's operator running?" } else { "" };
            format!("{id} was deleted, and is there still: finalizer {} holds it{hint}", names.join(", "))
        }
    }
}

/// Which autoscaler of ours, other than this one, steers a workload: one of `known`, or a HorizontalPodAutoscaler with our
/// label.
///
/// # Errors
/// When they cannot be looked at.
pub async fn still_steering(
    cluster: &Cluster,
    workload: &str,
    this: &ObjectId,
    known: impl Iterator<Item = &ObjectId>,
) -> Result<Option<ObjectId>, Fault> {
    let steers = |object: &Value| is_ours(object) && steered(object).as_deref() == Some(workload);
    for other in known.filter(|other| *other != this) {
        if cluster.get(other).await?.is_some_and(|live| steers(&live)) {
            return Ok(Some(other.clone()));
        }
    }
    let hpas = cluster.live(&[hpas()]).await?;
    let is_other = |object: &&Value| (&id(object).kind, &id(object).name) != (&this.kind, &this.name);
    Ok(hpas.iter().filter(|object| steers(object)).find(is_other).map(id))
}

/// Every HorizontalPodAutoscaler.
fn hpas() -> ObjectId {
    ObjectId {
        api_version: "autoscaling/v2".to_owned(),
        kind: "HorizontalPodAutoscaler".to_owned(),
        name: String::new(),
    }
}
