//! What a Deployment notes on its ReplicaSets: which rollout each is of, and for how many replicas it was scaled
//! (k8s:pkg/controller/deployment/util/deployment_util.go, `SetNewReplicaSetAnnotations`).

use serde_json::{Value, json};

use super::object::replicas;
use super::rolling::Bounds;

/// The annotation that counts the rollouts.
pub const REVISION: &str = "deployment.kubernetes.io/revision";
/// The annotation of a ReplicaSet that was rolled back to: its former revisions.
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// The annotation with the Deployment's replicas when the ReplicaSet was scaled last.
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
/// The same, and those of the surge.
const MOST: &str = "deployment.kubernetes.io/max-replicas";
/// Annotations of a Deployment that its ReplicaSets do not get.
const NOT_COPIED: [&str; 5] = [REVISION, HISTORY, DESIRED, MOST, "kubectl.kubernetes.io/last-applied-configuration"];

fn number(set: &Value, annotation: &str) -> Option<i64> {
    set["metadata"]["annotations"][annotation].as_str()?.parse().ok()
}

/// The number of the rollout that a ReplicaSet is of; 0 where there is none.
pub fn revision(set: &Value) -> i64 {
    number(set, REVISION).unwrap_or(0)
}

/// The Deployment's replicas when the ReplicaSet was scaled last.
pub fn desired(set: &Value) -> Option<i64> {
    number(set, DESIRED)
}

/// The most pods that the Deployment could have then.
pub fn most(set: &Value) -> Option<i64> {
    number(set, MOST)
}

/// Gives the ReplicaSet of the present template the Deployment's annotations, and this revision at least.
pub fn annotate(set: &mut Value, deployment: &Value, next: i64) {
    for (name, value) in deployment["metadata"]["annotations"].as_object().into_iter().flatten() {
        if !NOT_COPIED.contains(&name.as_str()) {
            set["metadata"]["annotations"][name] = value.clone();
        }
    }
    let old = set["metadata"]["annotations"][REVISION].as_str().map(str::to_owned);
    if revision(set) >= next {
        return;
    }
    let annotations = &mut set["metadata"]["annotations"];
    annotations[REVISION] = json!(next.to_string());
    if let Some(old) = old {
        let history = annotations[HISTORY].as_str().map_or(old.clone(), |history| format!("{history},{old}"));
        annotations[HISTORY] = json!(history);
    }
}

/// Scales a ReplicaSet, and notes for how many.
pub fn scale(set: &mut Value, deployment: &Value, to: i64) {
    let wanted = replicas(deployment);
    set["spec"]["replicas"] = json!(to);
    set["metadata"]["annotations"][DESIRED] = json!(wanted.to_string());
    set["metadata"]["annotations"][MOST] = json!((wanted + Bounds::of(deployment, wanted).surge).to_string());
}
