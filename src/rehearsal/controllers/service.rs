//! Services get their addresses
//! (<https://kubernetes.io/docs/concepts/services-networking/service/#publishing-services-service-types>).

use serde_json::{Value, json};

use super::turn::Turn;

/// Gives every Service that has none its cluster IP, and every load balancer an address from outside.
pub fn step(turn: &mut Turn) {
    for service in turn.list("Service") {
        let spec = &service["spec"];
        let is_load_balancer = spec["type"] == "LoadBalancer";
        let needs_ip = spec["type"] != "ExternalName" && spec["clusterIP"].as_str().unwrap_or_default().is_empty();
        let needs_address = is_load_balancer && service["status"]["loadBalancer"]["ingress"].is_null();
        if !needs_ip && !needs_address {
            continue;
        }
        let number = turn.version();
        let mut service = Value::clone(&service);
        if needs_ip {
            service["spec"]["clusterIP"] = json!(format!("10.43.{}.{}", number / 250 % 250, number % 250 + 1));
        }
        if needs_address {
            service["status"] = json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}});
        }
        turn.put(service);
    }
}
