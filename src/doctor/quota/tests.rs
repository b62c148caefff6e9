//! The arithmetic of quotas, on recorded objects.

use serde_json::{Value, json};

use super::*;
use crate::cluster::{Live, Served};
use crate::doctor::Verdict;
use crate::doctor::claims::claims;
use crate::doctor::counts::added;
use crate::doctor::tests::{api, live, plan, plan_of, pod, told};
use crate::doctor::workloads::workloads;
use crate::render::{Phase, Plan};

fn quota(hard: Value, used: Value) -> Value {
    json!({"metadata": {"name": "tight"}, "spec": {"hard": hard.clone()}, "status": {"hard": hard, "used": used}})
}

fn found(quota: Value, plan: &Plan, live: &Live, pods: &[Value], ranges: &[Value]) -> (Verdict, String) {
    let (workloads, claims) = (workloads(plan, live, pods), claims(plan, live));
    let defaults = Defaults::of(ranges);
    let counts = added(plan, live, &Served::default(), &workloads, Some(20));
    let asked = Asked { workloads: &workloads, defaults: &defaults, claims: &claims, counts: &counts };
    told(&check(&[quota], &asked))
}

/// A pod of `api`, as the server has it.
fn api_pod(name: &str) -> Value {
    let mut pod = pod(name, json!({"app": "api"}), json!({"cpu": "500m", "memory": "1Gi"}));
    pod["spec"]["containers"][0]["resources"]["limits"] = json!({"cpu": "1", "memory": "2Gi"});
    pod
}

#[test]
fn what_is_there_already_is_not_asked_for_twice() {
    let none = Live::default();
    let there = live([api("api:1")]);
    let changed = live([api("api:0")]);
    let both = [api_pod("a"), api_pod("b")];
    // hard, used, what lives, its pods
    type Row<'a> = (&'a str, &'a str, &'a Live, &'a [Value], Verdict, &'a str);
    let table: &[Row] = &[
        // Two pods of 1Gi are new.
        ("2Gi", "0", &none, &[], Verdict::Ok, "fits (requests.memory)"),
        ("3Gi", "1Gi", &none, &[], Verdict::Ok, "fits"),
        (
            "2Gi",
            "1Mi",
            &none,
            &[],
            Verdict::Fail,
            "ResourceQuota tight: requests.memory: 2047Mi of 2Gi free: a deploy needs 2Gi more (2Gi in all) (have \
             requests.memory of ResourceQuota tight raised to 2049Mi, or ask for less: autoscaling",
        ),
        // Both are there: nothing more is needed, unless they are replaced, one at a time.
        ("3Gi", "2Gi", &there, &both, Verdict::Ok, "fits"),
        ("2Gi", "2Gi", &there, &both, Verdict::Warn, "a deploy that changes everything needs 1Gi more (3Gi in all)"),
        // Another image: that is certain.
        ("3Gi", "2Gi", &changed, &both, Verdict::Ok, "fits"),
        ("2Gi", "2Gi", &changed, &both, Verdict::Fail, "0 of 2Gi free: a deploy needs 1Gi more (3Gi in all)"),
        // One of two is there, and others take 1Gi.
        (
            "3Gi",
            "2Gi",
            &there,
            &both[..1],
            Verdict::Warn,
            "1Gi of 3Gi free: a deploy that changes everything needs 2Gi more",
        ),
        ("2Gi", "2Gi", &there, &both[..1], Verdict::Fail, "a deploy needs 1Gi more (2Gi in all)"),
        // The quota was lowered below what is there: an unchanged deploy asks for nothing more.
        ("1Gi", "2Gi", &there, &both, Verdict::Warn, "0 of 1Gi free: a deploy that changes everything"),
    ];
    for (hard, used, live, pods, verdict, words) in table {
        for resource in ["requests.memory", "memory"] {
            let quota = quota(json!({resource: hard}), json!({resource: used}));
            let (worst, text) = found(quota.clone(), &plan(), live, pods, &[]);
            assert_eq!(worst, *verdict, "{quota}: {text}");
            assert!(text.contains(&words.replace("requests.memory", resource)), "{words:?} is not in {text}");
        }
    }
}

