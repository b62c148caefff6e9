//! The values under `networkPolicies`, typed.

use serde::Deserialize;

/// Who may connect to the shop's pods.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkPolicies {
    /// Whether a pod takes connections from its clients only.
    pub enabled: bool,
    /// The namespace of the Ingress controller's pods; empty: from anywhere.
    pub ingress_namespace: String,
    /// The namespace of the cluster's own Prometheus; empty: from anywhere.
    pub prometheus_namespace: String,
}
