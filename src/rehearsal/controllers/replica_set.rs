//! ReplicaSets keep as many pods as they want
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/>).

use std::cmp::Reverse;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::looks::Looks;
use super::object::{age, is_active, is_available, is_in_phase, is_terminating, is_true, name, replicas, set_counts};
use super::template;
use super::turn::Turn;

/// Creates and deletes pods, and counts them.
pub fn step(turn: &mut Turn, looks: &mut Looks) {
    for set in turn.list("ReplicaSet").into_iter().filter(|set| !is_terminating(set)) {
        let mut all = vec![Arc::clone(&set)];
        all.extend(turn.owned_by("Pod", &set));
        looks.look(turn, all, |turn| sync(turn, &set));
    }
}

fn sync(turn: &mut Turn, set: &Value) {
    let wanted = usize::try_from(replicas(set)).unwrap_or_default();
    let mut pods = active(turn, set);
    for _ in pods.len()..wanted {
        create(turn, set);
    }
    pods.sort_by_cached_key(|pod| keep_rank(pod));
    pods.iter().skip(wanted).for_each(|pod| turn.delete(pod));
    count(turn, set);
}

fn active(turn: &Turn, set: &Value) -> Vec<Arc<Value>> {
    turn.owned_by("Pod", set).into_iter().filter(|pod| is_active(pod)).collect()
}

fn create(turn: &mut Turn, set: &Value) {
    let mut pod = template::pod(set, &set["spec"]["template"]);
    let suffix = template::letters(&format!("{} {}", name(set), turn.version()), 5);
    pod["metadata"]["generateName"] = json!(format!("{}-", name(set)));
    pod["metadata"]["name"] = json!(format!("{}-{suffix}", name(set)));
    turn.create(pod);
}

/// Which pods stay, the first first: those on a node, running, Ready and old
/// (k8s:pkg/controller/controller_utils.go, `ActivePodsWithRanks`).
fn keep_rank(pod: &Value) -> impl Ord + use<> {
    let is_on_node = pod["spec"]["nodeName"].is_string();
    (Reverse(is_on_node), Reverse(is_in_phase(pod, "Running")), Reverse(is_true(pod, "Ready")), age(pod))
}

fn count(turn: &mut Turn, set: &Value) {
    let pods = active(turn, set);
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let ready = pods.iter().filter(|pod| is_true(pod, "Ready")).count();
    let available = pods.iter().filter(|pod| is_available(turn, pod, set)).count();
    let mut status = Map::new();
    status.insert("replicas".to_owned(), json!(pods.len()));
    let counts = [
        ("fullyLabeledReplicas", number(pods.len())),
        ("readyReplicas", number(ready)),
        ("availableReplicas", number(available)),
        ("observedGeneration", super::object::count(&set["metadata"]["generation"])),
    ];
    set_counts(&mut status, &counts);
    turn.set_status(set, Value::Object(status));
}