#[test]
fn every_resource_is_counted_in_its_own_way() {
    let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {
        "replicas": 2, "selector": {"matchLabels": {"app": "db"}},
        "template": {"spec": {"containers": [{"name": "db", "image": "db"}]}},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {
            "storageClassName": "fast", "resources": {"requests": {"storage": "5Gi"}}}}]}});
    let claim = |name: &str, class: &str, size: &str| {
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
               "spec": {"storageClassName": class, "resources": {"requests": {"storage": size}}}})
    };
    let plan = plan_of([
        (Phase::Stateful, set),
        (Phase::Migration, claim("media", "slow", "2Gi")),
        (Phase::Deployments, api("api:1")),
    ]);
    // One claim of 5Gi is there, and the media's has to grow by 1Gi.
    let lives = live([claim("data-db-0", "fast", "5Gi"), claim("media", "slow", "1Gi")]);
    let table = [
        ("pods", "4", "0", Verdict::Ok, ""),
        ("pods", "4", "1", Verdict::Fail, "pods: 3 of 4 free: a deploy needs 4 more (4 in all)"),
        ("count/pods", "3", "0", Verdict::Fail, "needs 4 more"),
        ("requests.cpu", "1", "0", Verdict::Fail, "container db of StatefulSet db does not (a.yaml)"),
        ("limits.memory", "3Gi", "0", Verdict::Fail, "3Gi of 3Gi free: a deploy needs 4Gi more"),
        ("requests.ephemeral-storage", "0", "0", Verdict::Ok, ""),
        ("requests.nvidia.com/gpu", "0", "0", Verdict::Ok, ""),
        ("persistentvolumeclaims", "3", "2", Verdict::Ok, ""),
        ("persistentvolumeclaims", "2", "2", Verdict::Fail, "0 of 2 free: a deploy needs 1 more (3 in all)"),
        ("count/persistentvolumeclaims", "2", "2", Verdict::Fail, "needs 1 more"),
        ("requests.storage", "12Gi", "6Gi", Verdict::Ok, ""),
        ("requests.storage", "11Gi", "6Gi", Verdict::Fail, "5Gi of 11Gi free: a deploy needs 6Gi more (12Gi in all)"),
        (
            "fast.storageclass.storage.k8s.io/requests.storage",
            "9Gi",
            "5Gi",
            Verdict::Fail,
            "needs 5Gi more (10Gi in all)",
        ),
        ("slow.storageclass.storage.k8s.io/requests.storage", "2Gi", "1Gi", Verdict::Ok, ""),
        ("slow.storageclass.storage.k8s.io/persistentvolumeclaims", "1", "1", Verdict::Ok, ""),
        // The release's record.
        ("configmaps", "5", "5", Verdict::Fail, "configmaps: 0 of 5 free: a deploy needs 1 more"),
        ("secrets", "6", "5", Verdict::Ok, ""),
        ("count/replicasets.apps", "0", "0", Verdict::Fail, "needs 1 more"),
        ("count/leases.coordination.k8s.io", "1", "1", Verdict::Fail, "needs 1 more"),
        ("count/endpoints", "3", "2", Verdict::Ok, ""),
        ("count/endpoints", "3", "3", Verdict::Warn, "does not know how many of these"),
    ];
    for (resource, hard, used, verdict, words) in table {
        let quota = quota(json!({resource: hard}), json!({resource: used}));
        let (worst, text) = found(quota.clone(), &plan, &lives, &[], &[]);
        assert_eq!(worst, verdict, "{quota}: {text}");
        assert!(text.contains(words), "{words:?} is not in {text}");
    }
}

#[test]
fn a_deploy_that_may_change_nothing_may_record_nothing() {
    let of = |resource: &str, live: &Live| {
        found(quota(json!({resource: "5"}), json!({resource: "5"})), &plan(), live, &[api_pod("a"), api_pod("b")], &[])
    };
    for resource in ["secrets", "configmaps", "count/secrets"] {
        let (verdict, text) = of(resource, &live([api("api:1")]));
        assert_eq!(verdict, Verdict::Warn, "{text}");
        assert!(text.contains("a deploy that changes everything needs 1 more"), "{text}");
        assert_eq!(of(resource, &live([api("api:0")])).0, Verdict::Fail, "another image is a release");
    }
    assert_eq!(of("count/leases.coordination.k8s.io", &live([api("api:1")])).0, Verdict::Ok);
}

