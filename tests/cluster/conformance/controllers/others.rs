//! Jobs, Services and autoscalers.

use jiff::{Timestamp, ToSpan};
use kube::api::PropagationPolicy::{Background, Foreground};
use serde_json::{Value, json};

use super::both::Ask::{Apply, Delete, Merge};
use super::both::Stage;
use super::objects::{no_such_claim, replicas, template, workload};

pub fn job(app: &str) -> Vec<Stage> {
    let job = |spec: Value| {
        let mut job = json!({"spec": {"template": template(app, "sleep 1", "Never")}});
        json_patch::merge(&mut job["spec"], &spec);
        vec![Apply("Job", job)]
    };
    vec![
        ("one", 0, job(json!({"backoffLimit": 1, "activeDeadlineSeconds": 300}))),
        ("gone", 0, vec![Delete("Job", Foreground)]),
        ("three, two at a time", 0, job(json!({"completions": 3, "parallelism": 2}))),
        ("gone again", 0, vec![Delete("Job", Background)]),
        (
            "one that never runs",
            8,
            job(json!({"activeDeadlineSeconds": 5, "template": {"spec": {"volumes": no_such_claim()}}})),
        ),
    ]
}

pub fn cron(app: &str) -> Vec<Stage> {
    let minute = Timestamp::now() + 70.seconds();
    let spec = json!({
        "schedule": minute.strftime("%-M * * * *").to_string(),
        "concurrencyPolicy": "Forbid", "successfulJobsHistoryLimit": 1,
        "jobTemplate": {"metadata": {"labels": {"app": app}, "annotations": {"note": "1"}},
                        "spec": {"backoffLimit": 0, "template": template(app, "sleep 1", "Never")}},
    });
    vec![
        ("create", 0, vec![Apply("CronJob", json!({"spec": spec}))]),
        ("its minute", 80, vec![]),
        ("delete", 0, vec![Delete("CronJob", Background)]),
    ]
}

pub fn service(app: &str) -> Vec<Stage> {
    let ports = json!([{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"},
                       {"name": "same", "port": 8080, "protocol": "TCP"},
                       {"name": "none", "port": 81, "targetPort": "none", "protocol": "TCP"}]);
    vec![
        ("without a selector", 0, vec![Apply("Service", json!({"spec": {"ports": ports}}))]),
        ("with one", 0, vec![Merge("Service", json!({"spec": {"selector": {"app": app}}}))]),
        ("pods", 0, vec![Apply("Deployment", workload(app, json!({"replicas": 2})))]),
        ("another label", 0, vec![Merge("Service", json!({"metadata": {"labels": {"more": "1"}}}))]),
        ("fewer pods", 0, vec![Merge("Deployment", replicas(1))]),
        (
            "a pod that cannot run",
            0,
            vec![Merge("Deployment", json!({"spec": {"template": {"spec": {"volumes": no_such_claim()}}}}))],
        ),
        ("delete", 0, vec![Delete("Service", Background)]),
    ]
}

pub fn headless(app: &str) -> Vec<Stage> {
    let spec = json!({"clusterIP": "None", "selector": {"app": app}, "publishNotReadyAddresses": true,
                      "ports": [{"port": 8080, "protocol": "TCP"}]});
    vec![
        (
            "pods of a set",
            0,
            vec![
                Apply("Service", json!({"spec": spec})),
                Apply("StatefulSet", workload(app, json!({"serviceName": app, "replicas": 2}))),
            ],
        ),
        ("no ports", 0, vec![Merge("Service", json!({"spec": {"ports": null}}))]),
    ]
}

pub fn autoscaled(app: &str) -> Vec<Stage> {
    // The pods ask for no processor time, so neither cluster can tell its share.
    let metric = json!({"type": "Resource", "resource": {"name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": 50}}});
    let spec = json!({"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": app},
                      "minReplicas": 2, "maxReplicas": 3, "metrics": [metric]});
    vec![
        ("no target", 17, vec![Apply("HorizontalPodAutoscaler", json!({"spec": spec}))]),
        ("too few", 45, vec![Apply("Deployment", workload(app, json!({"replicas": 1})))]),
        ("too many", 32, vec![Merge("Deployment", replicas(5))]),
        ("none", 32, vec![Merge("Deployment", replicas(0))]),
    ]
}
