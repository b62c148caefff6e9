//! Deployments and their ReplicaSets.

use kube::api::PropagationPolicy::{Background, Foreground};
use serde_json::{Value, json};

use super::both::Ask::{Apply, Delete, Merge};
use super::both::Stage;
use super::objects::{no_such_claim, replicas, version, workload};

pub fn rolling(app: &str) -> Vec<Stage> {
    let careful = json!({"maxSurge": 1, "maxUnavailable": 0});
    let spec = json!({"replicas": 2, "strategy": {"type": "RollingUpdate", "rollingUpdate": careful}});
    let deployment = |change: fn(u32) -> Value, n| vec![Merge("Deployment", change(n))];
    let mut both = version("both");
    json_patch::merge(&mut both, &replicas(2));
    vec![
        ("create", 0, vec![Apply("Deployment", workload(app, spec))]),
        ("scale up", 0, deployment(replicas, 3)),
        ("another template", 0, vec![Merge("Deployment", version("2"))]),
        ("an annotation only", 0, vec![Merge("Deployment", json!({"metadata": {"annotations": {"note": "1"}}}))]),
        ("scale down", 0, deployment(replicas, 1)),
        ("a third template", 0, vec![Merge("Deployment", version("3"))]),
        ("back to the second", 0, vec![Merge("Deployment", version("2"))]),
        ("another template and more pods", 0, vec![Merge("Deployment", both)]),
        ("to nothing", 0, deployment(replicas, 0)),
        ("a template without pods", 0, vec![Merge("Deployment", version("4"))]),
        ("delete", 0, vec![Delete("Deployment", Background)]),
    ]
}

pub fn recreate(app: &str) -> Vec<Stage> {
    let spec = json!({"replicas": 2, "strategy": {"type": "Recreate"}, "revisionHistoryLimit": 1});
    vec![
        ("create", 0, vec![Apply("Deployment", workload(app, spec))]),
        ("another template", 0, vec![Merge("Deployment", version("2"))]),
        ("a third template, and one is forgotten", 0, vec![Merge("Deployment", version("3"))]),
        ("ready later", 0, vec![Merge("Deployment", json!({"spec": {"minReadySeconds": 2}}))]),
        ("delete", 0, vec![Delete("Deployment", Foreground)]),
    ]
}

pub fn paused(app: &str) -> Vec<Stage> {
    let spec = json!({"replicas": 1, "progressDeadlineSeconds": 60, "strategy": {"rollingUpdate": {"maxSurge": 1}}});
    let pause = |paused: bool| Merge("Deployment", json!({"spec": {"paused": paused}}));
    vec![
        ("create", 0, vec![Apply("Deployment", workload(app, spec))]),
        ("pause, and another template", 0, vec![pause(true), Merge("Deployment", version("2"))]),
        ("scale while paused", 0, vec![Merge("Deployment", replicas(2))]),
        ("resume", 0, vec![pause(false)]),
    ]
}

pub fn stuck(app: &str) -> Vec<Stage> {
    let spec = json!({"replicas": 3, "progressDeadlineSeconds": 10,
                      "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}});
    let volumes = |volumes: Value| Merge("Deployment", json!({"spec": {"template": {"spec": {"volumes": volumes}}}}));
    vec![
        ("create", 0, vec![Apply("Deployment", workload(app, spec))]),
        ("a template that never runs", 12, vec![volumes(no_such_claim())]),
        ("scale up while stuck", 0, vec![Merge("Deployment", replicas(5))]),
        ("scale down while stuck", 0, vec![Merge("Deployment", replicas(2))]),
        ("back", 0, vec![volumes(json!(null))]),
    ]
}
