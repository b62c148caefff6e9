//! Deployments roll out their template, one ReplicaSet for each
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/deployment/>).

use std::sync::Arc;

use serde_json::{Value, json};

use super::deployment_status::{self, progressing};
use super::looks::Looks;
use super::object::{age, count, is_in_phase, is_terminating, name, owner_reference, replicas};
use super::revision::{self, REVISION, annotate, revision};
use super::rolling::{Bounds, Count, scale_down, scale_up};
use super::template;
use super::turn::Turn;

/// The label that tells the pods of one template from those of another.
const HASH: &str = "pod-template-hash";
/// How many old ReplicaSets stay where nothing is said.
const HISTORY: u64 = 10;

/// A Deployment and its ReplicaSets, the oldest first.
pub struct Rollout {
    /// The Deployment.
    pub deployment: Value,
    /// Its ReplicaSets.
    pub sets: Vec<Arc<Value>>,
    /// Which of them has the present template.
    pub new: Option<usize>,
}

/// Takes every rollout one step further.
pub fn step(turn: &mut Turn, looks: &mut Looks) {
    // One that was told to go makes nothing new (k8s:pkg/controller/deployment/deployment_controller.go).
    for deployment in turn.list("Deployment").into_iter().filter(|deployment| !is_terminating(deployment)) {
        let mut sets = turn.owned_by("ReplicaSet", &deployment);
        sets.sort_by_cached_key(|set| age(set));
        let mut all = vec![Arc::clone(&deployment)];
        all.extend(sets.iter().cloned());
        if is_recreate(&deployment) {
            all.extend(sets.iter().flat_map(|set| turn.owned_by("Pod", set)));
        }
        looks.look(turn, all, |turn| Rollout::new(&deployment, sets).step(turn));
    }
}

/// Whether its old pods end before new ones begin.
pub fn is_recreate(deployment: &Value) -> bool {
    deployment["spec"]["strategy"]["type"] == "Recreate"
}

impl Rollout {
    fn new(deployment: &Value, sets: Vec<Arc<Value>>) -> Self {
        let template = &deployment["spec"]["template"];
        let new = sets.iter().position(|set| is_of(&set["spec"]["template"], template));
        Self { deployment: deployment.clone(), sets, new }
    }

    fn step(mut self, turn: &mut Turn) {
        deployment_status::tell_pause(turn, &mut self.deployment);
        let is_rollout = !self.is_scaled_or_paused();
        if is_rollout {
            self.go_on(turn);
        } else {
            self.spread(turn);
        }
        deployment_status::update(turn, self.deployment, &self.sets, self.new, is_rollout);
    }

    fn go_on(&mut self, turn: &mut Turn) {
        let wanted = replicas(&self.deployment);
        let bounds = Bounds::of(&self.deployment, wanted);
        if is_recreate(&self.deployment) {
            self.prepare(turn, false);
            if self.stop_old(turn) {
                return;
            }
            if let Some(new) = self.prepare(turn, true) {
                self.scale(turn, new, wanted);
            }
        } else if let Some(new) = self.prepare(turn, true)
            && !self.scale(turn, new, self.more(new, wanted, bounds))
        {
            self.scale_old(turn, new, wanted, bounds);
        }
        if deployment_status::is_complete(&self.deployment) {
            self.forget_oldest(turn);
        }
    }

    /// The replicas of the present template, as far as the others leave room.
    fn more(&self, new: usize, wanted: i64, bounds: Bounds) -> i64 {
        scale_up(wanted, bounds, self.sets.iter().map(|set| replicas(set)).sum(), replicas(&self.sets[new]))
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

    /// The ReplicaSets of other templates.
    pub fn old(&self) -> Vec<usize> {
        (0..self.sets.len()).filter(|index| Some(*index) != self.new).collect()
    }

    /// Gives a ReplicaSet so many replicas: whether it had others.
    pub fn scale(&mut self, turn: &mut Turn, index: usize, to: i64) -> bool {
        if replicas(&self.sets[index]) == to {
            return false;
        }
        self.resize(turn, index, to);
        true
    }

    /// The same, and notes for how many the Deployment is.
    pub fn resize(&mut self, turn: &mut Turn, index: usize, to: i64) {
        let mut set = Value::clone(&self.sets[index]);
        revision::scale(&mut set, &self.deployment, to);
        if let Some(set) = turn.put(set) {
            self.sets[index] = set;
        }
    }

    /// Finds the ReplicaSet of the present template, or makes it if it may, and gives both the next revision
    /// (k8s:pkg/controller/deployment/sync.go, `getNewReplicaSet`).
    pub fn prepare(&mut self, turn: &mut Turn, may_create: bool) -> Option<usize> {
        let next = 1 + self.old().iter().map(|&index| revision(&self.sets[index])).max().unwrap_or(0);
        if let Some(new) = self.new {
            let mut set = Value::clone(&self.sets[new]);
            annotate(&mut set, &self.deployment, next);
            if let Some(seconds) = self.deployment["spec"].get("minReadySeconds") {
                set["spec"]["minReadySeconds"] = seconds.clone();
            }
            self.sets[new] = turn.put(set)?;
        } else if may_create {
            let set = turn.create(self.replica_set(next))?;
            let message = format!("Created new replica set {:?}", name(&set));
            deployment_status::set(&mut self.deployment, progressing(turn, "NewReplicaSetCreated", &message));
            self.sets.push(set);
            self.new = Some(self.sets.len() - 1);
        }
        let new = self.new?;
        self.deployment["metadata"]["annotations"][REVISION] = json!(revision(&self.sets[new]).to_string());
        Some(new)
    }

    fn replica_set(&self, next: i64) -> Value {
        let (metadata, spec) = (&self.deployment["metadata"], &self.deployment["spec"]);
        let hash = template::hash(&spec["template"]);
        let mut template = spec["template"].clone();
        template["metadata"]["labels"][HASH] = json!(hash);
        let mut selector = spec["selector"].clone();
        selector["matchLabels"][HASH] = json!(hash);
        let mut set = json!({
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": format!("{}-{hash}", name(&self.deployment)),
                "namespace": metadata["namespace"],
                "labels": template["metadata"]["labels"],
                "ownerReferences": [owner_reference(&self.deployment)],
            },
            "spec": {"replicas": 0, "selector": selector, "template": template},
            "status": {"replicas": 0},
        });
        if let Some(seconds) = spec.get("minReadySeconds") {
            set["spec"]["minReadySeconds"] = seconds.clone();
        }
        annotate(&mut set, &self.deployment, next);
        let wanted = replicas(&self.deployment);
        let all = self.sets.iter().map(|set| replicas(set)).sum();
        let first = if is_recreate(&self.deployment) {
            wanted
        } else {
            scale_up(wanted, Bounds::of(&self.deployment, wanted), all, 0)
        };
        revision::scale(&mut set, &self.deployment, first);
        set
    }

    /// Deletes the oldest ReplicaSets beyond `revisionHistoryLimit`
    /// (<https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#clean-up-policy>).
    pub fn forget_oldest(&mut self, turn: &mut Turn) {
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
