//! What an autoscaler without metrics makes of its target.

use serde_json::{Value, json};

use super::super::object::{condition, replicas};
use super::cluster::{Cluster, status, template, workload};

#[test]
fn an_autoscaler_keeps_its_target_within_its_bounds() {
    let reason = |object: &Value, kind| condition(object, kind).map_or(Value::Null, |of| of["reason"].clone());
    // Replicas before and after, and what is said of the ability to scale and of the metrics.
    for (before, after, able, active) in [
        (0, 0, "SucceededGetScale", "ScalingDisabled"),
        (1, 2, "SucceededRescale", ""),
        (2, 2, "SucceededGetScale", "FailedGetResourceMetric"),
        (3, 3, "SucceededGetScale", "FailedGetResourceMetric"),
        (7, 3, "SucceededRescale", ""),
    ] {
        let mut cluster = Cluster::new();
        cluster.create(workload("Deployment", json!({"replicas": before, "template": template("Always", None)})));
        let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"});
        cluster.create(json!({"apiVersion": "autoscaling/v2beta2", "kind": "HorizontalPodAutoscaler",
                              "metadata": {"name": "x"},
                              "spec": {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 3}}));
        cluster.pass(14);
        assert_eq!(replicas(&cluster.one("Deployment")), before, "its time has not come");
        cluster.pass(1);
        assert_eq!(replicas(&cluster.one("Deployment")), after, "{before}");
        let autoscaler = cluster.one("HorizontalPodAutoscaler");
        assert_eq!(status(&autoscaler, &["currentReplicas"]), [before]);
        assert_eq!(reason(&autoscaler, "AbleToScale"), able, "{before}");
        assert_eq!(reason(&autoscaler, "ScalingActive").as_str().unwrap_or_default(), active, "{before}");
        cluster.pass(20);
        let version = cluster.turn().version();
        cluster.pass(600);
        assert_eq!(cluster.turn().version(), version, "{before}: nothing moves any more");
    }
}

#[test]
fn an_autoscaler_without_a_target_says_so() {
    let mut cluster = Cluster::new();
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "none"});
    cluster.create(json!({"apiVersion": "autoscaling/v2beta2", "kind": "HorizontalPodAutoscaler",
                          "metadata": {"name": "x"}, "spec": {"scaleTargetRef": target, "maxReplicas": 3}}));
    cluster.pass(15);
    let autoscaler = cluster.one("HorizontalPodAutoscaler");
    let able = condition(&autoscaler, "AbleToScale").unwrap();
    assert_eq!((able["status"].as_str(), able["reason"].as_str()), (Some("False"), Some("FailedGetScale")));
    assert!(able["message"].as_str().unwrap().ends_with("deployments/scale.apps \"none\" not found"), "{able}");
}
