//! StatefulSets, and the claims of their pods.

use kube::api::PropagationPolicy::Foreground;
use serde_json::{Value, json};

use super::both::Ask::{Apply, Delete, Lose, Merge};
use super::both::Stage;
use super::objects::{no_such_claim, replicas, version, workload};

pub fn ordered(app: &str) -> Vec<Stage> {
    let claim = json!({"metadata": {"name": "data", "labels": {"app": app}},
                       "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}});
    let spec = json!({"serviceName": app, "replicas": 2, "volumeClaimTemplates": [claim]});
    let partition = |n: u32| json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": n}}}});
    vec![
        ("create", 0, vec![Apply("StatefulSet", workload(app, spec))]),
        ("scale up", 0, vec![Merge("StatefulSet", replicas(3))]),
        ("another template", 0, vec![Merge("StatefulSet", version("2"))]),
        ("a third one in part", 0, vec![Merge("StatefulSet", partition(2)), Merge("StatefulSet", version("3"))]),
        ("a pod is lost", 0, vec![Lose("0")]),
        ("another of the new template is lost", 0, vec![Lose("2")]),
        ("the rest", 0, vec![Merge("StatefulSet", partition(0))]),
        ("scale down", 0, vec![Merge("StatefulSet", replicas(1))]),
        (
            "back to the first template",
            0,
            vec![Merge("StatefulSet", json!({"spec": {"template": {"metadata": {"annotations": null}}}}))],
        ),
        ("delete", 0, vec![Delete("StatefulSet", Foreground)]),
    ]
}

pub fn broken(app: &str) -> Vec<Stage> {
    let broken = |volumes: Value| Merge("StatefulSet", json!({"spec": {"template": {"spec": {"volumes": volumes}}}}));
    vec![
        ("create", 0, vec![Apply("StatefulSet", workload(app, json!({"serviceName": app, "replicas": 2})))]),
        ("a template that never runs", 0, vec![broken(no_such_claim())]),
        ("back, and it is stuck", 0, vec![broken(json!(null))]),
        ("the stuck pod is deleted", 0, vec![Lose("1")]),
    ]
}

pub fn parallel(app: &str) -> Vec<Stage> {
    let spec = json!({"serviceName": app, "replicas": 2, "podManagementPolicy": "Parallel"});
    let on_delete = json!({"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": null}}});
    vec![
        ("create", 0, vec![Apply("StatefulSet", workload(app, spec))]),
        ("another template", 0, vec![Merge("StatefulSet", version("2"))]),
        ("scale down", 0, vec![Merge("StatefulSet", replicas(1))]),
        ("another template that waits", 0, vec![Merge("StatefulSet", on_delete), Merge("StatefulSet", version("3"))]),
    ]
}
