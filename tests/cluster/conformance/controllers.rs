//! The rehearsal cluster's controllers against real ones: the same requests to both, and what has become of them once
//! nothing moves any more. Times are not compared; the order of steps is, where Kubernetes promises one.

mod log;
mod view;

use std::error::Error;
use std::time::Duration;

use futures::future::join_all;
use jiff::{Timestamp, ToSpan};
use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::face::Face;
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PropagationPolicy};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{SPACE, pair, resource};
use log::Log;
use view::{differences, is_ending, view};

/// How long nothing may move before two clusters that agree are said to: longer than most steps of a pod's life take.
const QUIET: Duration = Duration::from_secs(4);
/// The same, before they are said not to: longer than any step takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it may take to get there.
const LONGEST: Duration = Duration::from_secs(300);

/// One request; the kind of the object is named as in [`api_version`].
enum Ask {
    /// Server-side apply.
    Apply(&'static str, Value),
    /// A merge patch.
    Merge(&'static str, Value),
    /// Deletion; what the object owned goes before it or after it.
    Delete(&'static str, PropagationPolicy),
    /// Deletion of a pod, by the end of its name.
    Lose(&'static str),
}

use Ask::{Apply, Delete, Lose, Merge};
use PropagationPolicy::{Background, Foreground};

/// What is asked, after how many seconds it is looked at, and what it is called.
type Stage = (&'static str, u64, Vec<Ask>);

fn api_version(kind: &str) -> &'static str {
    match kind {
        "Deployment" | "StatefulSet" => "apps/v1",
        "Job" => "batch/v1",
        "CronJob" => "batch/v1beta1",
        "HorizontalPodAutoscaler" => "autoscaling/v2beta2",
        _ => "v1",
    }
}

/// Both clusters, the real one first.
struct Both {
    clients: [Client; 2],
    logs: [Log; 2],
    _controllers: Controllers,
}

impl Both {
    /// Asks both, waits until both are quiet, and says where they differ.
    async fn stage(&self, app: &str, (title, seconds, asks): Stage) -> Result<Vec<String>, Box<dyn Error>> {
        for ask in &asks {
            for client in &self.clients {
                request(client, app, ask).await?;
            }
        }
        sleep(Duration::from_secs(seconds)).await;
        let begun = Instant::now();
        let mut since = begun;
        let mut last = self.views(app).await?;
        while since.elapsed() < if last[0] == last[1] { QUIET } else { PATIENCE } {
            if begun.elapsed() > LONGEST {
                return Ok(vec![format!("{app}, {title}: no end of changes: {last:#?}")]);
            }
            sleep(Duration::from_millis(500)).await;
            let views = self.views(app).await?;
            if views != last || views.iter().any(is_ending) {
                (last, since) = (views, Instant::now());
            }
        }
        let mut found = Vec::new();
        differences(&last[0], &last[1], "", &mut found);
        Ok(found.into_iter().map(|difference| format!("{app}, {title}: {difference}")).collect())
    }

    async fn views(&self, app: &str) -> Result<[Value; 2], Box<dyn Error>> {
        let [real, rehearsed] = &self.clients;
        let logs = self.logs.each_ref().map(|log| log.of(app));
        Ok([view(real, app, &logs[0]).await?, view(rehearsed, app, &logs[1]).await?])
    }

    async fn run(&self, app: &str, stages: Vec<Stage>) -> Vec<String> {
        let mut found = Vec::new();
        for stage in stages {
            let title = stage.0;
            match self.stage(app, stage).await {
                Ok(differences) => found.extend(differences),
                Err(error) => found.push(format!("{app}, {title}: {error}")),
            }
        }
        found
    }
}

async fn request(client: &Client, app: &str, ask: &Ask) -> Result<(), kube::Error> {
    let kind = match ask {
        Apply(kind, _) | Merge(kind, _) | Delete(kind, _) => kind,
        Lose(_) => "Pod",
    };
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), SPACE, &resource(api_version(kind), kind));
    match ask {
        Apply(_, body) => {
            let mut body = body.clone();
            json_patch::merge(
                &mut body,
                &json!({"apiVersion": api_version(kind), "kind": kind, "metadata": {"name": app, "labels": {"app": app}}}),
            );
            api.patch(app, &PatchParams::apply("keyboss").force(), &Patch::Apply(body)).await.map(drop)
        }
        Merge(_, body) => api.patch(app, &PatchParams::default(), &Patch::Merge(body)).await.map(drop),
        Delete(_, policy) => {
            let params = DeleteParams { propagation_policy: Some(policy.clone()), ..Default::default() };
            api.delete(app, &params).await.map(drop)
        }
        Lose(end) => api.delete(&format!("{app}-{end}"), &DeleteParams::default()).await.map(drop),
    }
}

/// A template whose container runs until it is told to go, or ends by itself.
fn template(app: &str, command: &str, restart: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": app}},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "restartPolicy": restart,
            "containers": [{
                "name": "main", "image": "keyboss-test/debian:12", "command": ["sh", "-c", command],
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
            }],
        },
    })
}

fn workload(app: &str, spec: Value) -> Value {
    let mut object = json!({"spec": {"selector": {"matchLabels": {"app": app}}}});
    object["spec"]["template"] = template(app, "exec sleep 3600", "Always");
    json_patch::merge(&mut object["spec"], &spec);
    object
}

