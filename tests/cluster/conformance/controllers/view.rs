//! What controllers made of an app's objects, less what is another each time: names, uids, times, addresses.

use std::collections::BTreeMap;
use std::error::Error;

use kube::Client;
use kube::api::{Api, DynamicObject, ListParams};
use serde_json::{Map, Value, json};

use super::super::{SPACE, resource};

/// The kinds that controllers write, those that name others first.
const KINDS: [(&str, &str); 9] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "Job"),
    ("batch/v1beta1", "CronJob"),
    ("autoscaling/v2beta2", "HorizontalPodAutoscaler"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Endpoints"),
    ("v1", "Pod"),
];

/// Annotations that are not rehearsed, for nothing of keyboss reads them: who provides a volume, and since when an
/// Endpoints object knows what it knows.
const NOT_REHEARSED: [&str; 2] =
    ["volume.beta.kubernetes.io/storage-provisioner", "endpoints.kubernetes.io/last-change-trigger-time"];

/// Fields that differ each time: whether they are there is compared.
const MASKED: [&str; 14] = [
    "lastUpdateTime",
    "lastTransitionTime",
    "lastProbeTime",
    "lastScaleTime",
    "lastScheduleTime",
    "startTime",
    "completionTime",
    "ip",
    "nodeName",
    "resourceVersion",
    "volumeName",
    "selfLink",
    "creationTimestamp",
    "currentMetrics",
];

/// Every object of an app, and what was logged of it.
pub async fn view(client: &Client, app: &str, log: &[String]) -> Result<Value, Box<dyn Error>> {
    let mut names = Names::default();
    let mut found = Vec::new();
    for (api_version, kind) in KINDS {
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), SPACE, &resource(api_version, kind));
        let mut objects = Vec::new();
        for object in api.list(&ListParams::default()).await?.items {
            let object = serde_json::to_value(object)?;
            if object["metadata"]["labels"]["app"] == app {
                objects.push(object);
            }
        }
        objects.sort_by_cached_key(|object| (revision(object), object["metadata"]["name"].to_string()));
        objects.iter().for_each(|object| names.learn(kind, object));
        found.push((kind, objects));
    }
    let masked = |(kind, objects): &(&str, Vec<Value>)| {
        ((*kind).to_owned(), names.mask(&objects.iter().map(|object| essence(kind, object)).collect()))
    };
    let mut view: Map<String, Value> = found.iter().map(masked).collect();
    view.insert("log".to_owned(), json!(log));
    Ok(Value::Object(view))
}

fn revision(object: &Value) -> u64 {
    let revision = object["metadata"]["annotations"]["deployment.kubernetes.io/revision"].as_str();
    revision.and_then(|revision| revision.parse().ok()).unwrap_or(0)
}

/// The parts of names that a cluster makes up, and what stands for them.
#[derive(Default)]
struct Names(BTreeMap<String, String>);

impl Names {
    fn learn(&mut self, kind: &str, object: &Value) {
        let metadata = &object["metadata"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.add(text(&metadata["labels"]["pod-template-hash"]), "hash");
        for field in ["currentRevision", "updateRevision"] {
            let revision = text(&object["status"][field]);
            self.add(revision.rsplit('-').next().unwrap_or_default().to_owned(), "revision");
        }
        let revision = text(&metadata["labels"]["controller-revision-hash"]);
        self.add(revision.rsplit('-').next().unwrap_or_default().to_owned(), "revision");
        // A StatefulSet's pods have a generateName too, and are not named by it.
        let (name, prefix) = (text(&metadata["name"]), text(&metadata["generateName"]));
        if let Some(random) = name.strip_prefix(&prefix).filter(|random| !prefix.is_empty() && random.len() >= 5) {
            self.0.insert(random.to_owned(), format!("<{} letters>", random.len()));
            // Nothing tells one such pod from another.
            self.0.insert(text(&metadata["uid"]), format!("<uid of a {kind}>"));
        }
        self.add(text(&metadata["uid"]), &format!("uid of {kind}"));
    }

    fn add(&mut self, name: String, what: &str) {
        let number = self.0.values().filter(|known| known.starts_with(&format!("<{what}"))).count() + 1;
        if !name.is_empty() {
            self.0.entry(name).or_insert_with(|| format!("<{what} {number}>"));
        }
    }

    fn mask(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => {
                let masked = self.0.iter().fold(text.clone(), |text, (name, mask)| text.replace(name, mask));
                Value::String(masked)
            }
            // Conditions, addresses and ports have no order that is promised.
            Value::Array(items) => {
                let mut items: Vec<Value> = items.iter().map(|item| self.mask(item)).collect();
                items.sort_by_cached_key(Value::to_string);
                Value::Array(items)
            }
            Value::Object(map) => map
                .iter()
                .filter(|(key, value)| !value.is_null() && !NOT_REHEARSED.contains(&key.as_str()))
                .map(|(key, value)| {
                    (key, if MASKED.contains(&key.as_str()) { json!("masked") } else { self.mask(value) })
                })
                .filter(|(_, value)| *value != json!({}))
                .map(|(key, value)| (key.clone(), value))
                .collect(),
            other => other.clone(),
        }
    }
}

