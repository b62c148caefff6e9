//! Rules on recorded objects.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::claims::claims;
use super::pod::Defaults;
use super::workloads::{Kind, need_of, workloads};
use super::{Finding, Verdict, allowed, apis, ingress, limits, standing, volumes};
use crate::cluster::{Access, Live, Served};
use crate::render::{Object, Phase, Plan};

/// A Deployment `api`: two pods, each of 500m and 1Gi, and a limit of 1 and 2Gi.
pub fn api(image: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api"}, "spec": {
        "replicas": 2, "selector": {"matchLabels": {"app": "api"}},
        "template": {"metadata": {"labels": {"app": "api"}}, "spec": {"containers": [{
            "name": "api", "image": image, "resources": {
                "requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": 1, "memory": "2Gi"}}}]}}}})
}

/// A plan of these objects, each in its phase.
pub fn plan_of(objects: impl IntoIterator<Item = (Phase, Value)>) -> Plan {
    let mut plan = Plan::default();
    for (phase, value) in objects {
        plan.add(phase, Object::new("a.yaml".to_owned(), value).unwrap()).unwrap();
    }
    plan
}

/// That of [`api`] alone.
pub fn plan() -> Plan {
    plan_of([(Phase::Deployments, api("api:1"))])
}

/// A live pod.
pub fn pod(name: &str, labels: Value, requests: Value) -> Value {
    json!({"metadata": {"name": name, "uid": name, "labels": labels}, "status": {"phase": "Running"},
           "spec": {"containers": [{"name": "c", "resources": {"requests": requests}}]}})
}

/// What lives.
pub fn live(objects: impl IntoIterator<Item = Value>) -> Live {
    let mut live = Live::default();
    for object in objects {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
        live.insert(&kind, &name, object);
    }
    live
}

/// The worst verdict, and everything that was found.
pub fn told(findings: &[Finding]) -> (Verdict, String) {
    let worst = findings.iter().map(|finding| finding.verdict).max().unwrap();
    let line = |finding: &Finding| format!("{} ({})", finding.found, finding.remedy.as_deref().unwrap_or_default());
    (worst, findings.iter().map(line).collect::<Vec<_>>().join("\n"))
}

fn assert_told(findings: &[Finding], verdict: Verdict, words: &str) {
    let (worst, text) = told(findings);
    assert_eq!(worst, verdict, "{text}");
    assert!(text.contains(words), "{words:?} is not in {text}");
}

fn stateful_set() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {
        "replicas": 2, "selector": {"matchLabels": {"app": "db"}}, "template": {"spec": {"containers": []}},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {
            "storageClassName": "fast", "resources": {"requests": {"storage": "5Gi"}}}}]}})
}

fn claim(name: &str, size: &str, phase: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "status": {"phase": phase},
           "spec": {"storageClassName": "fast", "resources": {"requests": {"storage": size}}}})
}

#[test]
fn pods_are_their_workloads() {
    let job = |kind: &str, name: &str| {
        let template = json!({"spec": {"containers": [{"name": "c", "image": "i"}]}});
        let spec = if kind == "Job" {
            json!({"template": template})
        } else {
            json!({"jobTemplate": {"spec": {"template": template}}})
        };
        json!({"apiVersion": "batch/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
    };
    let plan = plan_of([
        (Phase::Migration, job("Job", "migrate")),
        (Phase::Deployments, api("api:2")),
        (Phase::Backup, job("CronJob", "backup")),
    ]);
    let migrate = plan.phase(Phase::Migration)[0].id.name.clone();
    let mut of_cron = pod("backup-1-x", json!({}), json!({}));
    of_cron["metadata"]["ownerReferences"] = json!([{"kind": "Job", "name": "backup-1"}]);
    let mut of_other = pod("backups-1-x", json!({}), json!({}));
    of_other["metadata"]["ownerReferences"] = json!([{"kind": "Job", "name": "backups-1"}]);
    let pods = [
        pod("api-1", json!({"app": "api", "hash": "x"}), json!({})),
        pod("other", json!({"app": "other"}), json!({})),
        pod("migrate-x", json!({"job-name": migrate}), json!({})),
        of_cron,
        of_other,
    ];
    let found = workloads(&plan, &live([api("api:1")]), &pods);
    let names = |kind: Kind| -> Vec<&str> {
        let of_kind = found.iter().filter(|workload| workload.kind == kind);
        of_kind.flat_map(|of| of.pods.iter().map(|pod| pod["metadata"]["name"].as_str().unwrap())).collect()
    };
    assert_eq!(names(Kind::Standing), ["api-1"]);
    assert_eq!(names(Kind::Job), ["migrate-x"]);
    assert_eq!(names(Kind::Cron), ["backup-1-x"]);
    assert!(found.iter().find(|of| of.kind == Kind::Standing).unwrap().is_replaced);
}

#[test]
fn a_rolling_update_has_more_pods_for_a_while() {
    let with = |replicas: u32, strategy: Value| {
        let mut api = api("api:1");
        api["spec"]["replicas"] = json!(replicas);
        api["spec"]["strategy"] = strategy;
        api
    };
    let rolling = |surge: Value| json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge}});
    for (replicas, strategy, surge) in [
        (2, Value::Null, 1),
        (5, Value::Null, 2),
        (4, rolling(json!("50%")), 2),
        (4, rolling(json!("0%")), 0),
        (4, rolling(json!(3)), 3),
        (4, json!({"type": "Recreate"}), 0),
        (0, Value::Null, 0),
    ] {
        let object = with(replicas, strategy);
        let plan = plan_of([(Phase::Deployments, object.clone())]);
        assert_eq!(workloads(&plan, &live([object.clone()]), &[])[0].surge, surge, "{object}");
        assert_eq!(workloads(&plan, &Live::default(), &[])[0].surge, 0, "a first deploy replaces nothing");
    }
}

