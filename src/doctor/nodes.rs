//! Whether the nodes have room for a plan, and run what the images are built for. It only warns: nodes may be added, and
//! whether pods fit is the scheduler's to say
//! (<https://kubernetes.io/docs/tasks/administer-cluster/reserve-compute-resources/#node-allocatable>).

use std::collections::BTreeSet;

use serde_json::Value;

use super::Finding;
use super::pod::{Defaults, amounts, taken, words};
use super::workloads::{Workload, need_of};
use crate::environment::Quantity;

/// The check's name.
pub const CHECK: &str = "nodes";

/// Looks at the nodes that take pods. `others` are the pods of all namespaces, or why they are not known.
pub fn check(
    nodes: &[Value],
    others: &Result<Vec<Value>, String>,
    workloads: &[Workload],
    defaults: &Defaults,
    here: &str,
) -> Vec<Finding> {
    let usable: Vec<&Value> = nodes.iter().filter(|node| takes_pods(node)).collect();
    if usable.is_empty() {
        return vec![Finding::warn(
            CHECK,
            format!("none of {} takes pods", super::count(nodes.len(), "node")),
            "kubectl get nodes",
        )];
    }
    let mut wrong: Vec<Finding> = ["cpu", "memory"]
        .into_iter()
        .filter_map(|resource| room(resource, &usable, others, workloads, defaults))
        .collect();
    wrong.extend(architecture(&usable, here));
    let sum = |resource| total(&usable, resource);
    Finding::all_or(wrong, || {
        let nodes = super::count(usable.len(), "node");
        let beside = if others.is_ok() { "beside what others take" } else { "if others leave it" };
        Finding::ok(
            CHECK,
            format!(
                "{nodes}, {} CPUs and {} of memory: enough for what the plan asks for, {beside}",
                sum("cpu").decimal(),
                sum("memory").binary()
            ),
        )
    })
}

/// Ready, and neither cordoned nor tainted against pods that do not say that they tolerate it.
fn takes_pods(node: &Value) -> bool {
    let conditions = node.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    let is_ready =
        conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
    let mut taints = node.pointer("/spec/taints").and_then(Value::as_array).into_iter().flatten();
    let is_tainted = taints.any(|taint| matches!(taint["effect"].as_str(), Some("NoSchedule" | "NoExecute")));
    is_ready && !is_tainted && node.pointer("/spec/unschedulable") != Some(&Value::Bool(true))
}

fn allocatable(node: &Value, resource: &str) -> Quantity {
    amounts(&node["status"]["allocatable"]).get(resource).copied().unwrap_or_default()
}

fn total(nodes: &[&Value], resource: &str) -> Quantity {
    nodes.iter().map(|node| allocatable(node, resource)).sum()
}

/// What is missing of a resource: for all pods together, or for the largest of them on one node.
fn room(
    resource: &str,
    nodes: &[&Value],
    others: &Result<Vec<Value>, String>,
    workloads: &[Workload],
    defaults: &Defaults,
) -> Option<Finding> {
    let key = format!("requests.{resource}");
    let of_pod = |spec: &Value, defaults: &Defaults| taken(spec, defaults).get(&key).copied().unwrap_or_default();
    let names: BTreeSet<&str> = nodes.iter().filter_map(|node| node["metadata"]["name"].as_str()).collect();
    let uid = |pod: &Value| pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    let ours: BTreeSet<String> = workloads.iter().flat_map(|of| of.pods.iter().map(|pod| uid(pod))).collect();
    let is_there = |pod: &&Value| pod["spec"]["nodeName"].as_str().is_some_and(|node| names.contains(node));
    let others = others.as_deref().unwrap_or_default().iter().filter(is_there).filter(|pod| !ours.contains(&uid(pod)));
    let taken: Quantity = others.map(|pod| of_pod(&pod["spec"], &Defaults::default())).sum();
    let all = total(nodes, resource);
    let need = need_of(workloads, &key, defaults).sure;
    let tell = |amount| words(resource, amount);
    if need + taken > all {
        return Some(Finding::warn(
            CHECK,
            format!(
                "the plan asks for {} of {resource}; of {} on {}, others take {}",
                tell(need),
                tell(all),
                super::count(nodes.len(), "node"),
                tell(taken)
            ),
            "pods may stay unschedulable: add a node, or ask for less (autoscaling.*.minReplicas, replicas.*)",
        ));
    }
    let most = nodes.iter().map(|node| allocatable(node, resource)).max().unwrap_or_default();
    let largest = workloads.iter().map(|of| (of_pod(of.spec, defaults), of.id)).max()?;
    (largest.0 > most).then(|| {
        Finding::warn(
            CHECK,
            format!(
                "a pod of {} asks for {} of {resource}, and the largest node has {}",
                largest.1,
                tell(largest.0),
                tell(most)
            ),
            "it stays unschedulable: add a larger node, or let it ask for less",
        )
    })
}

