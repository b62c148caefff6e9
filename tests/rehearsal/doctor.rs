//! `keyboss doctor`, run as a user runs it: what it finds, its exit code, and that it writes nothing.

use std::collections::BTreeMap;
use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use keyboss::cluster::LockKind;
use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::rights::Denial;
use serde_json::{Value, json};

use crate::lock::written;
use crate::schema::assert_described;
use crate::served::Served;
use crate::stage::{create_namespace, deployed, face, prepared, runtime};

const LOCAL: [&str; 2] = ["doctor", "--local"];

fn list(items: Value) -> Value {
    json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items})
}

fn node(cpu: &str, memory: &str) -> Value {
    let architecture = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "amd64" };
    json!({"metadata": {"name": "n"}, "spec": {}, "status": {
        "allocatable": {"cpu": cpu, "memory": memory}, "nodeInfo": {"architecture": architecture},
        "conditions": [{"type": "Ready", "status": "True"}]}})
}

/// What a k3s cluster has around the shop.
fn around() -> BTreeMap<String, Value> {
    let class = |name: &str| json!([{"metadata": {"name": name}, "provisioner": "rancher.io/local-path"}]);
    let metrics = json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "metrics.k8s.io/v1beta1",
        "resources": [{"name": "pods", "singularName": "", "namespaced": true, "kind": "PodMetrics", "verbs": ["get"]}]});
    BTreeMap::from([
        ("/apis/storage.k8s.io/v1/storageclasses".to_owned(), list(class("local-path"))),
        ("/apis/networking.k8s.io/v1/ingressclasses".to_owned(), list(class("traefik"))),
        ("/apis/metrics.k8s.io/v1beta1".to_owned(), metrics),
        ("/api/v1/nodes".to_owned(), list(json!([node("16", "64Gi")]))),
        ("/api/v1/namespaces/keyboss/resourcequotas".to_owned(), list(json!([]))),
        ("/api/v1/namespaces/keyboss/limitranges".to_owned(), list(json!([]))),
    ])
}

fn with(path: &str, items: Value) -> BTreeMap<String, Value> {
    let mut around = around();
    around.insert(path.to_owned(), list(items));
    around
}

fn with_quota(hard: Value, used: Value) -> BTreeMap<String, Value> {
    let quota =
        json!({"metadata": {"name": "tight"}, "spec": {"hard": hard.clone()}, "status": {"hard": hard, "used": used}});
    with("/api/v1/namespaces/keyboss/resourcequotas", json!([quota]))
}

/// A shop that stands.
fn standing() -> Face {
    let face = face();
    runtime().block_on(async {
        let _controllers = Controllers::start(&face);
        deployed(prepared(&face, "local", "k3d-x").await).await;
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    });
    face
}

/// A text without its numbers: seconds pass between two runs.
fn timeless(text: &str) -> String {
    text.replace(|character: char| character.is_ascii_digit(), "")
}

/// Runs it: the exit code, each check's worst verdict, and what it printed. Nothing is ever written.
fn examined(
    face: &Face,
    around: BTreeMap<String, Value>,
    arguments: &[&str],
) -> (i32, BTreeMap<String, String>, String) {
    let served = Served::beside(face, "k3d-x", "keyboss", around);
    let version = face.server().store().version();
    let (code, printed, error) = served.told(&[&LOCAL[..], arguments].concat());
    let (json_code, line, _) = served.told(&[&LOCAL[..], arguments, &["--output", "json"]].concat());
    assert_eq!(face.server().store().version(), version, "something was written");
    assert_eq!(json_code, code, "{printed}{error}");
    let told: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}{error}"));
    assert_described("doctor", &told);
    assert_eq!((&told["environment"], &told["namespace"]), (&json!("local"), &json!("keyboss")));
    let mut verdicts: BTreeMap<String, String> = BTreeMap::new();
    for finding in told["findings"].as_array().unwrap() {
        let text = |field: &str| finding[field].as_str().unwrap().to_owned();
        assert!(timeless(&printed).contains(&timeless(&text("found"))), "{finding} is not in {printed}");
        let worst = verdicts.entry(text("check")).or_default();
        // "fail" < "ok" < "warn": the order of the alphabet is no help.
        let rank = |word: &str| ["", "ok", "warn", "fail"].iter().position(|known| *known == word).unwrap();
        if rank(&text("verdict")) > rank(worst) {
            *worst = text("verdict");
        }
    }
    assert_eq!(told["verdict"] == "fail", code == 1, "{told}");
    (code, verdicts, printed + &error)
}

