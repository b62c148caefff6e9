//! Deployments roll out their template, one ReplicaSet for each
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/deployment/>).

use std::sync::Arc;

use serde_json::{Value, json};

use super::deployment_status::{self, progressing};
use super::object::{age, count, is_in_phase, name, owner_reference, replicas};
use super::rolling::{Bounds, Count, scale_down, scale_up};
use super::template;
use super::turn::Turn;

/// The annotation that counts the rollouts.
const REVISION: &str = "deployment.kubernetes.io/revision";
/// The label that tells the pods of one template from those of another.
const HASH: &str = "pod-template-hash";
/// Annotations of a Deployment that its ReplicaSets do not get.
const NOT_COPIED: [&str; 2] = [REVISION, "kubectl.kubernetes.io/last-applied-configuration"];
/// How many old ReplicaSets stay where nothing is said.
const HISTORY: u64 = 10;

/// A Deployment and its ReplicaSets, the oldest first.
struct Rollout {
    deployment: Value,
    sets: Vec<Arc<Value>>,
    /// Which of them has the present template.
    new: Option<usize>,
}

/// Takes every rollout one step further.
pub fn step(turn: &mut Turn) {
    for deployment in turn.list("Deployment") {
        let mut sets = turn.owned_by("ReplicaSet", &deployment);
        sets.sort_by_cached_key(|set| age(set));
        let template = &deployment["spec"]["template"];
        let new = sets.iter().position(|set| is_of(&set["spec"]["template"], template));
        let mut rollout = Rollout { deployment: Value::clone(&deployment), sets, new };
        rollout.go_on(turn);
        deployment_status::update(turn, rollout.deployment, &rollout.sets, rollout.new);
    }
}

impl Rollout {
    fn go_on(&mut self, turn: &mut Turn) {
        let spec = &self.deployment["spec"];
        if spec["paused"] == true {
            return;
        }
        let wanted = replicas(&self.deployment);
        let bounds = Bounds::of(&self.deployment, wanted);
        if spec["strategy"]["type"] == "Recreate" {
            if self.stop_old(turn) {
                return;
            }
            if let Some(new) = self.prepare(turn) {
                self.scale(turn, new, wanted);
            }
        } else if let Some(new) = self.prepare(turn) {
            let all = self.sets.iter().map(|set| replicas(set)).sum();
            let more = scale_up(wanted, bounds, all, replicas(&self.sets[new]));
            if !self.scale(turn, new, more) {
                self.scale_old(turn, new, wanted, bounds);
            }
        }
        if deployment_status::is_complete(&self.deployment) {
            self.forget_oldest(turn);
        }
    }

    /// Recreate: whether old pods are still there, having told them to go
    /// (k8s:pkg/controller/deployment/recreate.go).
    fn stop_old(&mut self, turn: &mut Turn) -> bool {
        for index in self.old() {
            self.scale(turn, index, 0);
        }
        let ended = |pod: &Value| is_in_phase(pod, "Succeeded") || is_in_phase(pod, "Failed");
        self.old().iter().any(|&index| {
            let set = &self.sets[index];
            count(&set["status"]["replicas"]) > 0 || turn.owned_by("Pod", set).iter().any(|pod| !ended(pod))
        })
    }

    fn scale_old(&mut self, turn: &mut Turn, new: usize, wanted: i64, bounds: Bounds) {
        let count =
            |set: &Value| Count { replicas: replicas(set), available: count(&set["status"]["availableReplicas"]) };
        let old: Vec<Count> = self.old().iter().map(|&index| count(&self.sets[index])).collect();
        let left = scale_down(wanted, bounds, count(&self.sets[new]), &old);
        for (index, left) in self.old().into_iter().zip(left) {
            self.scale(turn, index, left);
        }
    }

    fn old(&self) -> Vec<usize> {
        (0..self.sets.len()).filter(|index| Some(*index) != self.new).collect()
    }

    /// Whether it had another number of replicas.
    fn scale(&mut self, turn: &mut Turn, index: usize, to: i64) -> bool {
        if replicas(&self.sets[index]) == to {
            return false;
        }
        let mut set = Value::clone(&self.sets[index]);
        set["spec"]["replicas"] = json!(to);
        if let Some(set) = turn.put(set) {
            self.sets[index] = set;
        }
        true
    }

    /// Finds or makes the ReplicaSet of the present template, and gives both the next revision
    /// (k8s:pkg/controller/deployment/sync.go, `getNewReplicaSet`).
    fn prepare(&mut self, turn: &mut Turn) -> Option<usize> {
        let revision = |set: &Value| {
            let text = set["metadata"]["annotations"][REVISION].as_str();
            text.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0)
        };
        let next = 1 + self.old().iter().map(|&index| revision(&self.sets[index])).max().unwrap_or(0);
        let new = match self.new {
            Some(new) => new,
            None => {
                let set = turn.create(self.replica_set(next))?;
                let message = format!("Created new replica set {:?}", name(&set));
                deployment_status::set(&mut self.deployment, progressing(turn, "NewReplicaSetCreated", &message));
                self.sets.push(set);
                self.sets.len() - 1
            }
        };
        self.new = Some(new);
        let set = &self.sets[new];
        let revision = revision(set).max(next).to_string();
        if set["metadata"]["annotations"][REVISION] != revision {
            let mut set = Value::clone(set);
            set["metadata"]["annotations"][REVISION] = json!(revision);
            self.sets[new] = turn.put(set)?;
        }
        self.deployment["metadata"]["annotations"][REVISION] = json!(revision);
        Some(new)
    }

    fn replica_set(&self, revision: u64) -> Value {
        let (metadata, spec) = (&self.deployment["metadata"], &self.deployment["spec"]);
        let hash = template::hash(&spec["template"]);
        let mut template = spec["template"].clone();
        template["metadata"]["labels"][HASH] = json!(hash);
        let mut selector = spec["selector"].clone();
        selector["matchLabels"][HASH] = json!(hash);
        let mut annotations = metadata["annotations"].as_object().cloned().unwrap_or_default();
        annotations.retain(|name, _| !NOT_COPIED.contains(&name.as_str()));
        annotations.insert(REVISION.to_owned(), json!(revision.to_string()));
        let mut set = json!({
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": format!("{}-{hash}", name(&self.deployment)),
                "namespace": metadata["namespace"],
                "labels": template["metadata"]["labels"],
                "annotations": annotations,
                "ownerReferences": [owner_reference(&self.deployment)],
            },
            "spec": {"replicas": 0, "selector": selector, "template": template},
            "status": {"replicas": 0},
        });
        if let Some(seconds) = spec.get("minReadySeconds") {
            set["spec"]["minReadySeconds"] = seconds.clone();
        }
        set
    }

    /// Deletes the oldest ReplicaSets beyond `revisionHistoryLimit`
    /// (<https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#clean-up-policy>).
    fn forget_oldest(&mut self, turn: &mut Turn) {
        let limit = self.deployment["spec"]["revisionHistoryLimit"].as_u64().unwrap_or(HISTORY);
        let old = self.old();
        let too_many = old.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
        for &index in &old[..too_many] {
            let set = &self.sets[index];
            if replicas(set) == 0 && count(&set["status"]["replicas"]) == 0 {
                turn.delete(set);
            }
        }
    }
}

/// Whether a ReplicaSet's template is the Deployment's, but for the hash.
fn is_of(of_set: &Value, template: &Value) -> bool {
    let mut metadata = of_set["metadata"].clone();
    if let Some(labels) = metadata["labels"].as_object_mut() {
        labels.remove(HASH);
    }
    of_set["spec"] == template["spec"] && metadata == template["metadata"]
}
