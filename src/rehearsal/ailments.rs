//! What is wrong with some workloads, to order.

use serde_json::Value;

/// What is wrong with a workload's pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ailment {
    /// Their image cannot be pulled: no registry has it.
    Image,
    /// Their containers exit with 1 soon after they have started.
    Crash,
    /// They run, and their readiness probe fails.
    Unready,
    /// No node has room for them.
    Unschedulable,
}

/// Workloads, each with what is wrong with it; claims for which no volume is made; whether KEDA works.
#[derive(Clone, Debug, Default)]
pub struct Ailments {
    workloads: Vec<(Ailment, String)>,
    claims: Vec<String>,
    keda_is_down: bool,
}

impl Ailments {
    /// Lets the pods of a Deployment, StatefulSet or Job have something wrong with them.
    pub fn add(&mut self, ailment: Ailment, workload: &str) {
        self.workloads.push((ailment, workload.to_owned()));
    }

    /// Lets a claim have no volume.
    pub fn withhold_volume(&mut self, claim: &str) {
        self.claims.push(claim.to_owned());
    }

    /// Lets nobody answer for ScaledObjects.
    pub fn stop_keda(&mut self) {
        self.keda_is_down = true;
    }

    /// Whether KEDA's operator does not run.
    pub(super) fn keda_is_down(&self) -> bool {
        self.keda_is_down
    }

    /// Whether no volume is made for this claim.
    pub(super) fn withholds(&self, claim: &str) -> bool {
        self.claims.iter().any(|name| name == claim)
    }

    /// Whether that is wrong with this pod.
    pub(super) fn has(&self, pod: &Value, ailment: Ailment) -> bool {
        self.workloads.iter().any(|(of, workload)| *of == ailment && is_of(pod, workload))
    }
}

/// Whether a pod belongs to a workload: ReplicaSets have the name of their Deployment and a hash, Jobs that of their
/// manifest and a hash, or of their CronJob and a time.
fn is_of(pod: &Value, workload: &str) -> bool {
    let owners = pod["metadata"]["ownerReferences"].as_array();
    owners.into_iter().flatten().any(|owner| {
        let name = owner["name"].as_str().unwrap_or_default();
        let has_suffix = owner["kind"] != "StatefulSet";
        name == workload || has_suffix && name.rsplit_once('-').is_some_and(|(stem, _)| stem == workload)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pods_are_told_apart_by_their_owners() {
        for (kind, name, workload, is) in [
            ("ReplicaSet", "saleor-api-5c7f", "saleor-api", true),
            ("ReplicaSet", "saleor-api-5c7f", "saleor", false),
            ("StatefulSet", "redis", "redis", true),
            ("StatefulSet", "redis-sentinel", "redis", false),
            ("Job", "migrate-0123abcd", "migrate", true),
            ("Job", "migrate", "migrate", true),
        ] {
            let pod = json!({"metadata": {"ownerReferences": [{"kind": kind, "name": name}]}});
            assert_eq!(is_of(&pod, workload), is, "{kind} {name} {workload}");
        }
    }
}
