//! Each part, from objects as the API server keeps them.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::autoscalers::autoscalers;
use super::backups::backups;
use super::drift::drift;
use super::objects::Objects;
use super::{Autoscaler, Change, Metric, Outcome, gist};
use crate::readiness::World;
use crate::release::{Action, Author, Journal};

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn deployment(name: &str) -> Value {
    json!({"kind": "Deployment", "metadata": {"name": name, "uid": name, "labels": {"app.kubernetes.io/managed-by": "keyboss"}}})
}

fn autoscaler(target: &str, status: Value) -> Value {
    json!({"kind": "HorizontalPodAutoscaler", "metadata": {"name": target}, "status": status, "spec": {
    "scaleTargetRef": {"kind": "Deployment", "name": target}, "minReplicas": 2, "maxReplicas": 6, "metrics": [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}},
        {"type": "External", "external": {"metric": {"name": "s0-redis-celery"},
            "target": {"type": "AverageValue", "averageValue": "10"}}},
    ]}})
}

#[test]
fn an_autoscaler_says_how_many_how_far_and_why_not() {
    let read = |status: Value| {
        let found = autoscalers(&Objects::of(&[deployment("api"), autoscaler("api", status)])).unwrap();
        found.into_iter().next().unwrap()
    };
    let metric = |name: &str, current: Option<&str>, target: &str| Metric {
        name: name.to_owned(),
        current: current.map(str::to_owned),
        target: target.to_owned(),
    };
    let well = Autoscaler {
        name: "api".to_owned(),
        target: "Deployment api".to_owned(),
        now: Some(3),
        min: 2,
        max: 6,
        at_most: false,
        metrics: vec![metric("cpu", Some("41%"), "70%"), metric("s0-redis-celery", Some("2500m"), "10")],
        why: None,
    };
    let measured = json!([
        {"type": "External", "external": {"metric": {"name": "s0-redis-celery"}, "current": {"averageValue": "2500m"}}},
        {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 41, "averageValue": "41m"}}},
    ]);
    assert_eq!(read(json!({"currentReplicas": 3, "currentMetrics": measured})), well);
    let most = read(json!({"currentReplicas": 6}));
    assert!(most.at_most && most.why.is_none(), "{most:?}");
    assert_eq!(most.metrics[0], metric("cpu", None, "70%"));
    assert_eq!(read(json!({})).now, None);
    let condition = |status: &str, reason: &str| {
        let one = json!({"type": "ScalingActive", "status": status, "reason": reason, "message": "no metrics"});
        read(json!({"currentReplicas": 2, "conditions": [{"type": "ScalingLimited", "status": "False"}, one]})).why
    };
    assert_eq!(condition("False", "FailedGetResourceMetric").as_deref(), Some("FailedGetResourceMetric: no metrics"));
    assert_eq!(condition("True", "ValidMetricFound"), None);
    assert_eq!(condition("False", "ScalingDisabled"), None, "somebody has scaled it to none");
}

#[test]
fn only_what_scales_the_shop_is_told() {
    let all = [deployment("api"), autoscaler("api", json!({})), autoscaler("blog", json!({}))];
    let names = |objects: &Objects| {
        autoscalers(objects)
            .map(|all| all.into_iter().map(|one| one.name).collect::<Vec<_>>())
            .map_err(ToString::to_string)
    };
    assert_eq!(names(&Objects::of(&all)).unwrap(), ["api"]);
    assert_eq!(names(&Objects::of(&all).without("Deployment")).unwrap(), ["api", "blog"]);
    assert!(names(&Objects::of(&all).without("HorizontalPodAutoscaler")).is_err());
}

fn cron_job(name: &str, schedule: &str, suspend: bool) -> Value {
    json!({"kind": "CronJob", "metadata": {"name": name, "uid": name}, "spec": {"schedule": schedule, "suspend": suspend,
        "jobTemplate": {"spec": {"template": {"spec": {"containers": [{"command": ["bash", "/scripts/backup.sh"]}]}}}}}})
}

/// A Job: name, command, when it began, and its condition with the time.
type Ran<'a> = (&'a str, &'a [&'a str], &'a str, Option<(&'a str, &'a str)>);

