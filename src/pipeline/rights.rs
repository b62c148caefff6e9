//! The rights that a deploy needs.

use std::collections::BTreeSet;

use crate::cluster::{Access, Cluster, Fault, Served, denied};
use crate::render::{ObjectId, Phase, Plan};

use super::Selection;

/// Rights for the objects of the phases that run. The Namespace is looked at on its own.
fn needed(plan: &Plan, served: &Served, selection: Selection, namespace: &str) -> Vec<(Phase, Access)> {
    let mut needed = BTreeSet::new();
    for (phase, object) in plan.objects().filter(|(phase, _)| selection.includes(*phase)) {
        for access in for_object(&object.id, served, namespace) {
            needed.insert((phase, access));
        }
    }
    needed.into_iter().collect()
}

/// Those of them that the user lacks.
///
/// # Errors
/// When the API server does not answer.
pub async fn lacking(plan: &Plan, cluster: &Cluster, selection: Selection) -> Result<Vec<(Phase, Access)>, Fault> {
    let needed = needed(plan, cluster.served(), selection, cluster.namespace());
    let asked: BTreeSet<Access> = needed.iter().map(|(_, access)| access.clone()).collect();
    let lacking = denied(cluster.client(), asked.into_iter().collect()).await?;
    Ok(needed.into_iter().filter(|(_, access)| lacking.contains(access)).collect())
}

/// That a right is lacking, and what needs it.
pub fn why(phase: Phase, access: &Access, namespace: &str) -> String {
    format!(
        "you may not {access} in namespace {namespace}; phase {} {} needs it{}",
        phase.number(),
        phase.name(),
        remedy(access)
    )
}

/// What else to do where a right is not to be had, to follow the reason.
fn remedy(access: &Access) -> &'static str {
    match access.resource.as_str() {
        "networkpolicies" => "; without it: --set networkPolicies.enabled=false",
        _ => "",
    }
}

/// Rights for one object; none for a kind that is not served.
pub fn for_object(id: &ObjectId, served: &Served, namespace: &str) -> Vec<Access> {
    let Some(resource) = served.get(id).filter(|_| id.kind != "Namespace") else { return Vec::new() };
    let mut verbs = vec!["get", "create", "patch"];
    if id.kind != "Secret" {
        verbs.push("list");
    }
    // A rollback deletes what the release made; records of old releases go.
    if !matches!(id.kind.as_str(), "StatefulSet" | "PersistentVolumeClaim") {
        verbs.push("delete");
    }
    verbs
        .into_iter()
        .map(|verb| Access {
            verb: verb.to_owned(),
            group: resource.group.clone(),
            resource: resource.plural.clone(),
            namespace: namespace.to_owned(),
            name: String::new(),
        })
        .collect()
}
