//! The admission webhook that KEDA brings along: a workload has one autoscaler
//! (<https://keda.sh/docs/latest/concepts/admission-webhooks/>; keda:apis/keda/v1alpha1/scaledobject_webhook.go,
//! `verifyHpas`). It is asked in a dry run too.

use serde_json::Value;

use super::kinds::Kind;
use super::status::Status;
use super::store::{Key, Store};
use crate::render::steered;

/// Looks at a state that is about to be stored.
///
/// # Errors
/// 403 for a ScaledObject whose workload a HorizontalPodAutoscaler steers that is not its own.
pub fn check(store: &Store, key: &Key, live: Option<&Value>, object: &Value) -> Result<(), Status> {
    if key.kind.kind != "ScaledObject" {
        return Ok(());
    }
    let finalizers = |object: &Value| object["metadata"]["finalizers"].as_array().map_or(0, Vec::len);
    if live.is_some_and(|live| finalizers(object) < finalizers(live)) {
        return Ok(());
    }
    let Some(hpas) = Kind::named("autoscaling/v2beta2", "HorizontalPodAutoscaler") else { return Ok(()) };
    let is_owned = |hpa: &Value| {
        let mut owners = hpa["metadata"]["ownerReferences"].as_array().into_iter().flatten();
        owners.any(|owner| owner["kind"] == "ScaledObject" && owner["name"] == key.name.as_str())
    };
    let workload = steered(object);
    let mut others = store.list(hpas, &key.namespace).filter(|hpa| steered(hpa) == workload && !is_owned(hpa));
    match others.next() {
        None => Ok(()),
        Some(hpa) => Err(Status::denied_by_webhook(&format!(
            "admission webhook \"vscaledobject.kb.io\" denied the request: the workload '{}' of type 'apps/v1.Deployment' \
             is already managed by the hpa '{}'",
            object["spec"]["scaleTargetRef"]["name"].as_str().unwrap_or_default(),
            hpa["metadata"]["name"].as_str().unwrap_or_default(),
        ))),
    }
}
