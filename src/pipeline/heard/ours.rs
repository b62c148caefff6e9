//! Whose an object is: of the plan, or made by one of its objects.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::readiness::World;

/// The plan, and what there is.
pub struct Ours<'a> {
    /// Kind and name of every object of the plan.
    pub plan: &'a BTreeSet<(String, String)>,
    /// What there is.
    pub world: &'a World,
}

impl Ours<'_> {
    /// Whether it is an object of the plan, is controlled by one
    /// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/>), or is the claim of a pod
    /// that is.
    pub fn has(&self, kind: &str, name: &str) -> bool {
        self.plan.contains(&(kind.to_owned(), name.to_owned()))
            || match kind {
                "Pod" => self.world.pods.get(name).is_some_and(|pod| self.controls(&pod.metadata)),
                "ReplicaSet" => self.world.replica_sets.get(name).is_some_and(|set| self.controls(&set.metadata)),
                "Job" => self.world.jobs.get(name).is_some_and(|job| self.controls(&job.metadata)),
                "PersistentVolumeClaim" => self
                    .world
                    .pods
                    .values()
                    .any(|pod| claims(pod).any(|claim| claim == name) && self.controls(&pod.metadata)),
                _ => false,
            }
    }

    /// Whether an object of the plan controls it.
    pub fn controls(&self, metadata: &ObjectMeta) -> bool {
        controller(metadata).is_some_and(|(kind, name)| self.has(kind, name))
    }
}

/// Kind and name of what controls an object.
pub fn controller(metadata: &ObjectMeta) -> Option<(&str, &str)> {
    let owners = metadata.owner_references.as_deref()?;
    let owner = owners.iter().find(|owner| owner.controller == Some(true))?;
    Some((&owner.kind, &owner.name))
}

/// The claims that a pod mounts.
fn claims(pod: &Pod) -> impl Iterator<Item = &str> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter_map(|volume| Some(volume.persistent_volume_claim.as_ref()?.claim_name.as_str()))
}
