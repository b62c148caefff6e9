//! Whose a pod is: labels may lie, its owner does not
//! (<https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/>).

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::Workload;
use crate::cluster::{Cluster, Fault, Namespaced};

/// What is known of the pods' owners.
pub struct Owners<'a> {
    cluster: &'a Cluster,
    workload: &'a Workload,
    /// By UID: whether it is the workload's.
    known: BTreeMap<String, bool>,
}

impl<'a> Owners<'a> {
    /// Nothing is known yet.
    pub fn new(cluster: &'a Cluster, workload: &'a Workload) -> Self {
        Self { cluster, workload, known: BTreeMap::new() }
    }

    /// Whether a pod is the workload's: it is the pod, or owns it, or owns what owns it (a Deployment's ReplicaSet, a
    /// CronJob's Job).
    ///
    /// # Errors
    /// When the owner cannot be read.
    pub async fn own(&mut self, pod: &Pod) -> Result<bool, Fault> {
        if self.workload.kind == "Pod" {
            return Ok(pod.metadata.name.as_deref() == Some(&self.workload.name));
        }
        let Some(owner) = controller(&pod.metadata) else { return Ok(false) };
        if owner.uid == self.workload.uid {
            return Ok(true);
        }
        if let Some(known) = self.known.get(&owner.uid) {
            return Ok(*known);
        }
        let is_ours = match (self.workload.kind.as_str(), owner.kind.as_str()) {
            ("Deployment", "ReplicaSet") => self.owns::<ReplicaSet>(owner).await?,
            ("CronJob", "Job") => self.owns::<Job>(owner).await?,
            _ => false,
        };
        self.known.insert(owner.uid.clone(), is_ours);
        Ok(is_ours)
    }

    async fn owns<K: Namespaced>(&self, between: &OwnerReference) -> Result<bool, Fault> {
        match self.cluster.read::<K>(&between.name).await {
            Ok(object) => {
                let is_it = object.meta().uid.as_deref() == Some(&between.uid);
                Ok(is_it && controller(object.meta()).is_some_and(|owner| owner.uid == self.workload.uid))
            }
            Err(fault) if fault.is_not_found() => Ok(false),
            Err(fault) => Err(fault),
        }
    }
}

fn controller(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata.owner_references.as_deref()?.iter().find(|owner| owner.controller == Some(true))
}
