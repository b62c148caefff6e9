//! What one pod takes of a quota or a node
//! (<https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers>).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::environment::Quantity;

/// Amounts by resource: "cpu", "memory".
pub type Amounts = BTreeMap<String, Quantity>;

/// What a LimitRange gives to containers that say nothing
/// (<https://kubernetes.io/docs/concepts/policy/limit-range/>).
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    requests: Amounts,
    limits: Amounts,
}

impl Defaults {
    /// Those of all LimitRanges of a namespace.
    pub fn of(ranges: &[Value]) -> Self {
        let mut defaults = Self::default();
        for item in items(ranges).filter(|item| item["type"] == "Container") {
            defaults.requests.extend(amounts(&item["defaultRequest"]));
            defaults.limits.extend(amounts(&item["default"]));
        }
        defaults
    }
}

/// The limits of LimitRanges, one by one.
pub fn items(ranges: &[Value]) -> impl Iterator<Item = &Value> {
    ranges.iter().filter_map(|range| range.pointer("/spec/limits")?.as_array()).flatten()
}

/// One container, with what it gets by default.
#[derive(Clone, Debug)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// What it asks for.
    pub requests: Amounts,
    /// What it may use.
    pub limits: Amounts,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It runs as long as the pod.
    Main,
    /// It ends before the others begin.
    Init,
    /// It begins with those that initialise, and runs as long as the pod.
    Sidecar,
}

/// What a container asks for, or what it may use.
type Side = fn(&Container) -> &Amounts;

/// The containers of a pod, those that initialise it first.
pub fn containers(spec: &Value, defaults: &Defaults) -> Vec<Container> {
    let list = |field: &str| spec[field].as_array().cloned().unwrap_or_default();
    let init = list("initContainers").into_iter().map(|container| {
        let kind = if container["restartPolicy"] == "Always" { Kind::Sidecar } else { Kind::Init };
        one(&container, kind, defaults)
    });
    let main = list("containers").into_iter().map(|container| one(&container, Kind::Main, defaults));
    init.chain(main).collect()
}

fn one(container: &Value, kind: Kind, defaults: &Defaults) -> Container {
    let mut requests = amounts(&container["resources"]["requests"]);
    let mut limits = amounts(&container["resources"]["limits"]);
    // Whoever names a limit only asks for as much; the defaults of the namespace come after that.
    add_missing(&mut requests, &limits);
    add_missing(&mut requests, &defaults.requests);
    add_missing(&mut limits, &defaults.limits);
    let name = container["name"].as_str().unwrap_or_default().to_owned();
    Container { name, requests, limits, kind }
}

fn add_missing(amounts: &mut Amounts, from: &Amounts) {
    for (resource, amount) in from {
        amounts.entry(resource.clone()).or_insert(*amount);
    }
}

/// What a pod takes, as a quota names it: "requests.cpu", "limits.memory".
pub fn taken(spec: &Value, defaults: &Defaults) -> Amounts {
    let containers = containers(spec, defaults);
    let mut taken = Amounts::new();
    let sides: [(&str, Side); 2] = [("requests", |of| &of.requests), ("limits", |of| &of.limits)];
    for (side, of) in sides {
        let resources = containers.iter().flat_map(|container| of(container).keys());
        for resource in resources {
            let overhead = spec["overhead"].get(resource).and_then(quantity).unwrap_or_default();
            let amount = of_pod(&containers, |container| of(container).get(resource).copied().unwrap_or_default());
            taken.insert(format!("{side}.{resource}"), amount + overhead);
        }
    }
    taken
}

/// What runs together at most: all that run as long as the pod; or one that initialises, with the sidecars before it.
fn of_pod(containers: &[Container], amount: impl Fn(&Container) -> Quantity) -> Quantity {
    let (mut sidecars, mut initialising) = (Quantity::default(), Quantity::default());
    for container in containers {
        match container.kind {
            Kind::Main => {}
            Kind::Sidecar => {
                sidecars = sidecars + amount(container);
                initialising = initialising.max(sidecars);
            }
            Kind::Init => initialising = initialising.max(sidecars + amount(container)),
        }
    }
    let main: Quantity = containers.iter().filter(|container| container.kind == Kind::Main).map(amount).sum();
    initialising.max(sidecars + main)
}

