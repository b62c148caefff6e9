//! Who reaches Services: Ingresses and Prometheus' operator.

use super::selector::{labels, print, selects};
use super::{Field, Finding, Index};

/// The Services and ports of an Ingress and of a ServiceMonitor.
pub fn check(object: &Field, index: &Index) -> Vec<Finding> {
    match object.kind() {
        "Ingress" => backends(object).iter().filter_map(|backend| no_backend(backend, index)).collect(),
        "ServiceMonitor" => monitor(object, index),
        _ => Vec::new(),
    }
}

/// Every backend that is a Service
/// (<https://kubernetes.io/docs/reference/kubernetes-api/service-resources/ingress-v1/#IngressBackend>).
fn backends<'a>(ingress: &Field<'a>) -> Vec<Field<'a>> {
    let rules = ingress.at("spec.rules").items();
    let paths = rules.iter().flat_map(|rule| rule.at("http.paths").items());
    let backends = paths.map(|path| path.at("backend.service"));
    backends.chain([ingress.at("spec.defaultBackend.service")]).filter(Field::is_given).collect()
}

fn no_backend(backend: &Field, index: &Index) -> Option<Finding> {
    let name = backend.at("name");
    let Some(service) = index.get("Service", name.name()) else {
        return Some(name.wrong(format!("there is no Service {}", name.name())));
    };
    let (by_name, by_number) = (backend.at("port.name"), backend.at("port.number"));
    let (port, field) = if by_name.is_given() { (by_name, "name") } else { (by_number, "port") };
    let ports = service.at("spec.ports").items();
    let is_there = port.is_given() && ports.iter().any(|candidate| candidate.at(field).value == port.value);
    (!is_there).then(|| port.wrong(format!("{} has no port {}", service.object.id, port.value)))
}

/// The operator leaves out in silence what it does not find
/// (<https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.Endpoint>).
fn monitor(object: &Field, index: &Index) -> Vec<Finding> {
    let selector = object.at("spec.selector");
    let is_selected = |service: &Field| selects(selector.value, &labels(service.at("metadata.labels").value));
    let services: Vec<Field> = index.of_kind("Service").filter(is_selected).collect();
    if services.is_empty() {
        return vec![selector.wrong(format!("selects no Service of the plan: {}", print(selector.value)))];
    }
    let has_port = |name: &Field| {
        let mut ports = services.iter().flat_map(|service| service.at("spec.ports").items());
        ports.any(|port| port.at("name").value == name.value)
    };
    let ports = object.at("spec.endpoints").items().into_iter().map(|endpoint| endpoint.at("port"));
    let missing = ports.filter(|port| port.is_given() && !has_port(port));
    missing.map(|port| port.wrong(format!("no Service that is selected has the port {}", port.value))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Edit, assert_findings};

    #[test]
    fn an_ingress_leads_to_a_port_of_a_service() {
        let table: &[(Edit, &[&str])] = &[
            (
                ("service: {name: api, port: {name: http}}", "service: {name: apis, port: {name: http}}"),
                &["rules[0].http.paths[0].backend.service.name: there is no Service apis"],
            ),
            (
                ("service: {name: api, port: {name: http}}", "service: {name: api, port: {name: https}}"),
                &["rules[0].http.paths[0].backend.service.port.name: Service api has no port \"https\""],
            ),
            (("service: {name: api, port: {number: 80}}", "service: {name: api, port: {number: 9000}}"), &[]),
            (
                ("service: {name: api, port: {number: 80}}", "service: {name: api, port: {number: 8000}}"),
                &["defaultBackend.service.port.number: Service api has no port 8000"],
            ),
            (
                ("service: {name: api, port: {number: 80}}", "service: {name: api}"),
                &["defaultBackend.service.port.number: Service api has no port null"],
            ),
        ];
        assert_findings("Ingress api: spec.", table);
    }

    #[test]
    fn a_monitor_selects_a_service_with_the_port() {
        let table: &[(Edit, &[&str])] = &[
            (
                ("matchLabels: {monitored: api}", "matchLabels: {monitored: apis}"),
                &["selector: selects no Service of the plan: {\"matchLabels\":{\"monitored\":\"apis\"}}"],
            ),
            (
                ("endpoints: [{port: http}]", "endpoints: [{port: http}, {port: metrics}]"),
                &["endpoints[1].port: no Service that is selected has the port \"metrics\""],
            ),
            (("endpoints: [{port: http}]", "endpoints: [{targetPort: 8000}]"), &[]),
        ];
        assert_findings("ServiceMonitor api: spec.", table);
    }
}
