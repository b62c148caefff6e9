//! How many objects a deploy adds, as quotas count them
//! (<https://kubernetes.io/docs/concepts/policy/resource-quotas/#quota-on-object-count>).

use std::collections::BTreeMap;

use serde_json::Value;

use super::workloads::Workload;
use crate::cluster::{Live, Served, journals};
use crate::render::{Object, Plan};

/// Kinds that quotas count by their plain names too.
const PLAIN: [&str; 4] = ["services", "configmaps", "secrets", "persistentvolumeclaims"];

/// New objects, by the names of quotas: "secrets", "count/deployments.apps", "services.nodeports".
#[derive(Clone, Debug, Default)]
pub struct Counts {
    all: BTreeMap<String, u32>,
    /// Whether it is known that something is new, so that a release is recorded.
    is_release: bool,
}

/// What a release's record is kept in.
const RECORD: [&str; 4] = ["configmaps", "count/configmaps", "secrets", "count/secrets"];

impl Counts {
    fn add(&mut self, resource: &str, group: &str, count: u32) {
        let dot = if group.is_empty() { "" } else { "." };
        *self.all.entry(format!("count/{resource}{dot}{group}")).or_default() += count;
        if group.is_empty() && PLAIN.contains(&resource) {
            *self.all.entry(resource.to_owned()).or_default() += count;
        }
        self.is_release |= count > 0;
    }

    /// How many are new for certain, and how many if this deploy is a release; None for what is not counted here. A deploy
    /// that changes nothing records nothing.
    pub fn of(&self, resource: &str) -> Option<(u32, u32)> {
        let record = u32::from(RECORD.contains(&resource));
        let count = self.all.get(resource).copied().or((record > 0).then_some(0))?;
        Some((count + if self.is_release { record } else { 0 }, count + record))
    }
}

/// What a deploy adds to what lives: the objects of the plan; the record of the release, which is a ConfigMap and a
/// Secret; the lock, before the first release; a ReplicaSet for each Deployment that gets new pods. A server before 1.24
/// makes a Secret for each new ServiceAccount. Claims are not counted here.
pub fn added(plan: &Plan, live: &Live, served: &Served, workloads: &[Workload], minor: Option<u32>) -> Counts {
    let mut counts = Counts::default();
    let is_new = |object: &&Object| object.namespaced() && live.get(&object.id).is_none();
    for object in plan.objects().map(|(_, object)| object).filter(is_new) {
        let Some(resource) = served.get(&object.id) else { continue };
        if resource.plural != "persistentvolumeclaims" {
            counts.add(&resource.plural, &resource.group, 1);
        }
        if object.id.kind == "ServiceAccount" && minor.is_some_and(|minor| minor < 24) {
            counts.add("secrets", "", 1);
        }
        let (balancers, ports) = exposed(object);
        *counts.all.entry("services.loadbalancers".to_owned()).or_default() += balancers;
        *counts.all.entry("services.nodeports".to_owned()).or_default() += ports;
    }
    for workload in workloads.iter().filter(|workload| workload.id.kind == "Deployment") {
        let gets_pods = live.get(workload.id).is_none() || workload.is_replaced;
        counts.add("replicasets", "apps", u32::from(gets_pods));
    }
    let is_first = journals(live).is_empty();
    counts.add("leases", "coordination.k8s.io", u32::from(is_first && counts.is_release));
    counts
}

/// How many load balancers and ports of nodes a Service takes.
fn exposed(object: &Object) -> (u32, u32) {
    if object.id.kind != "Service" {
        return (0, 0);
    }
    let spec = &object.value["spec"];
    let ports = spec["ports"].as_array().map_or(0, |ports| u32::try_from(ports.len()).unwrap_or(0));
    match spec["type"].as_str() {
        Some("LoadBalancer") if spec["allocateLoadBalancerNodePorts"] == Value::Bool(false) => (1, 0),
        Some("LoadBalancer") => (1, ports),
        Some("NodePort") => (0, ports),
        _ => (0, 0),
    }
}