/// Every amount of a mapping that is a quantity.
pub fn amounts(of: &Value) -> Amounts {
    let all = of.as_object().into_iter().flatten();
    all.filter_map(|(resource, amount)| Some((resource.clone(), quantity(amount)?))).collect()
}

/// A quantity may be written as a number too.
pub fn quantity(value: &Value) -> Option<Quantity> {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned).parse().ok()
}

/// Whether a pod has ended, so that it takes nothing any more.
pub fn has_ended(pod: &Value) -> bool {
    matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
}

/// An amount in the words of its resource: bytes in binary units.
pub fn words(resource: &str, amount: Quantity) -> String {
    let is_bytes = ["memory", "storage", "hugepages"].iter().any(|part| resource.contains(part));
    let is_count = resource.ends_with("persistentvolumeclaims") || resource.starts_with("count/");
    if is_bytes && !is_count { amount.binary() } else { amount.decimal() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn container(name: &str, requests: Value, limits: Value) -> Value {
        json!({"name": name, "resources": {"requests": requests, "limits": limits}})
    }

    fn told(amounts: &Amounts) -> String {
        let all = amounts.iter().map(|(resource, amount)| format!("{resource} {}", words(resource, *amount)));
        all.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn containers_add_up_and_the_largest_that_initialises_counts() {
        let sidecar = |memory: &str| {
            let mut sidecar = container("s", json!({"memory": memory}), json!({}));
            sidecar["restartPolicy"] = json!("Always");
            sidecar
        };
        let memory = |memory: &str| container("c", json!({"memory": memory}), json!({}));
        for (init, main, expected) in [
            (vec![], vec![memory("1Gi"), memory("512Mi")], "requests.memory 1536Mi"),
            (vec![memory("2Gi")], vec![memory("1Gi"), memory("512Mi")], "requests.memory 2Gi"),
            (vec![memory("2Gi"), memory("1Gi")], vec![memory("1Gi")], "requests.memory 2Gi"),
            (vec![sidecar("1Gi")], vec![memory("1Gi")], "requests.memory 2Gi"),
            (vec![sidecar("1Gi"), memory("2Gi")], vec![memory("1Gi")], "requests.memory 3Gi"),
            (vec![memory("2Gi"), sidecar("1Gi")], vec![memory("512Mi")], "requests.memory 2Gi"),
            (vec![], vec![], ""),
        ] {
            let spec = json!({"initContainers": init, "containers": main});
            assert_eq!(told(&taken(&spec, &Defaults::default())), expected, "{spec}");
        }
        let spec = json!({"containers": [memory("1Gi")], "overhead": {"memory": "100Mi"}});
        assert_eq!(told(&taken(&spec, &Defaults::default())), "requests.memory 1124Mi");
    }

    #[test]
    fn what_is_not_said_comes_from_the_limit_then_from_the_limit_range() {
        let ranges = [json!({"spec": {"limits": [
            {"type": "Container", "default": {"cpu": "2", "memory": "1Gi"}, "defaultRequest": {"cpu": "250m", "memory": "64Mi"}},
            {"type": "Pod", "default": {"cpu": "9"}},
        ]}})];
        for (requests, limits, expected) in [
            (json!({}), json!({}), "limits.cpu 2, limits.memory 1Gi, requests.cpu 250m, requests.memory 64Mi"),
            (json!({}), json!({"cpu": 1}), "limits.cpu 1, limits.memory 1Gi, requests.cpu 1, requests.memory 64Mi"),
            (
                json!({"cpu": "0.1", "memory": "2Gi"}),
                json!({}),
                "limits.cpu 2, limits.memory 1Gi, requests.cpu 100m, requests.memory 2Gi",
            ),
        ] {
            let spec = json!({"containers": [container("c", requests, limits)]});
            assert_eq!(told(&taken(&spec, &Defaults::of(&ranges))), expected, "{spec}");
        }
    }
}