#[test]
fn an_autoscaler_has_the_last_word_on_replicas() {
    let scaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "api"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "api"}, "minReplicas": 2, "maxReplicas": 6}});
    let mut api = api("api:1");
    api["metadata"]["annotations"] = json!({"keyboss.io/initial": "/spec/replicas"});
    let plan = plan_of([(Phase::Deployments, api.clone()), (Phase::Availability, scaler)]);
    let mut scaled = api;
    scaled["spec"]["replicas"] = json!(5);
    for (live, replicas) in [(Live::default(), 2), (live([scaled]), 5)] {
        let found = &workloads(&plan, &live, &[])[0];
        assert_eq!((found.replicas, found.most), (replicas, 6));
        let need = need_of(std::slice::from_ref(found), "requests.memory", &Defaults::default());
        assert_eq!((need.sure.binary(), need.later.binary()), (format!("{replicas}Gi"), "6Gi".to_owned()));
    }
}

#[test]
fn what_is_asked_for_is_within_the_limits() {
    let range = |limit: Value| vec![json!({"metadata": {"name": "r"}, "spec": {"limits": [limit]}})];
    let plan = plan_of([(Phase::Stateful, stateful_set()), (Phase::Deployments, api("api:1"))]);
    let lives = live([claim("data-db-0", "5Gi", "Bound")]);
    let (workloads, claims) = (workloads(&plan, &lives, &[]), claims(&plan, &lives));
    for (limit, verdict, words) in [
        (json!({"type": "Container", "max": {"cpu": 1}, "min": {"memory": "1Gi"}}), Verdict::Ok, "within 1 LimitRange"),
        (
            json!({"type": "Container", "max": {"cpu": "900m"}}),
            Verdict::Fail,
            "LimitRange r: container api of Deployment api (a.yaml) may use 1 of cpu, and the most is 900m",
        ),
        (
            json!({"type": "Container", "min": {"memory": "2Gi"}}),
            Verdict::Fail,
            "asks for 1Gi of memory, and the least is 2Gi",
        ),
        (json!({"type": "Container", "max": {"disk": "1"}}), Verdict::Fail, "has to have a limit for disk"),
        (json!({"type": "Container", "min": {"disk": "1"}}), Verdict::Fail, "has to ask for disk"),
        (json!({"type": "Container", "maxLimitRequestRatio": {"cpu": 2}}), Verdict::Ok, "within"),
        (
            json!({"type": "Container", "maxLimitRequestRatio": {"cpu": "1.5"}}),
            Verdict::Fail,
            "more than 1500m times as much",
        ),
        (json!({"type": "PersistentVolumeClaim", "max": {"storage": "5Gi"}}), Verdict::Ok, "within"),
        (
            json!({"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}),
            Verdict::Fail,
            "claim data-db-1 asks for 5Gi, and the most is 1Gi",
        ),
        (json!({"type": "Container", "default": {"disk": "1"}, "max": {"disk": "1"}}), Verdict::Ok, "within"),
    ] {
        let findings = limits::check(&range(limit), &workloads, &claims);
        assert_told(&findings, verdict, words);
        assert!(!told(&findings).1.contains("data-db-0"), "what is there is not looked at again: {findings:?}");
    }
    let pods =
        |most: &str| limits::check(&range(json!({"type": "Pod", "max": {"memory": most}})), &workloads[1..], &claims);
    assert_told(&pods("2Gi"), Verdict::Ok, "within");
    assert_told(&pods("1Gi"), Verdict::Fail, "a pod of Deployment api (a.yaml) may use 2Gi of memory");
    assert_told(&limits::check(&[], &workloads, &claims), Verdict::Ok, "no LimitRange");
}

#[test]
fn a_claim_grows_and_that_of_a_stateful_set_stays_as_it_was_made() {
    let plan = plan_of([(Phase::Stateful, stateful_set()), (Phase::Migration, claim("media", "2Gi", ""))]);
    let lives = [claim("data-db-0", "3Gi", "Bound"), claim("media", "1Gi", "Bound")];
    let growth = |live: &Live| -> Vec<String> {
        claims(&plan, live).iter().map(|claim| format!("{} {}", claim.name, claim.growth().binary())).collect()
    };
    assert_eq!(growth(&Live::default()), ["data-db-0 5Gi", "data-db-1 5Gi", "media 2Gi"]);
    assert_eq!(growth(&live(lives)), ["data-db-0 0", "data-db-1 5Gi", "media 1Gi"]);
    assert_eq!(growth(&live([claim("media", "9Gi", "Bound")]))[2], "media 0", "a claim cannot shrink");
}

#[test]
fn claims_without_a_volume_need_a_class() {
    let class = |name: &str, default: &str| {
        json!({"metadata": {"name": name, "annotations": {"storageclass.kubernetes.io/is-default-class": default}},
               "provisioner": if name == "by-hand" { "kubernetes.io/no-provisioner" } else { "x" }})
    };
    let of =
        |plan: &Plan, live: &Live, classes: Result<Vec<Value>, String>| volumes::check(&claims(plan, live), &classes);
    let plan = plan_of([(Phase::Stateful, stateful_set())]);
    let (none, one) =
        (Live::default(), live([claim("data-db-0", "5Gi", "Bound"), claim("data-db-1", "5Gi", "Pending")]));
    let both = live([claim("data-db-0", "5Gi", "Bound"), claim("data-db-1", "5Gi", "Bound")]);
    assert_told(&of(&plan, &none, Ok(vec![class("fast", "")])), Verdict::Ok, "fast is there, for data-db-0, data-db-1");
    let missing = "no storage class fast, which data-db-1 ask for; it has slow (--set storage.class=NAME";
    assert_told(&of(&plan, &one, Ok(vec![class("slow", "true")])), Verdict::Fail, missing);
    assert_told(&of(&plan, &both, Ok(vec![])), Verdict::Ok, "2 claims, all with their volumes");
    assert_told(&of(&plan, &both, Err("you may not".to_owned())), Verdict::Ok, "2 claims");
    let unknown = "not checked whether there is the storage class fast: you may not";
    assert_told(&of(&plan, &none, Err("you may not".to_owned())), Verdict::Warn, unknown);
    let mut nameless = stateful_set();
    nameless["spec"]["volumeClaimTemplates"][0]["spec"].as_object_mut().unwrap().remove("storageClassName");
    let plan = plan_of([(Phase::Stateful, nameless)]);
    assert_told(&of(&plan, &none, Ok(vec![class("slow", "true")])), Verdict::Ok, "slow is there");
    assert_told(&of(&plan, &none, Ok(vec![class("slow", "false")])), Verdict::Fail, "no default one; it has slow");
    assert_told(&of(&plan, &none, Ok(vec![class("by-hand", "true")])), Verdict::Warn, "makes no volumes by itself");
}

#[test]
fn an_ingress_needs_a_class() {
    let class = |name: &str, default: &str| json!({"metadata": {"name": name, "annotations": {"ingressclass.kubernetes.io/is-default-class": default}}});
    let ingress = |spec: Value, annotation: Value| {
        let annotations = json!({"kubernetes.io/ingress.class": annotation});
        plan_of([(
            Phase::Deployments,
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "i", "annotations": annotations},
                   "spec": {"ingressClassName": spec}}),
        )])
    };
    let (named, old, nameless) = (
        ingress(json!("traefik"), Value::Null),
        ingress(Value::Null, json!("traefik")),
        ingress(Value::Null, Value::Null),
    );
    for (plan, classes, verdict, words) in [
        (&named, Ok(vec![class("traefik", "")]), Verdict::Ok, "traefik is there"),
        (&old, Ok(vec![class("traefik", "")]), Verdict::Ok, "traefik is there"),
        (&named, Ok(vec![class("nginx", "true")]), Verdict::Warn, "no ingress class traefik; it has nginx"),
        (&named, Ok(vec![]), Verdict::Warn, "it has none"),
        (&nameless, Ok(vec![class("nginx", "true")]), Verdict::Ok, "nginx is there"),
        (&nameless, Ok(vec![class("nginx", "")]), Verdict::Warn, "names no class"),
        (&named, Err("you may not".to_owned()), Verdict::Warn, "ingress class traefik: you may not"),
        (&Plan::default(), Ok(vec![]), Verdict::Ok, "no Ingress"),
    ] {
        assert_told(&ingress::check(plan, &classes), verdict, words);
    }
}

