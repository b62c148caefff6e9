//! One Kubernetes object of a plan.

use std::fmt;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{InitialField, SecretKeys, initial, job_name};

/// The value of the label `app.kubernetes.io/managed-by`, and the field manager of every apply.
pub const MANAGED_BY: &str = "keyboss";

/// Which object: its kind and name; the namespace is the environment's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectId {
    /// Group and version, as the manifest says.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// The name.
    pub name: String,
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// One Kubernetes object of a plan.
#[derive(Clone, Debug)]
pub struct Object {
    /// Which object it is.
    pub id: ObjectId,
    /// The manifest it comes from, for errors.
    pub source: String,
    /// What every deploy applies: the manifest less its initial fields.
    pub value: Value,
    /// What is written only while nobody owns it.
    pub initial: Vec<InitialField>,
    /// For a Secret of ours: the keys it holds and where their values come from.
    pub secret: Option<SecretKeys>,
    /// The Job of the same phase, by its name in the manifest, that has to be complete first
    /// (annotation `keyboss.io/after`).
    pub after: Option<String>,
    /// The name in the manifest: a Job's lacks the hash.
    pub manifest_name: String,
}

impl Object {
    /// Reads a rendered object.
    ///
    /// # Errors
    /// When it lacks a kind or name, or one of keyboss' annotations is wrong.
    pub fn new(source: String, mut value: Value) -> Result<Self> {
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let api_version = text("/apiVersion").context("the object has no apiVersion")?;
        let kind = text("/kind").context("the object has no kind")?;
        let manifest_name = text("/metadata/name").with_context(|| format!("the {kind} has no metadata.name"))?;
        let after = text("/metadata/annotations/keyboss.io~1after");
        let secret = if kind == "Secret" { SecretKeys::read(&value)? } else { None };
        let initial = initial::split(&mut value)?;
        let name = if kind == "Job" { job_name::rename(&mut value, &manifest_name) } else { manifest_name.clone() };
        let id = ObjectId { api_version, kind, name };
        Ok(Self { id, source, value, initial, secret, after, manifest_name })
    }

    /// The pod template, where the kind has one.
    pub fn pod_template(&self) -> Option<&Value> {
        self.value.pointer(pod_template_pointer(&self.id.kind)?)
    }

    /// Whether it lives in the namespace; only the Namespace itself does not.
    pub fn namespaced(&self) -> bool {
        self.id.kind != "Namespace"
    }

    /// Its place within a phase: what others need first. Objects of one wave are applied together.
    pub fn wave(&self) -> u8 {
        match self.id.kind.as_str() {
            "Namespace" => 0,
            "ServiceAccount" | "Role" | "ConfigMap" | "Secret" | "PersistentVolumeClaim" => 1,
            "RoleBinding" | "Service" | "PodDisruptionBudget" | "NetworkPolicy" => 2,
            _ => 3,
        }
    }
}

/// The containers of a pod's `spec`, its init containers first.
pub fn containers(spec: &Value) -> impl Iterator<Item = &Value> {
    ["initContainers", "containers"].into_iter().filter_map(|field| spec[field].as_array()).flatten()
}

/// Where the kind keeps its pod template.
pub fn pod_template_pointer(kind: &str) -> Option<&'static str> {
    match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job" => Some("/spec/template"),
        "CronJob" => Some("/spec/jobTemplate/spec/template"),
        _ => None,
    }
}