/// The checks that are not ok.
fn unwell(verdicts: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    verdicts
        .iter()
        .filter(|(_, verdict)| *verdict != "ok")
        .map(|(check, verdict)| (check.as_str(), verdict.as_str()))
        .collect()
}

const CHECKS: usize = 18;
/// A plain cluster serves no ServiceMonitors.
const PLAIN: [(&str, &str); 1] = [("apis", "warn")];

#[test]
fn where_all_is_well_nothing_fails() {
    for (face, words) in [
        (
            face(),
            ["keyboss is not there yet: a deploy makes it", "nothing of the plan is there yet", "there was none yet"],
        ),
        (standing(), ["keyboss is there, made by keyboss", "objects of the plan there, all keyboss'", "the last is 1"]),
    ] {
        let (code, verdicts, text) = examined(&face, around(), &[]);
        assert_eq!((code, unwell(&verdicts)), (0, PLAIN.to_vec()), "{text}");
        assert_eq!(verdicts.len(), CHECKS, "{verdicts:?}");
        for words in words.iter().chain(&[
            "Kubernetes v1.20.2",
            "you may do everything",
            "phase 8 servicemonitors will be skipped",
        ]) {
            assert!(text.contains(words), "{words:?} is not in {text}");
        }
        let last = text.lines().last().unwrap();
        assert!(
            last.starts_with("nothing that was checked keeps a deploy to namespace keyboss from working; "),
            "{text}"
        );
    }
}

#[test]
fn a_quota_that_is_too_small_fails_with_its_numbers() {
    let hard = json!({"requests.memory": "1Gi", "requests.cpu": "16"});
    let (code, verdicts, text) =
        examined(&face(), with_quota(hard, json!({"requests.memory": "0", "requests.cpu": "0"})), &[]);
    assert_eq!((code, verdicts["quota"].as_str()), (1, "fail"), "{text}");
    assert!(text.contains("ResourceQuota tight: requests.memory: 1Gi of 1Gi free: a deploy needs "), "{text}");
    assert!(!text.contains("tight: requests.cpu"), "{text}");
    let last = text.lines().last().unwrap();
    assert!(
        last.contains("would not work: 1 failure") && last.contains("first, quota: have requests.memory of"),
        "{text}"
    );
}

