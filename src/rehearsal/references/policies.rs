//! What acts on pods from outside: autoscalers, disruption budgets, network policies.

use super::pod::Pod;
use super::selector::{print, selects};
use super::{Field, Finding, Index};

/// What is scaled, and the pods that are selected.
pub fn check(object: &Field, index: &Index) -> Vec<Finding> {
    match object.kind() {
        "HorizontalPodAutoscaler" | "ScaledObject" => scaled(object, index).into_iter().collect(),
        "PodDisruptionBudget" => selects_none(&object.at("spec.selector"), index).into_iter().collect(),
        "NetworkPolicy" => pod_selectors(object).iter().filter_map(|one| selects_none(one, index)).collect(),
        _ => Vec::new(),
    }
}

/// <https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/>
fn scaled(object: &Field, index: &Index) -> Option<Finding> {
    let target = object.at("spec.scaleTargetRef");
    // KEDA's may leave out what is a Deployment.
    let or = |field: &str, default: &'static str| match target.at(field).name() {
        "" if object.kind() == "ScaledObject" => default.to_owned(),
        given => given.to_owned(),
    };
    let (version, kind, name) = (or("apiVersion", "apps/v1"), or("kind", "Deployment"), or("name", ""));
    let is_there = matches!(kind.as_str(), "Deployment" | "StatefulSet")
        && index.get(&kind, &name).is_some_and(|found| found.object.id.api_version == version);
    (!is_there).then(|| target.wrong(format!("there is no {kind} {name} ({version}) to scale")))
}

/// The selectors of pods of this namespace. Of a peer in another namespace the plan knows nothing
/// (<https://kubernetes.io/docs/concepts/services-networking/network-policies/#behavior-of-to-and-from-selectors>).
fn pod_selectors<'a>(policy: &Field<'a>) -> Vec<Field<'a>> {
    let mut selectors = vec![policy.at("spec.podSelector")];
    for (rules, peers) in [("spec.ingress", "from"), ("spec.egress", "to")] {
        let peers = policy.at(rules).items().into_iter().flat_map(|rule| rule.at(peers).items());
        let here = peers.filter(|peer| peer.at("podSelector").is_given() && !peer.at("namespaceSelector").is_given());
        selectors.extend(here.map(|peer| peer.at("podSelector")));
    }
    selectors
}

/// An empty selector selects every pod; a budget without one protects none.
fn selects_none(selector: &Field, index: &Index) -> Option<Finding> {
    let is_selected = |pod: &Pod| pod.labels().iter().any(|labels| selects(selector.value, labels));
    let some = selector.is_given() && index.pods().any(|pod| is_selected(&pod));
    (!some).then(|| selector.wrong(format!("selects no pod of the plan: {}", print(selector.value))))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Edit, assert_findings};

    #[test]
    fn what_is_acted_on_is_there() {
        let table: &[(Edit, &[&str])] = &[
            (
                ("kind: Deployment, name: api}", "kind: Deployment, name: apis}"),
                &["HorizontalPodAutoscaler api: spec.scaleTargetRef: there is no Deployment apis (apps/v1) to scale"],
            ),
            (
                ("kind: Deployment, name: api}", "kind: Service, name: api}"),
                &["HorizontalPodAutoscaler api: spec.scaleTargetRef: there is no Service api (apps/v1) to scale"],
            ),
            (
                ("apiVersion: apps/v1, kind", "apiVersion: apps/v2, kind"),
                &["HorizontalPodAutoscaler api: spec.scaleTargetRef: there is no Deployment api (apps/v2) to scale"],
            ),
            (
                ("selector: {matchLabels: {app: api, tier: web}}", "selector: {matchLabels: {app: api, tier: db}}"),
                &["PodDisruptionBudget api: spec.selector: selects no pod of the plan: \
                 {\"matchLabels\":{\"app\":\"api\",\"tier\":\"db\"}}"],
            ),
            (
                ("selector: {matchLabels: {app: api, tier: web}}", "maxUnavailable: 1"),
                &["PodDisruptionBudget api: spec.selector: selects no pod of the plan: null"],
            ),
            (
                ("podSelector: {matchLabels: {app: db}}", "podSelector: {matchLabels: {app: dbs}}"),
                &["NetworkPolicy db: spec.podSelector: selects no pod of the plan: \
                     {\"matchLabels\":{\"app\":\"dbs\"}}"],
            ),
            (("podSelector: {matchLabels: {app: db}}", "podSelector: {}"), &[]),
            (
                ("from: [{podSelector: {matchLabels: {app: api}}}", "from: [{podSelector: {matchLabels: {app: x}}}"),
                &["NetworkPolicy db: spec.ingress[0].from[0].podSelector: selects no pod of the plan: \
                 {\"matchLabels\":{\"app\":\"x\"}}"],
            ),
        ];
        assert_findings("", table);
    }
}