/// What no pod can run with.
fn no_such_claim() -> Value {
    json!([{"name": "none", "persistentVolumeClaim": {"claimName": "none"}}])
}

/// Another template: what is in the pods' environment.
fn version(version: &str) -> Value {
    json!({"spec": {"template": {"metadata": {"annotations": {"version": version}}}}})
}

fn replicas(replicas: u32) -> Value {
    json!({"spec": {"replicas": replicas}})
}

fn rolling(app: &str) -> Vec<Stage> {
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

fn recreate(app: &str) -> Vec<Stage> {
    let spec = json!({"replicas": 2, "strategy": {"type": "Recreate"}, "revisionHistoryLimit": 1});
    vec![
        ("create", 0, vec![Apply("Deployment", workload(app, spec))]),
        ("another template", 0, vec![Merge("Deployment", version("2"))]),
        ("a third template, and one is forgotten", 0, vec![Merge("Deployment", version("3"))]),
        ("ready later", 0, vec![Merge("Deployment", json!({"spec": {"minReadySeconds": 2}}))]),
        ("delete", 0, vec![Delete("Deployment", Foreground)]),
    ]
}

fn paused(app: &str) -> Vec<Stage> {
    let spec = json!({"replicas": 1, "progressDeadlineSeconds": 60, "strategy": {"rollingUpdate": {"maxSurge": 1}}});
    let pause = |paused: bool| Merge("Deployment", json!({"spec": {"paused": paused}}));
    vec![
        ("create", 0, vec![Apply("Deployment", workload(app, spec))]),
        ("pause, and another template", 0, vec![pause(true), Merge("Deployment", version("2"))]),
        ("scale while paused", 0, vec![Merge("Deployment", replicas(2))]),
        ("resume", 0, vec![pause(false)]),
    ]
}

fn stuck(app: &str) -> Vec<Stage> {
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

fn ordered(app: &str) -> Vec<Stage> {
    let claim = json!({"metadata": {"name": "data", "labels": {"app": app}},
                       "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}});
    let spec = json!({"serviceName": app, "replicas": 2, "volumeClaimTemplates": [claim]});
    let partition = |n: u32| json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": n}}}});
    vec![
        ("create", 0, vec![Apply("StatefulSet", workload(app, spec))]),
        ("scale up", 0, vec![Merge("StatefulSet", replicas(3))]),
        ("another template", 0, vec![Merge("StatefulSet", version("2"))]),
        ("a third one in part", 0, vec![Merge("StatefulSet", partition(2)), Merge("StatefulSet", version("3"))]),
        ("pods are lost", 0, vec![Lose("0"), Lose("2")]),
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

fn broken(app: &str) -> Vec<Stage> {
    let broken = |volumes: Value| Merge("StatefulSet", json!({"spec": {"template": {"spec": {"volumes": volumes}}}}));
    vec![
        ("create", 0, vec![Apply("StatefulSet", workload(app, json!({"serviceName": app, "replicas": 2})))]),
        ("a template that never runs", 0, vec![broken(no_such_claim())]),
        ("back, and it is stuck", 0, vec![broken(json!(null))]),
        ("the stuck pod is deleted", 0, vec![Lose("1")]),
    ]
}

fn parallel(app: &str) -> Vec<Stage> {
    let spec = json!({"serviceName": app, "replicas": 2, "podManagementPolicy": "Parallel"});
    let on_delete = json!({"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": null}}});
    vec![
        ("create", 0, vec![Apply("StatefulSet", workload(app, spec))]),
        ("another template", 0, vec![Merge("StatefulSet", version("2"))]),
        ("scale down", 0, vec![Merge("StatefulSet", replicas(1))]),
        ("another template that waits", 0, vec![Merge("StatefulSet", on_delete), Merge("StatefulSet", version("3"))]),
    ]
}

fn job(app: &str) -> Vec<Stage> {
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

fn cron(app: &str) -> Vec<Stage> {
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

fn service(app: &str) -> Vec<Stage> {
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

fn headless(app: &str) -> Vec<Stage> {
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

fn autoscaled(app: &str) -> Vec<Stage> {
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

#[tokio::test]
#[ignore = "needs a cluster"]
async fn what_controllers_make_of_it() -> Result<(), Box<dyn Error>> {
    let face = Face::new(Timestamp::now());
    let clients = pair(&face).await?;
    let logs = clients.each_ref().map(Log::start);
    let both = Both { clients, logs, _controllers: Controllers::start(&face) };
    let scenarios: [(&str, fn(&str) -> Vec<Stage>); 12] = [
        ("rolling", rolling),
        ("recreate", recreate),
        ("paused", paused),
        ("stuck", stuck),
        ("ordered", ordered),
        ("broken", broken),
        ("parallel", parallel),
        ("job", job),
        ("cron", cron),
        ("service", service),
        ("headless", headless),
        ("autoscaled", autoscaled),
    ];
    let runs = scenarios.iter().map(|(app, stages)| both.run(app, stages(app)));
    let found: Vec<String> = join_all(runs).await.into_iter().flatten().collect();
    assert!(found.is_empty(), "the server's, then the rehearsal's:\n{}", found.join("\n"));
    Ok(())
}
