//! Which port of which pod a Service leads to
//! (<https://kubernetes.io/docs/concepts/services-networking/service/#defining-a-service>).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, Service, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// A port of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// The pod's name.
    pub pod: String,
    /// Its UID.
    pub uid: String,
    /// The port.
    pub port: u16,
}

/// The labels of a Service's pods, as a selector; None for a Service that selects none.
pub fn selector(service: &Service) -> Option<String> {
    let labels = service.spec.as_ref()?.selector.as_ref()?;
    let pairs: Vec<String> = labels.iter().map(|(label, value)| format!("{label}={value}")).collect();
    (!pairs.is_empty()).then(|| pairs.join(","))
}

/// Where a connection goes: to the pod of before as long as it is ready, else to the youngest that is, which a rollout
/// leaves. A pod that was told to go is not ready.
pub fn choose(service: &Service, pods: &BTreeMap<String, Pod>, before: Option<&Backend>) -> Option<Backend> {
    let port = service.spec.as_ref()?.ports.as_ref()?.first()?;
    let ready = pods.values().filter(|pod| is_ready(pod)).filter_map(|pod| {
        let name = pod.metadata.name.clone()?;
        let backend = Backend { pod: name, uid: pod.metadata.uid.clone()?, port: target(port, pod)? };
        Some((pod.metadata.creation_timestamp.as_ref().map(|time| time.0), backend))
    });
    let ready: Vec<_> = ready.collect();
    let same = ready.iter().find(|(_, backend)| Some(backend) == before);
    let youngest = ready.iter().max_by_key(|(made, _)| *made);
    same.or(youngest).map(|(_, backend)| backend.clone())
}

/// The number of the port of the pod.
fn target(port: &ServicePort, pod: &Pod) -> Option<u16> {
    let number = match &port.target_port {
        None => port.port,
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(name)) => {
            let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
            let ports = containers.flat_map(|container| container.ports.iter().flatten());
            let is_tcp = |protocol: &Option<String>| protocol.as_deref().is_none_or(|protocol| protocol == "TCP");
            ports.into_iter().find(|of| of.name.as_ref() == Some(name) && is_tcp(&of.protocol))?.container_port
        }
    };
    u16::try_from(number).ok()
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let mut ready = conditions.filter(|condition| condition.type_ == "Ready" && condition.status == "True");
    pod.metadata.deletion_timestamp.is_none() && ready.next().is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn service(port: &Value) -> Service {
        serde_json::from_value(json!({"spec": {"selector": {"a": "b", "c": "d"}, "ports": [port]}})).unwrap()
    }

    fn pod(name: &str, made: &str, ready: &str, gone: bool) -> Pod {
        let mut pod = json!({
            "metadata": {"name": name, "uid": format!("uid of {name}"), "creationTimestamp": format!("2026-01-01T00:00:{made}Z")},
            "spec": {"containers": [
                {"name": "one", "ports": [{"name": "dns", "containerPort": 53, "protocol": "UDP"}]},
                {"name": "two", "ports": [{"name": "dns", "containerPort": 5353}, {"name": "http", "containerPort": 8000}]}]},
            "status": {"conditions": [{"type": "Ready", "status": ready}]}});
        if gone {
            pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:01:00Z");
        }
        serde_json::from_value(pod).unwrap()
    }

    fn pods(all: &[Pod]) -> BTreeMap<String, Pod> {
        all.iter().map(|pod| (pod.metadata.name.clone().unwrap(), pod.clone())).collect()
    }

    #[test]
    fn a_target_port_is_a_number_a_name_or_the_port_itself() {
        for (port, expected) in [
            (json!({"port": 80}), Some(80)),
            (json!({"port": 80, "targetPort": 3000}), Some(3000)),
            (json!({"port": 80, "targetPort": "http"}), Some(8000)),
            (json!({"port": 80, "targetPort": "dns"}), Some(5353)),
            (json!({"port": 80, "targetPort": "grpc"}), None),
            (json!({"port": 80, "targetPort": 70000}), None),
        ] {
            let found = choose(&service(&port), &pods(&[pod("x", "00", "True", false)]), None);
            assert_eq!(found.map(|backend| backend.port), expected, "{port}");
        }
        assert_eq!(selector(&service(&json!({"port": 1}))).as_deref(), Some("a=b,c=d"));
        assert_eq!(selector(&Service::default()), None);
    }

    #[test]
    fn the_pod_of_before_is_kept_while_it_is_ready_then_the_youngest_is_taken() {
        let (old, new) = (pod("old", "01", "True", false), pod("new", "09", "True", false));
        let chosen = |all: &[Pod], before: Option<&Backend>| {
            choose(&service(&json!({"port": 80})), &pods(all), before).map(|backend| backend.pod)
        };
        let before = Backend { pod: "old".to_owned(), uid: "uid of old".to_owned(), port: 80 };
        let other = Backend { uid: "of one of the same name".to_owned(), ..before.clone() };
        let is = |name: &str| Some(name.to_owned());
        assert_eq!(chosen(&[old.clone(), new.clone()], None), is("new"));
        assert_eq!(chosen(&[old.clone(), new.clone()], Some(&before)), is("old"));
        assert_eq!(chosen(&[old.clone(), new.clone()], Some(&other)), is("new"));
        assert_eq!(chosen(&[pod("old", "01", "True", true), new.clone()], Some(&before)), is("new"));
        assert_eq!(chosen(&[pod("old", "01", "False", false), new], Some(&before)), is("new"));
        assert_eq!(chosen(&[old, pod("new", "09", "False", false)], None), is("old"));
        assert_eq!(chosen(&[pod("new", "09", "Unknown", false)], None), None);
    }
}
