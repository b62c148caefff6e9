//! Endpoints name the addresses of a Service's pods
//! (<https://kubernetes.io/docs/concepts/services-networking/service/#endpoints>).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::references::selector::{Labels, has_all, labels};
use super::object::{is_in_phase, is_terminating, is_true, name};
use super::turn::Turn;

/// The label of a headless Service's Endpoints.
const HEADLESS: &str = "service.kubernetes.io/headless";

/// The Services that were seen, by namespace and name: what is left of one that is gone goes as well.
pub type Services = BTreeSet<(String, String)>;

/// A pod, and its labels.
type Labelled = (Labels, Arc<Value>);

/// Writes the Endpoints of every Service with a selector
/// (k8s:pkg/controller/endpoint/endpoints_controller.go, `syncService`).
pub fn step(turn: &mut Turn, known: &mut Services) {
    let services = turn.list("Service");
    let key = |object: &Value| {
        (object["metadata"]["namespace"].as_str().unwrap_or_default().to_owned(), name(object).to_owned())
    };
    let now: Services = services.iter().map(|service| key(service)).collect();
    for endpoints in turn.list("Endpoints") {
        if known.contains(&key(&endpoints)) && !now.contains(&key(&endpoints)) {
            turn.delete(&endpoints);
        }
    }
    *known = now;
    let pods: Vec<Labelled> =
        turn.list("Pod").into_iter().map(|pod| (labels(&pod["metadata"]["labels"]), pod)).collect();
    for service in services.iter().filter(|service| service["spec"]["selector"].is_object()) {
        write(turn, service, subsets(service, &pods));
    }
}

fn write(turn: &mut Turn, service: &Value, subsets: Vec<Value>) {
    let live = turn.beside(service, "Endpoints", name(service));
    let metadata = json!({"name": name(service), "namespace": service["metadata"]["namespace"]});
    let new = json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata});
    let mut endpoints = live.as_deref().cloned().unwrap_or(new);
    let mut labels = service["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    if matches!(service["spec"]["clusterIP"].as_str(), None | Some("" | "None")) {
        labels.insert(HEADLESS.to_owned(), json!(""));
    }
    set(&mut endpoints["metadata"], "labels", Value::Object(labels));
    set(&mut endpoints, "subsets", Value::Array(subsets));
    match live {
        Some(_) => turn.put(endpoints),
        None => turn.create(endpoints),
    };
}

/// Sets a field, or leaves it out where it is empty as the API's encoding does.
fn set(object: &mut Value, field: &str, value: Value) {
    let Some(object) = object.as_object_mut() else { return };
    if value == json!([]) || value == json!({}) {
        object.remove(field);
    } else {
        object.insert(field.to_owned(), value);
    }
}

/// One subset for all pods with the same ports
/// (k8s:pkg/api/v1/endpoints/util.go, `RepackSubsets`).
fn subsets(service: &Value, pods: &[Labelled]) -> Vec<Value> {
    let publishes_all = service["spec"]["publishNotReadyAddresses"] == true;
    let mut subsets: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for (labels, pod) in pods {
        let is_selected = pod["metadata"]["namespace"] == service["metadata"]["namespace"]
            && has_all(&service["spec"]["selector"], labels);
        let is_left_out = is_terminating(pod) && !publishes_all;
        if !is_selected || is_left_out || !pod["status"]["podIP"].is_string() {
            continue;
        }
        let place = match publishes_all || is_true(pod, "Ready") {
            true => "addresses",
            false if has_ended(pod) => continue,
            false => "notReadyAddresses",
        };
        let ports: Vec<Value> = ports(service, pod);
        let is_headless = service["spec"]["clusterIP"] == "None";
        if ports.is_empty() && !(is_headless && service["spec"]["ports"].as_array().is_none_or(Vec::is_empty)) {
            continue;
        }
        let subset = subsets.entry(json!(ports).to_string()).or_default();
        if let Some(addresses) = subset.entry(place).or_insert_with(|| json!([])).as_array_mut() {
            addresses.push(address(service, pod));
        }
        if !ports.is_empty() {
            subset.insert("ports".to_owned(), Value::Array(ports));
        }
    }
    subsets.into_values().map(Value::Object).collect()
}

/// It is not expected to be Ready again.
fn has_ended(pod: &Value) -> bool {
    match pod["spec"]["restartPolicy"].as_str() {
        Some("Never") => is_in_phase(pod, "Failed") || is_in_phase(pod, "Succeeded"),
        Some("OnFailure") => is_in_phase(pod, "Succeeded"),
        _ => false,
    }
}

fn address(service: &Value, pod: &Value) -> Value {
    let metadata = &pod["metadata"];
    let mut address = json!({
        "ip": pod["status"]["podIP"],
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": {"kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"],
                      "uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]},
    });
    if pod["spec"]["hostname"].is_string() && pod["spec"]["subdomain"] == name(service) {
        address["hostname"] = pod["spec"]["hostname"].clone();
    }
    address
}

/// A Service's ports as this pod has them; a name that none of its containers knows is left out.
fn ports(service: &Value, pod: &Value) -> Vec<Value> {
    let port = |port: &Value| {
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        let target = if port["targetPort"].is_null() { &port["port"] } else { &port["targetPort"] };
        let number = target.as_str().map_or_else(|| target.as_u64(), |name| named(pod, name, protocol))?;
        let mut found = json!({"port": number, "protocol": protocol});
        if let Some(name) = port["name"].as_str() {
            found["name"] = json!(name);
        }
        Some(found)
    };
    service["spec"]["ports"].as_array().into_iter().flatten().filter_map(port).collect()
}

fn named(pod: &Value, name: &str, protocol: &str) -> Option<u64> {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let mut ports = containers.flat_map(|container| container["ports"].as_array().into_iter().flatten());
    ports.find(|port| port["name"] == name && port["protocol"].as_str().unwrap_or("TCP") == protocol)?["containerPort"]
        .as_u64()
}
