//! Services: pods that they select, ports that these pods have
//! (<https://kubernetes.io/docs/concepts/services-networking/service/>).

use serde_json::Value;

use super::pod::Pod;
use super::selector::{has_all, print};
use super::{Field, Finding, Index};

/// The pods and ports behind a Service, and the Service that gives the pods of a StatefulSet their names.
pub fn check(object: &Field, index: &Index) -> Vec<Finding> {
    match object.kind() {
        "Service" => service(object, index),
        "StatefulSet" => governing(object, index).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn is_selected(pod: &Pod, selector: &Value) -> bool {
    pod.labels().iter().any(|labels| has_all(selector, labels))
}

/// A Service without a selector has endpoints of its own.
fn service(object: &Field, index: &Index) -> Vec<Finding> {
    let selector = object.at("spec.selector");
    if selector.members().is_empty() {
        return Vec::new();
    }
    let pods: Vec<Pod> = index.pods().filter(|pod| is_selected(pod, selector.value)).collect();
    if pods.is_empty() {
        return vec![selector.wrong(format!("selects no pod of the plan: {}", print(selector.value)))];
    }
    let mut findings = Vec::new();
    for port in object.at("spec.ports").items() {
        let target = if port.at("targetPort").is_given() { port.at("targetPort") } else { port.at("port") };
        let protocol = port.at("protocol").text().unwrap_or("TCP");
        for pod in pods.iter().filter(|pod| !pod.has_port(target.value, protocol)) {
            let owner = &pod.owner.object.id;
            findings.push(target.wrong(format!("no container of {owner} has the {protocol} port {}", target.value)));
        }
    }
    findings
}

/// The Service that a StatefulSet is named after in the DNS has to be headless, and to select its pods
/// (<https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#limitations>).
fn governing(object: &Field, index: &Index) -> Option<Finding> {
    let name = object.at("spec.serviceName");
    let Some(service) = index.get("Service", name.text()?) else {
        return Some(name.wrong(format!("there is no Service {}", name.name())));
    };
    if service.at("spec.clusterIP").text() != Some("None") {
        return Some(name.wrong(format!("{} is not headless: it gives the pods no names", service.object.id)));
    }
    let selector = service.at("spec.selector");
    let is_selected = Pod::of(object).is_some_and(|pod| is_selected(&pod, selector.value));
    (!is_selected).then(|| name.wrong(format!("{} does not select these pods", service.object.id)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Edit, assert_findings};

    #[test]
    fn a_service_has_pods_and_their_ports() {
        let table: &[(Edit, &[&str])] = &[
            (
                ("selector: {app: api}", "selector: {app: apis}"),
                &["Service api: spec.selector: selects no pod of the plan: {\"app\":\"apis\"}"],
            ),
            (
                ("selector: {app: api}", "selector: {app: db}"),
                &[
                    "Service api: spec.ports[0].targetPort: no container of StatefulSet db has the TCP port \"http\"",
                    "Service api: spec.ports[1].port: no container of StatefulSet db has the TCP port 9000",
                    "Service api: spec.ports[2].port: no container of StatefulSet db has the TCP port 7100",
                ],
            ),
            (("selector: {app: api}", "externalName: example.org"), &[]),
            (
                ("targetPort: http", "targetPort: https"),
                &["Service api: spec.ports[0].targetPort: no container of Deployment api has the TCP port \"https\""],
            ),
            (("targetPort: http", "targetPort: 8000"), &[]),
            (
                ("targetPort: http", "targetPort: 8001"),
                &["Service api: spec.ports[0].targetPort: no container of Deployment api has the TCP port 8001"],
            ),
            (
                ("targetPort: http", "targetPort: first"),
                &["Service api: spec.ports[0].targetPort: no container of Deployment api has the TCP port \"first\""],
            ),
            (
                ("targetPort: http", "targetPort: http, protocol: UDP"),
                &["Service api: spec.ports[0].targetPort: no container of Deployment api has the UDP port \"http\""],
            ),
            (
                ("{name: files, port: 9000}", "{name: files, port: 9001}"),
                &["Service api: spec.ports[1].port: no container of Deployment api has the TCP port 9001"],
            ),
            (
                ("restartPolicy: Always", "tty: false"),
                &["Service api: spec.ports[2].port: no container of Deployment api has the TCP port 7100"],
            ),
        ];
        assert_findings("", table);
    }

    #[test]
    fn one_pod_is_one_of_its_set() {
        let table: &[(Edit, &[&str])] = &[
            (("statefulset.kubernetes.io/pod-name: db-0", "statefulset.kubernetes.io/pod-name: db-1"), &[]),
            (
                ("statefulset.kubernetes.io/pod-name: db-0", "statefulset.kubernetes.io/pod-name: db-2"),
                &["{\"statefulset.kubernetes.io/pod-name\":\"db-2\"}"],
            ),
            (
                ("statefulset.kubernetes.io/pod-name: db-0", "statefulset.kubernetes.io/pod-name: api-0"),
                &["{\"statefulset.kubernetes.io/pod-name\":\"api-0\"}"],
            ),
        ];
        assert_findings("Service primary: spec.selector: selects no pod of the plan: ", table);
    }

    #[test]
    fn a_stateful_set_has_its_headless_service() {
        let table: &[(Edit, &[&str])] = &[
            (("serviceName: db", "serviceName: dbs"), &["there is no Service dbs"]),
            (
                ("serviceName: db", "serviceName: primary"),
                &["Service primary is not headless: it gives the pods no names"],
            ),
            (("serviceName: db", "serviceName: dumps"), &["Service dumps does not select these pods"]),
        ];
        assert_findings("StatefulSet db: spec.serviceName: ", table);
    }
}