#[test]
fn what_stands_already_fits_the_quota_that_it_fills() {
    let face = standing();
    // The pods that run, as the quota controller counts them.
    let pods = keyboss::rehearsal::kinds::Kind::named("v1", "Pod").unwrap();
    let is_running = |pod: &&std::sync::Arc<Value>| pod["status"]["phase"] == "Running";
    let running = face.server().store().list(pods, "keyboss").filter(is_running).count();
    assert!(running > 10, "{running}");
    let of = |hard: usize| {
        let (hard, used) = (json!({"pods": hard.to_string()}), json!({"pods": running.to_string()}));
        examined(&face, with_quota(hard, used), &["--set", "autoscaling.api.maxReplicas=2"])
    };
    // Full: nothing more is needed, unless everything is replaced.
    let (code, verdicts, text) = of(running);
    assert_eq!((code, verdicts["quota"].as_str()), (0, "warn"), "{text}");
    assert!(text.contains("pods: 0 of ") && text.contains("a deploy that changes everything needs"), "{text}");
    assert_eq!(of(running + 30).1["quota"], "ok");
    // Another image is certain to need room for a pod more.
    let (hard, used) = (json!({"pods": running.to_string()}), json!({"pods": running.to_string()}));
    let (code, _, text) = examined(&face, with_quota(hard, used), &["--set", "images.dashboard.tag=3.23"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains(": a deploy needs 1 more ("), "{text}");
}

#[test]
fn rights_that_lack_are_named() {
    let denied = |face: &Face, verb: &str, resource: &str| {
        face.rights().deny(Denial { verb: verb.to_owned(), resource: resource.to_owned() });
    };
    let face_of = |rights: &[(&str, &str)]| {
        let face = face();
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(create_namespace(&face, "keyboss"));
        rights.iter().for_each(|(verb, resource)| denied(&face, verb, resource));
        face
    };
    let (code, verdicts, text) =
        examined(&face_of(&[("create", "deployments"), ("delete", "networkpolicies")]), around(), &[]);
    assert_eq!((code, unwell(&verdicts)), (1, [("apis", "warn"), ("rights", "fail")].to_vec()), "{text}");
    for words in [
        "you may not create deployments.apps in namespace keyboss; phase 4 deployments needs it",
        "you may not delete networkpolicies.networking.k8s.io in namespace keyboss; phase 1 config needs it; without it: --set",
        "ask the administrators of namespace keyboss",
    ] {
        assert!(text.contains(words), "{words:?} is not in {text}");
    }
    // What may not be read is said, and hides no other check.
    let (code, verdicts, text) = examined(&face_of(&[("list", "configmaps"), ("get", "pods/log")]), around(), &[]);
    let unwell = unwell(&verdicts);
    let expected = [("apis", "warn"), ("objects", "warn"), ("releases", "warn"), ("rights", "fail")];
    assert_eq!((code, unwell), (1, expected.to_vec()), "{text}");
    assert!(text.contains("not checked: you may not read objects of kind ConfigMap"), "{text}");
    // Nobody may give rights that he has not.
    let (code, _, text) = examined(&face_of(&[("create", "events"), ("escalate", "roles")]), around(), &[]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("you may not create the plan's Roles") && text.contains("create events"), "{text}");
    assert_eq!(examined(&face_of(&[("create", "events")]), around(), &[]).0, 0, "who may escalate may");
}

#[test]
fn a_storage_class_that_lacks_fails_before_there_are_volumes() {
    let slow = json!([{"metadata": {"name": "slow"}, "provisioner": "x"}]);
    let around = || with("/apis/storage.k8s.io/v1/storageclasses", slow.clone());
    let (code, verdicts, text) = examined(&face(), around(), &[]);
    assert_eq!((code, unwell(&verdicts)), (1, [("apis", "warn"), ("storage", "fail")].to_vec()), "{text}");
    assert!(text.contains("no storage class local-path, which") && text.contains("it has slow"), "{text}");
    assert!(text.contains("data-postgres-0, data-postgres-1"), "{text}");
    assert_eq!(examined(&face(), around(), &["--set", "storage.class=slow"]).0, 0);
    let (code, verdicts, text) = examined(&standing(), around(), &[]);
    assert_eq!((code, verdicts["storage"].as_str()), (0, "ok"), "{text}");
}

#[test]
fn what_cannot_be_asked_is_a_warning_each() {
    // Nothing is served around the shop.
    let (code, verdicts, text) = examined(&face(), BTreeMap::new(), &[]);
    let expected: Vec<(&str, &str)> =
        ["apis", "ingress", "limits", "nodes", "quota", "storage"].into_iter().map(|check| (check, "warn")).collect();
    assert_eq!((code, unwell(&verdicts)), (0, expected), "{text}");
    for words in [
        "the cluster does not serve storageclasses",
        "install metrics-server",
        "not checked: the cluster does not serve nodes",
    ] {
        assert!(text.contains(words), "{words:?} is not in {text}");
    }
}

#[test]
fn pull_secrets_are_looked_at_and_never_shown() {
    let face = face();
    let secret = |name: &str, text: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "keyboss", "uid": name},
               "type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": STANDARD.encode(text)}})
    };
    let token = STANDARD.encode("me:hunter22hunter22");
    let good = format!(r#"{{"auths": {{"ghcr.io": {{"auth": "{token}", "password": "hunter22hunter22"}}}}}}"#);
    let objects = [secret("good", &good), secret("bad", "{\"auths\": \"hunter22hunter22\"}")];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(create_namespace(&face, "keyboss"));
    keyboss::rehearsal::adopt::adopt(&face, &objects);
    let (code, verdicts, text) = examined(&face, around(), &["--set", "imagePullSecrets=[good]"]);
    assert_eq!((code, verdicts["pull secrets"].as_str()), (0, "ok"), "{text}");
    assert!(text.contains("Secret good is for ghcr.io"), "{text}");
    let (code, _, more) = examined(&face, around(), &["--set", "imagePullSecrets=[good, bad, none]"]);
    assert_eq!(code, 1, "{more}");
    for words in
        ["Secret bad names no registries", "Secret none is not there", "kubectl create secret docker-registry none"]
    {
        assert!(more.contains(words), "{words:?} is not in {more}");
    }
    assert!(!(text + &more).contains("hunter22") && !more_contains(&token, &face), "a secret is shown");
}

