//! Ports that probes and hooks name
//! (<https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/>).

use super::pod::Pod;
use super::{Field, Finding, Index};

const PLACES: [&str; 5] =
    ["startupProbe", "readinessProbe", "livenessProbe", "lifecycle.postStart", "lifecycle.preStop"];

/// The ports that a container's probes and hooks name. One by number needs no declaration.
pub fn check(object: &Field, _: &Index) -> Vec<Finding> {
    let Some(pod) = Pod::of(object) else { return Vec::new() };
    pod.containers().iter().flat_map(missing).collect()
}

fn missing(container: &Field) -> Vec<Finding> {
    let declared = container.at("ports").items();
    let is_declared = |name: &str| declared.iter().any(|port| port.at("name").text() == Some(name));
    let actions =
        PLACES.iter().flat_map(|place| ["httpGet.port", "tcpSocket.port"].map(|at| container.at(place).at(at)));
    let unknown = actions.filter(|port| port.text().is_some_and(|name| !is_declared(name)));
    unknown.map(|port| port.wrong(format!("the container has no port {}", port.value))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Edit, assert_findings};

    #[test]
    fn a_named_port_is_of_the_same_container() {
        let table: &[(Edit, &[&str])] = &[
            (
                ("startupProbe: {tcpSocket: {port: http}}", "startupProbe: {tcpSocket: {port: first}}"),
                &["startupProbe.tcpSocket.port: the container has no port \"first\""],
            ),
            (
                ("readinessProbe: {httpGet: {port: http}}", "readinessProbe: {httpGet: {port: https}}"),
                &["readinessProbe.httpGet.port: the container has no port \"https\""],
            ),
            (
                ("livenessProbe: {httpGet: {port: http}}", "livenessProbe: {httpGet: {port: files}}"),
                &["livenessProbe.httpGet.port: the container has no port \"files\""],
            ),
            (("livenessProbe: {httpGet: {port: http}}", "livenessProbe: {httpGet: {port: 1}}"), &[]),
            (
                ("preStop: {httpGet: {port: http}}", "preStop: {httpGet: {port: stop}}"),
                &["lifecycle.preStop.httpGet.port: the container has no port \"stop\""],
            ),
            (
                ("preStop: {httpGet: {port: http}}", "postStart: {tcpSocket: {port: start}}"),
                &["lifecycle.postStart.tcpSocket.port: the container has no port \"start\""],
            ),
        ];
        assert_findings("Deployment api: spec.template.spec.containers[0].", table);
    }
}