/// Images that were built here run on nodes like this machine.
fn architecture(nodes: &[&Value], here: &str) -> Option<Finding> {
    let of_node = |node: &&Value| node.pointer("/status/nodeInfo/architecture")?.as_str().map(str::to_owned);
    let all: BTreeSet<String> = nodes.iter().filter_map(of_node).collect();
    let here = match here {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let strange: Vec<&str> = all.iter().map(String::as_str).filter(|of| *of != here).collect();
    (!strange.is_empty()).then(|| {
        let strange = strange.join(", ");
        Finding::warn(
            CHECK,
            format!("there are nodes of architecture {strange}, and this machine is {here}"),
            format!("build keyboss' image and the storefront's for {strange} as well (docker build --platform linux/{strange})"),
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::doctor::Verdict;
    use crate::doctor::tests::{plan, pod};
    use crate::doctor::workloads::workloads;

    fn node(cpu: &str, memory: &str, spec: Value) -> Value {
        json!({"metadata": {"name": "n"}, "spec": spec, "status": {
            "allocatable": {"cpu": cpu, "memory": memory}, "nodeInfo": {"architecture": "amd64"},
            "conditions": [{"type": "Ready", "status": "True"}]}})
    }

    #[test]
    fn there_is_room_for_all_and_for_the_largest() {
        // Two pods of 500m and 1Gi.
        let plan = plan();
        let workloads = workloads(&plan, &crate::cluster::Live::default(), &[]);
        let other = |cpu: &str| {
            let mut other = pod("other", json!({"app": "other"}), json!({"cpu": cpu}));
            other["spec"]["nodeName"] = json!("n");
            Ok(vec![other])
        };
        let unknown = || Err("you may not".to_owned());
        for (nodes, others, here, verdict, words) in [
            (vec![node("2", "4Gi", json!({}))], other("1"), "x86_64", Verdict::Ok, "1 node, 2 CPUs and 4Gi"),
            (
                vec![node("2", "4Gi", json!({}))],
                other("1001m"),
                "x86_64",
                Verdict::Warn,
                "asks for 1 of cpu; of 2 on 1 node",
            ),
            (vec![node("2", "4Gi", json!({}))], unknown(), "x86_64", Verdict::Ok, "if others leave it"),
            (vec![node("2", "1Gi", json!({}))], unknown(), "x86_64", Verdict::Warn, "asks for 2Gi of memory"),
            (
                vec![node("400m", "4Gi", json!({})), node("400m", "4Gi", json!({})), node("400m", "4Gi", json!({}))],
                unknown(),
                "x86_64",
                Verdict::Warn,
                "a pod of Deployment api asks for 500m of cpu, and the largest node has 400m",
            ),
            (
                vec![node("2", "4Gi", json!({"unschedulable": true}))],
                unknown(),
                "x86_64",
                Verdict::Warn,
                "none of 1 node",
            ),
            (
                vec![node("2", "4Gi", json!({"taints": [{"effect": "NoSchedule"}]}))],
                unknown(),
                "x86_64",
                Verdict::Warn,
                "none of 1 node takes pods",
            ),
            (
                vec![node("2", "4Gi", json!({}))],
                unknown(),
                "aarch64",
                Verdict::Warn,
                "amd64, and this machine is arm64",
            ),
        ] {
            let findings = check(&nodes, &others, &workloads, &Defaults::default(), here);
            assert_eq!(findings.iter().map(|finding| finding.verdict).max(), Some(verdict), "{findings:?}");
            assert!(findings.iter().any(|finding| finding.found.contains(words)), "{words}: {findings:?}");
        }
    }
}