#[test]
fn rights_that_lack_are_told_with_what_lacks_them() {
    let access = |verb: &str, group: &str, resource: &str| Access {
        verb: verb.to_owned(),
        group: group.to_owned(),
        resource: resource.to_owned(),
        namespace: "shop".to_owned(),
        name: String::new(),
    };
    let create = access("create", "apps", "deployments");
    let check =
        |plan: &[(Phase, Access)], follow: &[Access], grant: &[Access]| allowed::check(plan, follow, grant, "shop");
    assert_told(&check(&[], &[], &[]), Verdict::Ok, "everything");
    let why = "you may not create deployments.apps in namespace shop; phase 4 deployments needs it";
    assert_told(&check(&[(Phase::Deployments, create.clone())], &[], &[]), Verdict::Fail, why);
    assert_told(&check(&[(Phase::ServiceMonitors, create)], &[], &[]), Verdict::Warn, "will be skipped");
    assert_told(&check(&[], &[access("watch", "", "pods")], &[]), Verdict::Warn, "every 2 s");
    assert_told(&check(&[], &[access("list", "", "pods")], &[]), Verdict::Fail, "does not see what is ready");
    assert_told(&check(&[], &[access("get", "", "pods/log")], &[]), Verdict::Warn, "without the end of its log");
    assert_told(&check(&[], &[], &[access("get", "", "secrets")]), Verdict::Fail, "create the plan's Roles");
}

