//! What KEDA's operator makes of a ScaledObject: a HorizontalPodAutoscaler of its own, which scales
//! (<https://keda.sh/docs/latest/concepts/#how-keda-works>; keda:controllers/keda/scaledobject_controller.go, hpa.go,
//! scaledobject_finalizer.go). There are no metrics here, so no trigger moves anything.

use std::time::Duration;

use serde_json::{Value, json};

use super::object::{is_owned_by, is_terminating, name, owner_reference, set_condition};
use super::turn::Turn;

/// Who writes.
pub const KEDA: &str = "keda";
/// A ScaledObject goes when its operator has let it go.
const FINALIZER: &str = "finalizer.keda.sh";
/// The label by which metrics find their ScaledObject.
const LABEL: &str = "scaledobject.keda.sh/name";

/// How long it takes to make up its mind: whoever does not wait for it is found out.
const PACE: Duration = Duration::from_secs(2);

/// Looks at every ScaledObject.
pub fn step(turn: &mut Turn) {
    for object in turn.list("ScaledObject") {
        let is_going = is_terminating(&object);
        let since = turn.moment(&object["metadata"][if is_going { "deletionTimestamp" } else { "creationTimestamp" }]);
        if !is_going {
            mark(turn, &object);
        }
        match turn.is_due(since + PACE) {
            true if is_going => let_go(turn, &object),
            true => look(turn, &object),
            false => {}
        }
    }
}

fn let_go(turn: &mut Turn, object: &Value) {
    let mut object = object.clone();
    if let Some(finalizers) = object["metadata"]["finalizers"].as_array_mut() {
        finalizers.retain(|name| name != FINALIZER);
    }
    turn.put(object);
}

fn mark(turn: &mut Turn, object: &Value) {
    let mut marked = object.clone();
    let metadata = &mut marked["metadata"];
    metadata["labels"][LABEL] = object["metadata"]["name"].clone();
    match metadata["finalizers"].as_array_mut() {
        Some(finalizers) if finalizers.iter().any(|name| name == FINALIZER) => {}
        Some(finalizers) => finalizers.push(json!(FINALIZER)),
        None => metadata["finalizers"] = json!([FINALIZER]),
    }
    turn.put(marked);
}

/// Looks at one that is marked.
fn look(turn: &mut Turn, object: &Value) {
    let Some(marked) = turn.beside(object, "ScaledObject", name(object)) else { return };
    let target = &marked["spec"]["scaleTargetRef"];
    let kind = target["kind"].as_str().unwrap_or("Deployment");
    let is_there = turn.beside(&marked, kind, target["name"].as_str().unwrap_or_default()).is_some();
    if is_there {
        make(turn, &marked);
    }
    let (holds, reason, message) = match is_there {
        true => ("True", "ScaledObjectReady", "ScaledObject is defined correctly and is ready for scaling"),
        false => ("False", "ScaledObjectCheckFailed", "ScaledObject doesn't have correct scaleTargetRef specification"),
    };
    let mut status = marked["status"].clone();
    set_condition(&mut status, json!({"type": "Ready", "status": holds, "reason": reason, "message": message}));
    turn.set_status(&marked, status);
}

/// Makes its autoscaler, or makes that as it should be. It gets all labels and annotations of the ScaledObject.
fn make(turn: &mut Turn, object: &Value) {
    let wanted = hpa(object);
    match turn.beside(object, "HorizontalPodAutoscaler", name(&wanted)) {
        None => drop(turn.create(wanted)),
        Some(live) if is_owned_by(&live, object) => {
            let mut live = Value::clone(&live);
            live["spec"] = wanted["spec"].clone();
            turn.put(live);
        }
        Some(_) => {}
    }
}

fn hpa(object: &Value) -> Value {
    let (metadata, spec) = (&object["metadata"], &object["spec"]);
    let target = &spec["scaleTargetRef"];
    let mut metrics: Vec<Value> = spec["triggers"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(at, trigger)| metric(at, trigger))
        .collect();
    metrics.sort_by_key(|metric| metric["type"].to_string());
    json!({
        "apiVersion": "autoscaling/v2beta2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {
            "name": format!("keda-hpa-{}", name(object)),
            "namespace": metadata["namespace"],
            "labels": metadata["labels"],
            "annotations": metadata.get("annotations").cloned().unwrap_or_else(|| json!({})),
            "ownerReferences": [owner_reference(object)],
        },
        "spec": {
            "scaleTargetRef": {
                "apiVersion": target["apiVersion"].as_str().unwrap_or("apps/v1"),
                "kind": target["kind"].as_str().unwrap_or("Deployment"),
                "name": target["name"],
            },
            "minReplicas": spec["minReplicaCount"].as_i64().unwrap_or(1).max(1),
            "maxReplicas": spec["maxReplicaCount"].as_i64().unwrap_or(100),
            "metrics": metrics,
            "behavior": spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"],
        },
    })
}

/// A trigger as a metric: CPU and memory are the kubelet's, everything else KEDA's own.
fn metric(at: usize, trigger: &Value) -> Value {
    let kind = trigger["type"].as_str().unwrap_or_default();
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<i64>().ok());
    if matches!(kind, "cpu" | "memory") {
        let target = json!({"type": "Utilization", "averageUtilization": number(&trigger["metadata"]["value"])});
        return json!({"type": "Resource", "resource": {"name": kind, "target": target}});
    }
    let list = trigger["metadata"]["listName"].as_str().unwrap_or_default();
    json!({"type": "External", "external": {
        "metric": {"name": format!("s{at}-{kind}-{list}")},
        "target": {"type": "AverageValue", "averageValue": trigger["metadata"]["listLength"]},
    }})
}
