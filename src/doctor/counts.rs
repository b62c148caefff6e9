//! How many objects a deploy adds, as quotas count them
//! (<https://kubernetes.io/docs/concepts/policy/resource-quotas/#quota-on-object-count>).

use std::collections::BTreeMap;

use serde_json::Value;

use super::workloads::{Kind, Workload};
use crate::cluster::{LOCK_NAME, Live, Served};
use crate::render::{Object, Plan};

/// Kinds that quotas count by their plain names too.
const PLAIN: [&str; 4] = ["services", "configmaps", "secrets", "persistentvolumeclaims"];

/// New objects by the names of quotas: "secrets", "count/deployments.apps", "services.nodeports".
pub type Counts = BTreeMap<String, u32>;

/// What a deploy adds to what lives: the objects of the plan; the record of the release, which is a ConfigMap and a
/// Secret; the lock; a ReplicaSet for each Deployment that gets new pods. A server before 1.24 makes a Secret for each
/// new ServiceAccount. Claims are not counted here.
pub fn added(plan: &Plan, live: &Live, served: &Served, workloads: &[Workload], minor: Option<u32>) -> Counts {
    let mut counts = Counts::new();
    let mut add = |resource: &str, group: &str, count: u32| {
        let dot = if group.is_empty() { "" } else { "." };
        *counts.entry(format!("count/{resource}{dot}{group}")).or_default() += count;
        if group.is_empty() && PLAIN.contains(&resource) {
            *counts.entry(resource.to_owned()).or_default() += count;
        }
    };
    for (_, object) in plan.objects().filter(|(_, object)| object.namespaced() && live.get(&object.id).is_none()) {
        let Some(resource) = served.get(&object.id) else { continue };
        if resource.plural != "persistentvolumeclaims" {
            add(&resource.plural, &resource.group, 1);
        }
        if object.id.kind == "ServiceAccount" && minor.is_some_and(|minor| minor < 24) {
            add("secrets", "", 1);
        }
    }
    add("configmaps", "", 1);
    add("secrets", "", 1);
    if live.named("ConfigMap", LOCK_NAME).is_none() {
        add("leases", "coordination.k8s.io", 1);
    }
    for workload in workloads.iter().filter(|workload| workload.id.kind == "Deployment") {
        let is_new = workload.kind == Kind::Standing && live.get(workload.id).is_none();
        add("replicasets", "apps", u32::from(is_new || workload.is_replaced));
    }
    for (_, object) in plan.objects().filter(|(_, object)| live.get(&object.id).is_none()) {
        let (balancers, ports) = exposed(object);
        *counts.entry("services.loadbalancers".to_owned()).or_default() += balancers;
        *counts.entry("services.nodeports".to_owned()).or_default() += ports;
    }
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