/// Whether the verbose log shows a text.
fn more_contains(text: &str, face: &Face) -> bool {
    let served = Served::beside(face, "k3d-x", "keyboss", around());
    let (_, printed, logged) = served.told(&["doctor", "--local", "--set", "imagePullSecrets=[good, bad]", "-vv"]);
    printed.contains(text) || logged.contains(text)
}

#[test]
fn a_password_that_only_the_database_knows_is_missed() {
    let face = standing();
    let secrets = keyboss::rehearsal::kinds::Kind::named("v1", "Secret").unwrap();
    let (namespace, name) = ("keyboss".to_owned(), "keyboss-secrets".to_owned());
    face.change(|server| server.end(&keyboss::rehearsal::store::Key { kind: secrets, namespace, name }));
    let (code, verdicts, text) = examined(&face, around(), &[]);
    assert_eq!((code, verdicts["secrets"].as_str()), (1, "fail"), "{text}");
    for words in ["Secret keyboss-secrets has no POSTGRES_PASSWORD", "KEYBOSS_SECRET_REPLICATION_PASSWORD"] {
        assert!(text.contains(words), "{words:?} is not in {text}");
    }
}

#[test]
fn who_deploys_at_the_moment_is_told() {
    let face = face();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(create_namespace(&face, "keyboss"));
    written(&face, LockKind::Lease, "ana@laptop", Timestamp::now());
    let (code, verdicts, text) = examined(&face, around(), &[]);
    assert_eq!((code, verdicts["lock"].as_str()), (0, "warn"), "{text}");
    assert!(text.contains("ana@laptop holds the lock (a Lease)") && text.contains("keyboss unlock"), "{text}");
}

#[test]
fn what_is_not_expected_and_what_does_not_render_fails_beside_the_rest() {
    let (code, verdicts, text) = examined(&face(), around(), &["--set", "expect.server=https://shop.example:*"]);
    assert_eq!((code, unwell(&verdicts)), (1, [("apis", "warn"), ("context", "fail")].to_vec()), "{text}");
    assert!(text.contains("`expect.server` in envs/local.yaml"), "{text}");

    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("envs")).unwrap();
    for file in ["envs/default.yaml", "envs/local.yaml"] {
        fs::copy(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file), folder.path().join(file)).unwrap();
    }
    let manifests = folder.path().join("manifests/1-config");
    fs::create_dir_all(&manifests).unwrap();
    fs::write(manifests.join("own.yaml"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ no.such }}'}\n")
        .unwrap();
    let (code, verdicts, text) = examined(&face(), around(), &["--project", folder.path().to_str().unwrap()]);
    assert_eq!((code, verdicts["manifests"].as_str(), verdicts["server"].as_str()), (1, "fail", "ok"), "{text}");
    assert!(text.contains("own.yaml:3") && text.contains("not checked: the manifests do not render"), "{text}");
}

#[test]
fn a_name_that_is_not_known_here_says_what_to_write_into_the_hosts_file() {
    let (code, verdicts, text) = examined(&face(), around(), &["--set", "publicUrl=http://no.such.shop.invalid"]);
    assert_eq!((code, verdicts["dns"].as_str()), (0, "warn"), "{text}");
    assert!(text.contains("`ADDRESS no.such.shop.invalid` to /etc/hosts"), "{text}");
}