#[test]
fn jobs_are_over_when_the_shop_begins() {
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate"}, "spec": {"template": {"spec": {
        "containers": [{"name": "c", "image": "i", "resources": {"requests": {"memory": "1536Mi"}}}]}}}});
    let cron = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "backup"}, "spec": {"jobTemplate": {
        "spec": {"template": {"spec": {"containers": [
            {"name": "c", "image": "i", "resources": {"requests": {"memory": "512Mi"}}}]}}}}}});
    let plan = plan_of([(Phase::Migration, job), (Phase::Deployments, api("api:1")), (Phase::Backup, cron)]);
    let of = |hard: &str| {
        let quota = quota(json!({"requests.memory": hard}), json!({"requests.memory": "0"}));
        found(quota, &plan, &Live::default(), &[], &[])
    };
    assert_eq!(of("2560Mi").0, Verdict::Ok, "{}", of("2560Mi").1);
    let (verdict, text) = of("2Gi");
    assert_eq!(verdict, Verdict::Warn, "{text}");
    assert!(text.contains("its CronJobs running needs 2560Mi more"), "{text}");
    assert!(of("2047Mi").1.contains("a deploy needs 2Gi more"), "{}", of("2047Mi").1);
    // Its pod stays, and counts by this name.
    let told =
        [("pods", "its CronJobs running needs 3 more (3 in all)"), ("count/pods", "a deploy needs 3 more (3 in all)")];
    for (resource, words) in told {
        let quota = quota(json!({resource: "2"}), json!({resource: "0"}));
        let (_, text) = found(quota, &plan, &Live::default(), &[], &[]);
        assert!(text.contains(words), "{resource}: {text}");
    }
    // On a shop that stands, the migration comes on top.
    let both = [api_pod("a"), api_pod("b")];
    let quota = quota(json!({"requests.memory": "3Gi"}), json!({"requests.memory": "2Gi"}));
    let (verdict, text) = found(quota, &plan, &live([api("api:1")]), &both, &[]);
    assert_eq!(verdict, Verdict::Fail, "{text}");
    assert!(text.contains("1Gi of 3Gi free: a deploy needs 1536Mi more (3584Mi in all)"), "{text}");
}

#[test]
fn a_quota_that_counts_cpu_wants_it_said() {
    let mut silent = api("api:1");
    silent["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"limits": {"memory": "1Gi"}});
    let plan = plan_of([(Phase::Deployments, silent)]);
    let hard = json!({"requests.cpu": "9", "limits.cpu": "9", "memory": "9Gi"});
    let (verdict, text) = found(quota(hard.clone(), json!({})), &plan, &Live::default(), &[], &[]);
    assert_eq!(verdict, Verdict::Fail, "{text}");
    let wanted = "wants every container to name limits.cpu, requests.cpu, and container api of Deployment api does not";
    assert!(text.contains(wanted), "{text}");
    let ranges =
        [json!({"spec": {"limits": [{"type": "Container", "default": {"cpu": 1}, "defaultRequest": {"cpu": "5"}}]}})];
    let (verdict, text) = found(quota(hard, json!({})), &plan, &Live::default(), &[], &ranges);
    assert!(text.contains("requests.cpu: 9 of 9 free: a deploy needs 10 more"), "{text}");
    assert_eq!(verdict, Verdict::Fail);
}

#[test]
fn pods_that_have_ended_take_nothing_and_other_scopes_are_not_ours() {
    let mut ended = api_pod("a");
    ended["status"]["phase"] = json!("Succeeded");
    let pods = [ended, api_pod("b")];
    let there = live([api("api:1")]);
    let of = |quota: Value| found(quota, &plan(), &there, &pods, &[]);
    // Only one of the two counts in `used`.
    assert_eq!(of(quota(json!({"pods": "3"}), json!({"pods": "1"}))).0, Verdict::Ok);
    let (verdict, text) = of(quota(json!({"pods": "1"}), json!({"pods": "1"})));
    assert!(text.contains("a deploy needs 1 more (2 in all)"), "{text}");
    assert_eq!(verdict, Verdict::Fail);
    let mut scoped = quota(json!({"pods": "0"}), json!({"pods": "0"}));
    scoped["spec"]["scopes"] = json!(["BestEffort"]);
    assert_eq!(of(scoped.clone()).0, Verdict::Ok);
    scoped["spec"]["scopes"] = json!(["NotBestEffort"]);
    assert_eq!(of(scoped.clone()).0, Verdict::Fail);
    scoped["spec"]["scopes"] = json!(["VolumeAttributesClass"]);
    let (verdict, text) = of(scoped);
    assert_eq!(verdict, Verdict::Warn);
    assert!(text.contains("a scope that keyboss does not know"), "{text}");
}

#[test]
fn a_quota_that_was_made_just_now_is_not_counted_yet() {
    let both = [api_pod("a"), api_pod("b")];
    let of = |hard: &str| {
        let new = json!({"metadata": {"name": "new"}, "spec": {"hard": {"requests.memory": hard}}, "status": {}});
        found(new, &plan(), &live([api("api:1")]), &both, &[])
    };
    assert_eq!(of("3Gi").0, Verdict::Ok);
    assert_eq!(of("2Gi").0, Verdict::Warn, "the pods that are there fill it: {}", of("2Gi").1);
}
