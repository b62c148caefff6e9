//! What is waited for: an object of a kind that takes time, and the write that touched it.

use std::fmt;

use k8s_openapi::jiff::Timestamp;

/// What an apply left behind, from the API server's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.generation`; 0 for kinds that have none (Service, PersistentVolumeClaim).
    pub generation: i64,
    /// The write changed the generation, or created the object.
    pub changed: bool,
    /// The server's time of our last change: the `managedFields` time of field manager
    /// `keyboss`, or `creationTimestamp`.
    pub at: Option<Timestamp>,
}

/// The kinds that are not ready as soon as they are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `apps/v1` Deployment (C1).
    Deployment,
    /// `apps/v1` StatefulSet (C2).
    StatefulSet,
    /// `batch/v1` Job (C3).
    Job,
    /// `v1` PersistentVolumeClaim (C4).
    PersistentVolumeClaim,
    /// `v1` Service (C5).
    Service,
    /// `keda.sh/v1alpha1` ScaledObject.
    ScaledObject,
}

impl Kind {
    /// The kind to wait for, or `None` for what is ready once applied (C5: CronJob, ConfigMap,
    /// Secret, RBAC, PodDisruptionBudget, Ingress, HorizontalPodAutoscaler, ServiceMonitor, ...).
    pub fn of(api_version: &str, kind: &str) -> Option<Kind> {
        match (api_version, kind) {
            ("apps/v1", "Deployment") => Some(Kind::Deployment),
            ("apps/v1", "StatefulSet") => Some(Kind::StatefulSet),
            ("batch/v1", "Job") => Some(Kind::Job),
            ("v1", "PersistentVolumeClaim") => Some(Kind::PersistentVolumeClaim),
            ("v1", "Service") => Some(Kind::Service),
            ("keda.sh/v1alpha1", "ScaledObject") => Some(Kind::ScaledObject),
            _ => None,
        }
    }

    /// The kind as Kubernetes writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Deployment => "Deployment",
            Kind::StatefulSet => "StatefulSet",
            Kind::Job => "Job",
            Kind::PersistentVolumeClaim => "PersistentVolumeClaim",
            Kind::Service => "Service",
            Kind::ScaledObject => "ScaledObject",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One written object that is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its kind.
    pub kind: Kind,
    /// Its `metadata.name`.
    pub name: String,
    /// What the write left behind.
    pub write: Write,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}
