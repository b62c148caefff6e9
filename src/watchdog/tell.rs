//! What a watchdog does and refuses, in its log and as Kubernetes Events
//! (<https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/>).

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use serde_json::json;

use super::{FIELD_MANAGER, in_time};
use crate::cluster::Cluster;

/// A voice.
#[derive(Clone)]
pub struct Teller {
    cluster: Cluster,
    identity: String,
}

impl Teller {
    /// The voice of one watchdog.
    pub fn new(cluster: &Cluster, identity: &str) -> Self {
        Self { cluster: cluster.clone(), identity: identity.to_owned() }
    }

    /// Says what was done to a StatefulSet's pods. Nothing waits for it: an Event that the server refuses is in the log.
    pub fn note(&self, set: &str, reason: &str, message: &str) {
        tracing::info!("{message}");
        self.event(set, "Normal", reason, message);
    }

    /// Writes the Event of the `number`-th of its kind, unless another watchdog has written it, and waits until it is there.
    pub async fn note_once(&self, set: &str, reason: &str, message: &str, number: u64) {
        let name = format!("{set}.{}-{number}", reason.to_lowercase());
        let Some(event) = self.written(&name, set, "Normal", reason, message) else { return };
        match in_time(self.cluster.tell(&event)).await {
            Err(fault) if !fault.is_conflict() => tracing::debug!("an Event was not taken: {fault}"),
            _ => {}
        }
    }

    /// Says what is wrong.
    pub fn warn(&self, set: &str, reason: &str, message: &str) {
        tracing::warn!("{message}");
        self.event(set, "Warning", reason, message);
    }

    fn event(&self, set: &str, kind: &str, reason: &str, message: &str) {
        // As client-go names them: no two are told in the same nanosecond.
        let name = format!("{set}.{:x}", Timestamp::now().as_nanosecond());
        let Some(event) = self.written(&name, set, kind, reason, message) else { return };
        let cluster = self.cluster.clone();
        tokio::spawn(async move {
            if let Err(fault) = cluster.tell(&event).await {
                tracing::debug!("an Event was not taken: {fault}");
            }
        });
    }

    fn written(&self, name: &str, set: &str, kind: &str, reason: &str, message: &str) -> Option<Event> {
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let event = json!({
            "metadata": {"name": name, "namespace": self.cluster.namespace()},
            "involvedObject": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": set,
                "namespace": self.cluster.namespace()},
            "type": kind, "reason": reason, "message": message, "count": 1,
            "firstTimestamp": now, "lastTimestamp": now,
            "source": {"component": FIELD_MANAGER},
            "reportingComponent": FIELD_MANAGER, "reportingInstance": self.identity,
        });
        serde_json::from_value(event).ok()
    }
}
