//! How a shop stands, whoever deployed it last: its workloads, as readiness has them.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use tokio::time::timeout;

use crate::cluster::{Cluster, Fault, Watch};
use crate::readiness::{Kind, Memory, Readiness, Target, World, Write, assess};
use crate::render::MANAGED_BY;

/// How long the namespace may take to be read.
const LIMIT: Duration = Duration::from_secs(30);

/// A Deployment or StatefulSet of the shop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Workload {
    /// "Deployment".
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// How many of its pods are ready.
    pub ready: i32,
    /// How many it wants.
    pub wanted: i32,
    /// What it lacks, in words; None when it is ready.
    pub why: Option<String>,
}

/// Everything of a namespace that readiness looks at, as it is now.
///
/// # Errors
/// When a kind cannot be read.
pub async fn world(cluster: &Cluster) -> Result<World, Fault> {
    let watch = Watch::start(cluster.client(), cluster.namespace());
    let complete = async {
        while !watch.is_complete() {
            if let Some(trouble) = watch.trouble() {
                return Err(Fault::Other(trouble));
            }
            watch.changed().await;
        }
        Ok(watch.world())
    };
    timeout(LIMIT, complete).await.unwrap_or(Err(Fault::TimedOut))
}

/// The workloads that keyboss has deployed.
pub fn workloads(world: &World) -> Vec<Workload> {
    let mut memory = Memory::default();
    let mut found = Vec::new();
    let mut add = |kind: Kind, metadata: &ObjectMeta, ready: Option<i32>, wanted: Option<i32>| {
        if !is_labelled(metadata, "app.kubernetes.io/managed-by", MANAGED_BY) {
            return;
        }
        let target = Target {
            kind,
            name: metadata.name.clone().unwrap_or_default(),
            write: Write {
                uid: metadata.uid.clone().unwrap_or_default(),
                generation: metadata.generation.unwrap_or(0),
                changed: false,
                at: metadata.creation_timestamp.as_ref().map(|time| time.0),
            },
        };
        let why = match assess(&target, world, &mut memory, Duration::ZERO) {
            Readiness::Ready => None,
            Readiness::InProgress(progress) => Some(progress.why),
            Readiness::Failed(failure) => Some(failure.to_string()),
        };
        let (ready, wanted) = (ready.unwrap_or(0), wanted.unwrap_or(1));
        found.push(Workload { kind: kind.as_str(), name: target.name, ready, wanted, why });
    };
    for set in world.stateful_sets.values().map(Arc::as_ref) {
        let ready = set.status.as_ref().and_then(|status| status.ready_replicas);
        add(Kind::StatefulSet, &set.metadata, ready, set.spec.replicas);
    }
    for deployment in world.deployments.values().map(Arc::as_ref) {
        let ready = deployment.status.as_ref().and_then(|status| status.ready_replicas);
        add(Kind::Deployment, &deployment.metadata, ready, deployment.spec.replicas);
    }
    found
}

/// The pods of the watchdog that are there.
pub fn watchdogs(world: &World) -> Vec<String> {
    let is_one = |metadata: &ObjectMeta| is_labelled(metadata, "app.kubernetes.io/name", "postgres-watchdog");
    world.pods.iter().filter(|(_, pod)| is_one(&pod.metadata)).map(|(name, _)| name.clone()).collect()
}

fn is_labelled(metadata: &ObjectMeta, label: &str, value: &str) -> bool {
    metadata.labels.as_ref().and_then(|labels| labels.get(label)).is_some_and(|is| is == value)
}
