//! The Services by which the shop reaches whoever leads: each selects one pod.

use k8s_openapi::api::core::v1::Service;
use serde_json::json;

use super::FIELD_MANAGER;
use crate::cluster::{Cluster, Fault};

/// The label that a StatefulSet gives each of its pods
/// (<https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#pod-name-label>).
const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";

/// The pod that a Service leads to; empty: none.
pub fn led(service: &Service) -> &str {
    let selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    selector.and_then(|selector| selector.get(POD_NAME)).map_or("", String::as_str)
}

/// Leads a Service to a pod, if it is still as it was read and this watchdog still leads (HA.md, rule 4).
///
/// # Errors
/// A conflict when somebody else wrote it, or the API server's own.
pub async fn lead(cluster: &Cluster, service: &Service, pod: &str) -> Result<(), Fault> {
    if led(service) == pod {
        return Ok(());
    }
    cluster.merge(service, FIELD_MANAGER, json!({"spec": {"selector": {POD_NAME: pod}}})).await.map(drop)
}
