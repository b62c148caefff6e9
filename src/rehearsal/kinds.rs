//! The kinds that the rehearsal cluster serves.

use serde_json::{Value, json};

/// One kind, under the version that Kubernetes 1.20 serves it by.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// Group and version: "apps/v1", or "v1" of the core group.
    pub api_version: &'static str,
    /// "Deployment".
    pub kind: &'static str,
    /// Its place in URLs: "deployments".
    pub plural: &'static str,
    /// Its objects live in namespaces.
    pub namespaced: bool,
}

const fn kind(api_version: &'static str, kind: &'static str, plural: &'static str) -> Kind {
    Kind { api_version, kind, plural, namespaced: true }
}

/// The kinds that keyboss deploys and watches, but for ServiceMonitors, which a plain cluster does not serve either. It
/// serves KEDA's only once that is installed.
pub static KINDS: [Kind; 22] = [
    Kind { api_version: "v1", kind: "Namespace", plural: "namespaces", namespaced: false },
    kind("v1", "ConfigMap", "configmaps"),
    kind("v1", "Secret", "secrets"),
    kind("v1", "Service", "services"),
    kind("v1", "ServiceAccount", "serviceaccounts"),
    kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    kind("v1", "Pod", "pods"),
    kind("v1", "Endpoints", "endpoints"),
    kind("v1", "Event", "events"),
    kind("apps/v1", "Deployment", "deployments"),
    kind("apps/v1", "ReplicaSet", "replicasets"),
    kind("apps/v1", "StatefulSet", "statefulsets"),
    kind("batch/v1", "Job", "jobs"),
    kind("batch/v1beta1", "CronJob", "cronjobs"),
    kind("autoscaling/v2beta2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    kind("policy/v1beta1", "PodDisruptionBudget", "poddisruptionbudgets"),
    kind("networking.k8s.io/v1", "Ingress", "ingresses"),
    kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    kind("rbac.authorization.k8s.io/v1", "Role", "roles"),
    kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings"),
    kind("coordination.k8s.io/v1", "Lease", "leases"),
    kind("keda.sh/v1alpha1", "ScaledObject", "scaledobjects"),
];

impl Kind {
    /// Its place in [`KINDS`].
    pub fn place(&self) -> usize {
        let place = KINDS.iter().position(|kind| kind == self);
        place.unwrap_or_else(|| unreachable!("every Kind is one of KINDS"))
    }

    /// The API group; empty for the core group.
    pub fn group(&self) -> &'static str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// As the server names it in messages: "deployments.apps".
    pub fn resource(&self) -> String {
        if self.group().is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group()) }
    }

    /// Whether a plain cluster lacks it: somebody has to install it.
    pub fn is_extension(&self) -> bool {
        self.group() == "keda.sh"
    }

    /// The kind at this place in URLs.
    pub fn at(api_version: &str, plural: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.api_version == api_version && kind.plural == plural)
    }

    /// The kind of this name.
    pub fn named(api_version: &str, name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.api_version == api_version && kind.kind == name)
    }
}

/// The answer to discovery of one group and version; None for one that is not served
/// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#discovery-api>).
pub fn discovery(api_version: &str, is_served: impl Fn(&Kind) -> bool) -> Option<Value> {
    let verbs = ["create", "delete", "get", "list", "patch", "update", "watch"];
    let resources: Vec<Value> = KINDS
        .iter()
        .filter(|kind| kind.api_version == api_version && is_served(kind))
        .map(|kind| {
            json!({"name": kind.plural, "singularName": "", "namespaced": kind.namespaced, "kind": kind.kind, "verbs": verbs})
        })
        .collect();
    let list =
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": resources});
    (!resources.is_empty()).then_some(list)
}
