//! Which addresses a Service has.

use serde_json::{Value, json};

use super::cluster::{Cluster, template, workload};

/// A Service of one port, which leads to one that a container names.
fn service(spec: Value) -> Value {
    let mut service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x", "labels": {"app": "x"}},
                             "spec": {"selector": {"app": "x"}, "ports": [{"port": 80, "targetPort": "http"}]}});
    json_patch::merge(&mut service["spec"], &spec);
    service
}

/// A set of pods with a port.
fn pods(cluster: &mut Cluster) {
    let mut template = template("Always", None);
    template["spec"]["containers"][0]["ports"] = json!([{"name": "http", "containerPort": 8080}]);
    cluster.create(workload("StatefulSet", json!({"replicas": 1, "serviceName": "x", "template": template})));
}

#[test]
fn endpoints_follow_the_pods() {
    // What a Service says, and where its pod's address is while it starts and once it is Ready.
    for (spec, starting, ready) in [
        (json!({}), Some("notReadyAddresses"), Some("addresses")),
        (json!({"publishNotReadyAddresses": true}), Some("addresses"), Some("addresses")),
        (json!({"clusterIP": "None", "ports": null}), Some("notReadyAddresses"), Some("addresses")),
        (json!({"ports": [{"port": 8080}]}), Some("notReadyAddresses"), Some("addresses")),
        (json!({"ports": [{"port": 80, "targetPort": "other"}]}), None, None),
        (json!({"selector": {"app": "y"}}), None, None),
    ] {
        let mut cluster = Cluster::new();
        cluster.create(service(spec.clone()));
        pods(&mut cluster);
        for (seconds, place) in [(1, starting), (9, ready)] {
            cluster.pass(seconds);
            let endpoints = cluster.one("Endpoints");
            let subset = &endpoints["subsets"][0];
            let names: Vec<&str> = ["addresses", "notReadyAddresses"]
                .into_iter()
                .filter(|place| subset[place][0]["targetRef"]["name"] == "x-0")
                .collect();
            assert_eq!(names, place.into_iter().collect::<Vec<_>>(), "{spec}");
            let port = if spec["ports"].is_null() && !spec["clusterIP"].is_null() { Value::Null } else { json!(8080) };
            assert!(place.is_none() || subset["ports"][0]["port"] == port, "{spec}: {subset}");
            let is_headless = endpoints["metadata"]["labels"].get("service.kubernetes.io/headless").is_some();
            assert_eq!(is_headless, spec["clusterIP"] == "None", "{spec}");
        }
        let version = cluster.turn().version();
        cluster.pass(600);
        assert_eq!(cluster.turn().version(), version, "nothing moves any more");
        cluster.change("Service", |service| service["metadata"]["labels"]["more"] = json!("1"));
        cluster.pass(0);
        assert_eq!(cluster.one("Endpoints")["metadata"]["labels"]["more"], "1");
        let service = cluster.one("Service");
        cluster.turn().delete(&service);
        cluster.pass(0);
        assert!(cluster.list("Endpoints").is_empty(), "gone with its Service");
    }
}

#[test]
fn a_service_without_a_selector_keeps_the_endpoints_that_it_was_given() {
    let mut cluster = Cluster::new();
    cluster.create(service(json!({"selector": null})));
    cluster.pass(1);
    assert!(cluster.list("Endpoints").is_empty());
    let subsets = json!([{"addresses": [{"ip": "192.0.2.1"}]}]);
    cluster.create(json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "x"}, "subsets": subsets}));
    pods(&mut cluster);
    cluster.pass(10);
    assert_eq!(cluster.one("Endpoints")["subsets"], subsets);
}