#[test]
fn what_a_role_grants_is_asked_for_by_name() {
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"}, "rules": [
        {"apiGroups": ["", "apps"], "resources": ["pods"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["a", "b"], "verbs": ["patch"]},
    ]});
    let granted = allowed::granted(&plan_of([(Phase::Availability, role)]), "shop");
    let told: Vec<String> =
        granted.iter().map(|access| format!("{access} {}", access.name).trim_end().to_owned()).collect();
    let expected =
        ["get pods", "get pods.apps", "list pods", "list pods.apps", "patch configmaps a", "patch configmaps b"];
    assert_eq!(told, expected);
}

#[test]
fn what_is_not_served_is_told_with_what_a_deploy_does() {
    let monitor =
        json!({"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": {"name": "m"}});
    let scaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"}});
    let none = Served::default();
    let monitors = plan_of([(Phase::ServiceMonitors, monitor)]);
    assert_told(
        &apis::check(&monitors, &none, &[], &Ok(false)),
        Verdict::Warn,
        "phase 8 servicemonitors will be skipped",
    );
    let scalers = plan_of([(Phase::Availability, scaler)]);
    let why = "does not serve autoscaling/v2 HorizontalPodAutoscaler, which HorizontalPodAutoscaler h needs";
    assert_told(&apis::check(&scalers, &none, &[], &Ok(true)), Verdict::Fail, why);
    assert_told(&apis::check(&scalers, &none, &[], &Ok(false)), Verdict::Fail, "leave the number of pods as it is");
    let settled = ["ScaledObject a is not used".to_owned()];
    assert_told(
        &apis::check(&Plan::default(), &none, &settled, &Ok(false)),
        Verdict::Warn,
        "ScaledObject a is not used",
    );
    assert_told(&apis::check(&Plan::default(), &none, &[], &Ok(false)), Verdict::Ok, "every kind");
}

#[test]
fn an_old_server_is_told() {
    for (major, minor, verdict) in [
        ("1", "20", Verdict::Ok),
        ("1", "27+", Verdict::Ok),
        ("2", "0", Verdict::Ok),
        ("1", "19+", Verdict::Fail),
        ("", "", Verdict::Warn),
    ] {
        let numbers = standing::number(major).zip(standing::number(minor));
        assert_eq!(standing::server("https://x", "v", numbers).verdict, verdict, "{major} {minor}");
    }
}

#[test]
fn what_is_somebody_elses_is_told() {
    let plan = plan();
    let foreign = live([api("api:1")]);
    let mut own = api("api:1");
    own["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by": "keyboss"});
    let of = |live: &Live, unread: &[String]| standing::objects(&plan, live, &BTreeMap::new(), unread);
    assert_told(&of(&foreign, &[]), Verdict::Fail, "Deployment api exists and is not managed by keyboss");
    assert_told(&of(&live([own]), &[]), Verdict::Ok, "1 object of the plan");
    assert_told(&of(&Live::default(), &[]), Verdict::Ok, "nothing of the plan");
    assert_told(
        &of(&Live::default(), &["you may not read Secrets".to_owned()]),
        Verdict::Warn,
        "not checked: you may not",
    );
}