/// What controllers write of an object; of a pod, whose status is its node's, its conditions and states.
fn essence(kind: &str, object: &Value) -> Value {
    let (metadata, spec, status) = (&object["metadata"], &object["spec"], &object["status"]);
    let mut essence = json!({
        "replicas": spec["replicas"], "subsets": object["subsets"],
        "volumeName": spec["volumeName"], "status": status,
    });
    if kind == "ReplicaSet" {
        essence["selector"] = spec["selector"]["matchLabels"].clone();
    }
    for field in ["name", "generateName", "labels", "annotations", "ownerReferences", "generation"] {
        essence[field] = metadata[field].clone();
    }
    if kind == "Deployment" {
        // A real server counts changes of a Deployment's annotations as well, the rehearsal's does not.
        essence["generation"] = json!(metadata["generation"] == status["observedGeneration"]);
        essence["status"]["observedGeneration"] = Value::Null;
        tell_of_pods(&mut essence["status"]);
    }
    let is_late = |condition: &Value| condition["reason"] == "DeadlineExceeded";
    if kind == "Job" && status["conditions"].as_array().is_some_and(|conditions| conditions.iter().any(is_late)) {
        // A real controller counts the pods that it ends as failed, or forgets them when it is asked again too soon.
        essence["status"]["failed"] = Value::Null;
    }
    if kind == "HorizontalPodAutoscaler"
        && let Some(conditions) = essence["status"]["conditions"].as_array_mut()
    {
        // Why there are no metrics: the real pods ask for nothing that could be measured, here nothing measures.
        let unmeasured = conditions.iter_mut().filter(|condition| condition["reason"] == "FailedGetResourceMetric");
        unmeasured.for_each(|condition| condition["message"] = Value::Null);
    }
    if kind == "Pod" {
        let of = |field: &str| status[field].as_array().cloned().unwrap_or_default();
        let condition = |of: &Value| json!({"type": of["type"], "status": of["status"], "reason": of["reason"]});
        let state = |of: &Value| {
            let state = of["state"].as_object().and_then(|state| state.iter().next());
            let state = state.map(|(kind, state)| json!({"is": kind, "reason": state["reason"]}));
            json!({"name": of["name"], "ready": of["ready"], "restartCount": of["restartCount"], "state": state})
        };
        let conditions: Vec<Value> = of("conditions").iter().map(condition).collect();
        let states: Vec<Value> = of("containerStatuses").iter().map(state).collect();
        essence["status"] = json!({"phase": status["phase"], "conditions": conditions, "states": states});
        let claims = spec["volumes"].as_array().into_iter().flatten().map(|volume| &volume["persistentVolumeClaim"]);
        essence["ends"] = json!(!metadata["deletionTimestamp"].is_null());
        essence["claims"] = claims.filter(|claim| !claim.is_null()).map(|claim| claim["claimName"].clone()).collect();
        for field in ["hostname", "subdomain"] {
            essence[field] = spec[field].clone();
        }
    }
    essence
}

/// Once the new ReplicaSet has pods, "created" is the same as "is progressing".
///
/// A real controller takes a first pod for progress only where it has written `updatedReplicas: 0` before: where the
/// ReplicaSet counts its pod sooner, there are as many as of the old template, and the condition of the creation
/// stays (k8s:pkg/controller/deployment/sync.go, `getNewReplicaSet`, whose write makes the one that follows conflict;
/// progress.go, `syncRolloutStatus`; util/deployment_util.go, `DeploymentProgressing`).
fn tell_of_pods(status: &mut Value) {
    if status["updatedReplicas"].as_u64().unwrap_or(0) == 0 {
        return;
    }
    let conditions = status["conditions"].as_array_mut().into_iter().flatten();
    for condition in conditions.filter(|condition| condition["reason"] == "NewReplicaSetCreated") {
        let message = condition["message"].as_str().unwrap_or_default();
        let set = message.strip_prefix("Created new replica set ").unwrap_or(message);
        condition["message"] = json!(format!("ReplicaSet {set} is progressing."));
        condition["reason"] = json!("ReplicaSetUpdated");
    }
}

/// Whether a pod is still about to end.
pub fn is_ending(view: &Value) -> bool {
    view["Pod"].as_array().is_some_and(|pods| pods.iter().any(|pod| pod["ends"] == true))
}

/// Where two views differ, as "path: the server's value, the rehearsal's value".
pub fn differences(real: &Value, rehearsed: &Value, path: &str, found: &mut Vec<String>) {
    match (real, rehearsed) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for key in keys {
                let of = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                differences(&of(one), &of(other), &format!("{path}/{key}"), found);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                differences(one, other, &format!("{path}/{index}"), found);
            }
        }
        _ if real == rehearsed => {}
        _ => found.push(format!("{path}: {real}, {rehearsed}")),
    }
}
