//! Which pods are of the revision that was written.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::target::{Kind, Target};
use super::world::World;

const HASH: &str = "pod-template-hash";
const REVISION: &str = "deployment.kubernetes.io/revision";
/// The label in which a StatefulSet's pods name their revision.
pub(super) const CONTROLLER_REVISION: &str = "controller-revision-hash";

/// The pods of the new revision of a target, terminating ones included: those a rollout waits
/// for, and those whose logs explain its failure. Empty for kinds without pods.
pub fn pods_of<'a>(target: &Target, world: &'a World) -> Vec<&'a Pod> {
    match target.kind {
        Kind::Deployment => match new_replica_set(target, world) {
            Some(set) => owned_by(world, set.metadata.uid.as_deref().unwrap_or_default()).collect(),
            None => Vec::new(),
        },
        Kind::StatefulSet => {
            let live = world.stateful_sets.get(&target.name);
            let update = live.and_then(|set| set.status.as_ref()).and_then(|status| status.update_revision.as_deref());
            owned_by(world, &target.write.uid)
                .filter(|pod| update.is_some() && label(pod, CONTROLLER_REVISION) == update)
                .collect()
        }
        Kind::Job => owned_by(world, &target.write.uid).collect(),
        Kind::PersistentVolumeClaim | Kind::Service | Kind::ScaledObject => Vec::new(),
    }
}

/// A pod of a Deployment, of whatever revision, that has been told to go and is still there.
pub(super) fn stopping<'a>(target: &Target, world: &'a World) -> Option<&'a Pod> {
    let sets = world.replica_sets.values().filter(|set| is_owned_by(&set.metadata, &target.write.uid));
    let mut pods = sets.flat_map(|set| owned_by(world, set.metadata.uid.as_deref().unwrap_or_default()));
    pods.find(|pod| pod.metadata.deletion_timestamp.is_some())
}

/// The pods whose controller is the object with this uid, by name.
pub(super) fn owned_by<'a>(world: &'a World, uid: &str) -> impl Iterator<Item = &'a Pod> {
    world.pods.values().map(Arc::as_ref).filter(move |pod| is_owned_by(&pod.metadata, uid))
}

/// A label of a pod.
pub(super) fn label<'a>(pod: &'a Pod, name: &str) -> Option<&'a str> {
    let labels = pod.metadata.labels.as_ref()?;
    labels.get(name).map(String::as_str)
}

fn is_owned_by(meta: &ObjectMeta, uid: &str) -> bool {
    meta.owner_references.iter().flatten().any(|owner| owner.uid == uid && owner.controller == Some(true))
}

/// The ReplicaSet of a Deployment's present template, found as the deployment controller finds
/// it: by a template equal but for `pod-template-hash`, the oldest of several. Where the API
/// server has meanwhile defaulted one of the two templates differently, the revision annotation,
/// which is current once the Deployment's generation is observed, decides.
///
/// k8s:pkg/controller/deployment/util/deployment_util.go (`FindNewReplicaSet`)
fn new_replica_set<'a>(target: &Target, world: &'a World) -> Option<&'a ReplicaSet> {
    let deployment = world.deployments.get(&target.name)?;
    let mut owned: Vec<&ReplicaSet> = world
        .replica_sets
        .values()
        .map(Arc::as_ref)
        .filter(|set| is_owned_by(&set.metadata, &target.write.uid))
        .collect();
    owned.sort_by(|a, b| age_and_name(&a.metadata).cmp(&age_and_name(&b.metadata)));
    let template = &deployment.spec.template;
    owned
        .iter()
        .find(|set| has_template(set, template))
        .or_else(|| owned.iter().find(|set| has_revision_of(set, deployment)))
        .copied()
}

fn age_and_name(meta: &ObjectMeta) -> (Option<&k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>, Option<&str>) {
    (meta.creation_timestamp.as_ref(), meta.name.as_deref())
}

fn has_template(set: &ReplicaSet, template: &PodTemplateSpec) -> bool {
    let of_set = set.spec.template.as_ref();
    of_set.is_some_and(|of_set| without_hash(of_set) == without_hash(template))
}

fn without_hash(template: &PodTemplateSpec) -> PodTemplateSpec {
    let mut template = template.clone();
    if let Some(labels) = template.metadata.as_mut().and_then(|meta| meta.labels.as_mut()) {
        labels.remove(HASH);
    }
    template
}

fn has_revision_of(set: &ReplicaSet, deployment: &Deployment) -> bool {
    let revision = |meta: &ObjectMeta| meta.annotations.as_ref()?.get(REVISION).cloned();
    let wanted = revision(&deployment.metadata);
    wanted.is_some() && revision(&set.metadata) == wanted
}
