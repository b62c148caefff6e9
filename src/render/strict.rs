//! Every object decodes strictly into its Kubernetes type: no unknown field, no wrong type.

use anyhow::{Result, anyhow, bail};
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    autoscaling::v2::HorizontalPodAutoscaler,
    batch::v1::{CronJob, Job},
    core::v1::{ConfigMap, Namespace, PersistentVolumeClaim, Secret, Service, ServiceAccount},
    networking::v1::{Ingress, NetworkPolicy},
    policy::v1::PodDisruptionBudget,
    rbac::v1::{Role, RoleBinding},
};
use serde_json::Value;

use super::decode::decode;

/// The kinds that keyboss deploys, but for those of the last phase.
pub const KINDS: [(&str, &str); 17] = [
    ("v1", "Namespace"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("v1", "PersistentVolumeClaim"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("keda.sh/v1alpha1", "ScaledObject"),
    ("policy/v1", "PodDisruptionBudget"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
];

/// Checks one rendered object. A custom resource (a group with a domain of its own) has no type here
/// and is left to the server's schema.
///
/// # Errors
/// Names the object, and the field that is unknown, missing or of the wrong type.
pub fn check(object: &Value) -> Result<()> {
    let api_version = object["apiVersion"].as_str().unwrap_or_default();
    let kind = object["kind"].as_str().unwrap_or_default();
    let faults = match (api_version, kind) {
        ("v1", "Namespace") => decode::<Namespace>(object),
        ("v1", "ConfigMap") => decode::<ConfigMap>(object),
        ("v1", "Secret") => decode::<Secret>(object),
        ("v1", "Service") => decode::<Service>(object),
        ("v1", "ServiceAccount") => decode::<ServiceAccount>(object),
        ("v1", "PersistentVolumeClaim") => decode::<PersistentVolumeClaim>(object),
        ("apps/v1", "Deployment") => decode::<Deployment>(object),
        ("apps/v1", "StatefulSet") => decode::<StatefulSet>(object),
        ("batch/v1", "Job") => decode::<Job>(object),
        ("batch/v1", "CronJob") => decode::<CronJob>(object),
        ("autoscaling/v2", "HorizontalPodAutoscaler") => decode::<HorizontalPodAutoscaler>(object),
        ("policy/v1", "PodDisruptionBudget") => decode::<PodDisruptionBudget>(object),
        ("networking.k8s.io/v1", "Ingress") => decode::<Ingress>(object),
        ("networking.k8s.io/v1", "NetworkPolicy") => decode::<NetworkPolicy>(object),
        ("rbac.authorization.k8s.io/v1", "Role") => decode::<Role>(object),
        ("rbac.authorization.k8s.io/v1", "RoleBinding") => decode::<RoleBinding>(object),
        (group, _) if is_custom(group) && !kind.is_empty() => Ok(Vec::new()),
        _ => bail!("{kind:?} of {api_version:?} is not a kind that keyboss deploys"),
    };
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("?");
    match faults {
        Ok(unknown) if unknown.is_empty() => Ok(()),
        Ok(unknown) => bail!("{kind} {name}: unknown field {}", unknown.join(", ")),
        Err(error) => Err(anyhow!("{kind} {name}: {error}")),
    }?;
    if kind == "StatefulSet" && object.pointer("/spec/updateStrategy/type").and_then(Value::as_str) == Some("OnDelete")
    {
        bail!("StatefulSet {name}: spec.updateStrategy.type OnDelete would never roll out; use RollingUpdate");
    }
    Ok(())
}

/// Kubernetes' own groups have no dot, or end in `k8s.io`.
fn is_custom(api_version: &str) -> bool {
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    group.contains('.') && !group.ends_with("k8s.io")
}