/// A world with Jobs of `postgres-backup`.
fn world(jobs: &[Ran<'_>]) -> World {
    let mut world = World::default();
    for (name, command, began, ended) in jobs {
        let conditions = ended.map(|(kind, at)| {
            let reason = (kind == "Failed").then_some("BackoffLimitExceeded");
            json!([{"type": kind, "status": "True", "lastTransitionTime": at, "reason": reason, "message": null}])
        });
        let job = json!({"metadata": {"name": name, "ownerReferences": [
                {"apiVersion": "batch/v1", "kind": "CronJob", "name": "postgres-backup", "uid": "postgres-backup"}]},
            "spec": {"template": {"spec": {"containers": [{"name": "c", "command": command}]}}},
            "status": {"startTime": began, "conditions": conditions}});
        world.jobs.insert((*name).to_owned(), Arc::new(serde_json::from_value(job).unwrap()));
    }
    world
}

#[test]
fn the_last_backup_is_that_of_the_newest_job_that_dumps() {
    const DUMP: &[&str] = &["bash", "/scripts/backup.sh"];
    const LIST: &[&str] = &["bash", "/scripts/list.sh"];
    let objects = Objects::of(&[
        cron_job("postgres-backup", "0 2 * * *", false),
        cron_job("postgres-verify", "0 4 * * 0", true),
        cron_job("another", "0 4 * * 0", true),
    ]);
    let now = time("2026-01-03T12:00:00Z");
    let of = |world: &World| backups(&objects, world, now).unwrap();
    let good = ("good", DUMP, "2026-01-02T02:00:00Z", Some(("Complete", "2026-01-02T02:01:00Z")));
    let bad = ("bad", DUMP, "2026-01-03T02:00:00Z", Some(("Failed", "2026-01-03T02:09:00Z")));
    let list = ("list", LIST, "2026-01-03T11:00:00Z", Some(("Complete", "2026-01-03T11:00:09Z")));

    let none = of(&world(&[list]));
    assert_eq!(
        none.iter().map(|one| (one.what, one.last.is_none())).collect::<Vec<_>>(),
        [("backup", true), ("verification", true)]
    );
    assert_eq!(none[0].next, Some(time("2026-01-04T02:00:00Z")));
    assert_eq!((none[1].next, none[1].schedule.as_ref()), (None, None), "it is suspended");

    let after = of(&world(&[bad, good, list])).remove(0);
    let last = after.last.unwrap();
    assert_eq!((last.job.as_str(), last.outcome), ("bad", Outcome::Failed));
    assert_eq!((last.ended, last.why.as_deref()), (Some(time("2026-01-03T02:09:00Z")), Some("BackoffLimitExceeded")));
    assert_eq!(after.last_success, Some(time("2026-01-02T02:01:00Z")));

    let by_hand = ("by-hand", &["bash", "/scripts/backup.sh", "x"][..], "2026-01-03T11:59:00Z", None);
    let running = of(&world(&[bad, by_hand])).remove(0).last.unwrap();
    assert_eq!((running.job.as_str(), running.outcome, running.ended), ("by-hand", Outcome::Running, None));
    assert!(backups(&Objects::of(&[]).without("CronJob"), &World::default(), now).is_err());
}

const RELEASED: &str = "2026-01-02T12:00:00.5Z";

fn released(objects: &[(&str, &str)]) -> Journal {
    let mut journal = Journal::new(3, Action::Deploy, time(RELEASED), Author::default());
    journal.objects = objects.iter().map(|(name, uid)| ((*name).to_owned(), (*uid).to_owned())).collect();
    journal
}

fn entry(manager: &str, operation: &str, at: &str, fields: Value) -> Value {
    json!({"manager": manager, "operation": operation, "time": format!("2026-01-02T{at}Z"), "fieldsV1": fields})
}

/// What is found of the Deployment `api` with these entries of field managers.
fn found(entries: &[Value], more: &[Value]) -> Vec<(Change, String, Vec<String>)> {
    let mut live = deployment("api");
    let ours = json!({"f:spec": {"f:paused": {}, "f:template": {"f:a": {}}}});
    let mut all = vec![entry("keyboss", "Apply", "12:00:01", ours)];
    all.extend_from_slice(entries);
    live["metadata"]["managedFields"] = json!(all);
    let objects = Objects::of(&[&[live], more].concat());
    let drift = drift(&released(&[("Deployment api", "api")]), &objects);
    assert_eq!((drift.release, drift.looked_at), (3, 1));
    let told = |one: super::Drifted| (one.change, Vec::from_iter(one.by).join(","), one.fields);
    drift.objects.into_iter().map(told).collect()
}

#[test]
fn what_others_have_written_since_is_drift_and_nothing_else() {
    let image = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"api\"}": {".": {}, "f:image": {}}}}}}});
    let replicas = json!({"f:spec": {"f:replicas": {}}});
    let revision = json!({"f:metadata": {"f:annotations": {".": {}, "f:deployment.kubernetes.io/revision": {}}}});
    let restart = json!({"f:spec": {"f:template": {"f:metadata": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/restartedAt": {}}}}}});
    let note = json!({"f:metadata": {"f:annotations": {"f:example.org/note": {}}}});
    let path = "spec.template.spec.containers[api].image";
    for (what, written, expected) in [
        ("an image", entry("kubectl-edit", "Update", "12:30:00", image.clone()), &[path][..]),
        ("an annotation", entry("helm", "Update", "12:30:00", note), &["metadata.annotations[example.org/note]"]),
        ("at the very second of the release", entry("kubectl-edit", "Update", "12:00:00", image.clone()), &[path]),
        ("before the release", entry("kubectl-edit", "Update", "11:59:59", image.clone()), &[]),
        ("by keyboss", entry("keyboss-watchdog", "Update", "12:30:00", image.clone()), &[]),
        ("by Kubernetes", entry("kube-controller-manager", "Update", "12:30:00", image), &[]),
        ("the status", entry("x", "Update", "12:30:00", json!({"f:status": {"f:replicas": {}}})), &[]),
        ("a revision", entry("x", "Update", "12:30:00", revision), &[]),
        ("a restart", entry("kubectl-rollout", "Update", "12:30:00", restart), &[]),
        ("the same, applied too", entry("argocd", "Apply", "12:30:00", json!({"f:spec": {"f:paused": {}}})), &[]),
        ("pods", entry("kubectl", "Update", "12:30:00", replicas.clone()), &["spec.replicas"]),
    ] {
        let found = found(std::slice::from_ref(&written), &[]);
        let fields: Vec<&str> = found.iter().flat_map(|(_, _, fields)| fields).map(String::as_str).collect();
        assert_eq!(fields, expected, "{what}");
        let is_its =
            |(change, by, _): &(Change, String, _)| *change == Change::Changed && written["manager"] == by.as_str();
        assert!(found.iter().all(is_its), "{what}: {found:?}");
    }
    let scaled = [entry("kubectl", "Update", "12:30:00", replicas)];
    assert_eq!(found(&scaled, &[autoscaler("api", json!({}))]), [], "an autoscaler moves them");
}

#[test]
fn what_is_gone_or_made_anew_is_drift_and_what_cannot_be_read_is_said() {
    let mut anew = deployment("anew");
    anew["metadata"]["managedFields"] = json!([entry("kubectl-create", "Update", "12:30:00", json!({"f:spec": {}}))]);
    let mut again = deployment("again");
    again["metadata"]["managedFields"] = json!([entry("keyboss", "Apply", "12:30:00", json!({"f:spec": {}}))]);
    let journal = released(&[
        ("Deployment anew", "u"),
        ("Deployment again", "u"),
        ("Deployment gone", "u"),
        ("Secret s", "u"),
        ("Job j", "u"),
        ("ConfigMap c", "u"),
        ("Unserved x", "u"),
    ]);
    let found = drift(&journal, &Objects::of(&[anew, again]).without("ConfigMap"));
    let names: Vec<(&str, Change)> = found.objects.iter().map(|one| (one.object.as_str(), one.change)).collect();
    assert_eq!(names, [("Deployment anew", Change::Replaced), ("Deployment gone", Change::Deleted)]);
    assert_eq!(found.looked_at, 3);
    let unknown: Vec<(&str, &str)> = found.unknown.iter().map(|(kind, why)| (kind.as_str(), why.as_str())).collect();
    assert_eq!(unknown, [("ConfigMap", "you may not"), ("Unserved", "the cluster does not serve it any more")]);
}

#[test]
fn what_moves_all_the_time_is_no_change() {
    let status = |lag: u8, words: &str, ready: u8| {
        json!({"locks": [words], "roles": {"postgres": {"lag_bytes": lag}, "redis": {"lag_bytes": lag}},
            "autoscalers": [{"name": "a", "metrics": [{"current": lag}]}], "workloads": [{"ready": ready}]})
    };
    assert_eq!(gist(&status(1, "renewed 2 s ago", 1)), gist(&status(7, "renewed 4 s ago", 1)));
    assert_ne!(gist(&status(1, "a", 1)), gist(&status(1, "a", 2)));
    assert_eq!(gist(&json!({"roles": null}))["roles"], Value::Null);
}
