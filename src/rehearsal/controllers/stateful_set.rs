//! StatefulSets: pods that keep their name and their claims
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/>).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::looks::Looks;
use super::object::{count, is_in_phase, is_terminating, is_true, name, replicas, set_counts, uid};
use super::ordinals::{Action, Seen, Wanted, plan};
use super::template;
use super::turn::Turn;

/// The label that names the template of a pod.
const REVISION: &str = "controller-revision-hash";

/// The template of every revision (with the StatefulSet's uid): what a real cluster keeps as ControllerRevisions,
/// which nothing of keyboss reads.
pub type Templates = BTreeMap<(String, String), Value>;

/// Takes every StatefulSet one step further.
pub fn step(turn: &mut Turn, templates: &mut Templates, looks: &mut Looks) {
    let sets = turn.list("StatefulSet");
    templates.retain(|(of, _), _| sets.iter().any(|set| uid(set) == *of));
    for set in sets.into_iter().filter(|set| !is_terminating(set)) {
        let mut all = vec![Arc::clone(&set)];
        all.extend(turn.owned_by("Pod", &set));
        looks.look(turn, all, |turn| sync(turn, &set, templates));
    }
}

fn sync(turn: &mut Turn, set: &Value, templates: &mut Templates) {
    let revision = revision(set, templates);
    templates.entry((uid(set), revision.clone())).or_insert_with(|| set["spec"]["template"].clone());
    let strategy = &set["spec"]["updateStrategy"];
    let on_delete = strategy["type"] == "OnDelete";
    let partition = if on_delete { i64::MAX } else { count(&strategy["rollingUpdate"]["partition"]) };
    let wanted =
        Wanted { replicas: replicas(set), partition, ordered: set["spec"]["podManagementPolicy"] != "Parallel" };
    let pods = pods(turn, set);
    let seen = pods.iter().map(|(ordinal, pod)| (*ordinal, see(pod, &revision))).collect();
    for action in plan(wanted, &seen) {
        match action {
            Action::Create(ordinal) => {
                // Below the partition a lost pod is made again as it was (k8s:pkg/controller/statefulset/
                // stateful_set_utils.go, `newVersionedStatefulSetPod`).
                let current = set["status"]["currentRevision"].as_str();
                let current = current.filter(|_| !on_delete && ordinal < partition);
                let known = |revision: &str| templates.get_key_value(&(uid(set), revision.to_owned()));
                if let Some(((_, revision), template)) = current.and_then(known).or_else(|| known(&revision)) {
                    create(turn, set, ordinal, (revision, template));
                }
            }
            Action::Delete(ordinal) => pods.get(&ordinal).into_iter().for_each(|pod| turn.delete(pod)),
        }
    }
    update_status(turn, set, &revision, on_delete);
}

/// The name of the present template: that of an equal one; of a StatefulSet that was adopted, the one it says itself.
fn revision(set: &Value, templates: &Templates) -> String {
    let (template, status) = (&set["spec"]["template"], &set["status"]);
    let mut known = templates.iter().filter(|((of, _), _)| uid(set) == *of);
    if let Some(((_, revision), _)) = known.find(|(_, known)| *known == template) {
        return revision.clone();
    }
    let told = status["updateRevision"].as_str().filter(|revision| {
        status["observedGeneration"] == set["metadata"]["generation"]
            && !templates.contains_key(&(uid(set), (*revision).to_owned()))
    });
    told.map_or_else(|| format!("{}-{}", name(set), template::hash(template)), str::to_owned)
}

fn pods(turn: &Turn, set: &Value) -> BTreeMap<i64, Arc<Value>> {
    let ordinal = |pod: &Value| name(pod).rsplit_once('-').and_then(|(_, ordinal)| ordinal.parse().ok());
    turn.owned_by("Pod", set).into_iter().filter_map(|pod| Some((ordinal(&pod)?, pod))).collect()
}

fn see(pod: &Value, revision: &str) -> Seen {
    Seen {
        ready: is_in_phase(pod, "Running") && is_true(pod, "Ready"),
        terminating: is_terminating(pod),
        failed: is_in_phase(pod, "Failed"),
        updated: pod["metadata"]["labels"][REVISION] == revision,
    }
}

/// Makes a pod, and before it the claims that it lacks.
fn create(turn: &mut Turn, set: &Value, ordinal: i64, (revision, template): (&str, &Value)) {
    let pod_name = format!("{}-{ordinal}", name(set));
    let mut pod = template::pod(set, template);
    pod["metadata"]["name"] = json!(pod_name);
    pod["metadata"]["generateName"] = json!(format!("{}-", name(set)));
    pod["metadata"]["labels"][REVISION] = json!(revision);
    pod["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] = json!(pod_name);
    pod["spec"]["hostname"] = json!(pod_name);
    pod["spec"]["subdomain"] = set["spec"]["serviceName"].clone();
    let mut volumes = pod["spec"]["volumes"].as_array().cloned().unwrap_or_default();
    for template in set["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten() {
        let claim_name = format!("{}-{pod_name}", name(template));
        volumes.retain(|volume| volume["name"] != template["metadata"]["name"]);
        volumes.push(json!({"name": name(template), "persistentVolumeClaim": {"claimName": claim_name}}));
        if turn.beside(set, "PersistentVolumeClaim", &claim_name).is_none() {
            turn.create(claim(set, template, &claim_name));
        }
    }
    pod["spec"]["volumes"] = Value::Array(volumes);
    turn.create(pod);
}

/// A claim outlives its StatefulSet: nobody owns it.
fn claim(set: &Value, template: &Value, claim_name: &str) -> Value {
    let mut metadata = template["metadata"].clone();
    metadata["name"] = json!(claim_name);
    metadata["namespace"] = set["metadata"]["namespace"].clone();
    for (label, value) in set["spec"]["selector"]["matchLabels"].as_object().into_iter().flatten() {
        metadata["labels"][label] = value.clone();
    }
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": template["spec"],
           "status": {"phase": "Pending"}})
}

/// Counts the pods; once all are of the present template and Ready, it is the current one
/// (k8s:pkg/controller/statefulset/stateful_set_utils.go, `completeRollingUpdate`).
fn update_status(turn: &mut Turn, set: &Value, revision: &str, on_delete: bool) {
    let current = set["status"]["currentRevision"].as_str().unwrap_or(revision);
    let pods = pods(turn, set);
    let number = |holds: &dyn Fn(&Value) -> bool| {
        i64::try_from(pods.values().filter(|pod| holds(pod)).count()).unwrap_or(i64::MAX)
    };
    let of = |pod: &Value, revision: &str| see(pod, revision).updated && !is_terminating(pod);
    let all = number(&|_| true);
    let ready = number(&|pod| see(pod, revision).ready);
    let updated = number(&|pod| of(pod, revision));
    let is_complete = !on_delete && updated == all && ready == all;
    let current = if is_complete { revision } else { current };
    let mut status = Map::new();
    status.insert("replicas".to_owned(), json!(all));
    let counts = [
        ("observedGeneration", count(&set["metadata"]["generation"])),
        ("readyReplicas", ready),
        ("currentReplicas", number(&|pod| of(pod, current))),
        ("updatedReplicas", updated),
    ];
    set_counts(&mut status, &counts);
    status.insert("currentRevision".to_owned(), json!(current));
    status.insert("updateRevision".to_owned(), json!(revision));
    status.insert("collisionCount".to_owned(), json!(0));
    turn.set_status(set, Value::Object(status));
}
