//! A deploy that fails in each phase, is interrupted in each phase, killed at any moment, or met by another: the shop is as
//! it was, and the next deploy finishes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::kubectl::eventually;
use crate::project;
use crate::shop::{Run, Shop};

/// Something in every phase that applies: a value that API, workers and beat read, a replica, an autoscaler, the backups'
/// number, Prometheus' configuration.
const CHANGE: [&str; 10] = [
    "--set",
    "saleor.allowedHosts=[changed.example.com]",
    "--set",
    "replicas.dashboard=2",
    "--set",
    "autoscaling.api.maxReplicas=5",
    "--set",
    "backup.keep=5",
    "--set",
    "monitoring.prometheus.scrapeInterval=20s",
];

/// What a rollback restores: everything but data, Jobs and values of Secrets, less what moves by itself.
fn restored(shop: &Shop) -> BTreeMap<String, Value> {
    let mut objects = shop.objects();
    objects.retain(|name, _| {
        let kind = name.split(' ').next().unwrap();
        !matches!(kind, "Job" | "Secret") && !name.starts_with("ConfigMap keyboss-release-")
    });
    for object in objects.values_mut() {
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.remove("generation");
        if let Some(notes) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            notes.remove("deployment.kubernetes.io/revision");
        }
    }
    objects
}

fn assert_restored(shop: &Shop, before: &BTreeMap<String, Value>, what: &str) {
    let now = restored(shop);
    assert_eq!(now.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>(), "{what}");
    for (name, object) in before {
        assert_eq!(&now[name], object, "{what}: {name}");
    }
}

/// Nobody holds the lock, and an unchanged deploy writes nothing and restarts nothing.
fn assert_settled(shop: &Shop, what: &str) {
    let lease = shop.namespace.get(&["lease", "keyboss-deploy"]);
    assert_eq!(lease["spec"]["holderIdentity"].as_str().unwrap_or_default(), "", "{what}");
    let run = shop.deploy(&[]).succeeded();
    assert!(run.written().is_empty(), "{what}: {:?}", run.written());
}

/// A Deployment that never becomes ready, as a manifest.
fn broken(name: &str, container: &Value) -> String {
    let labels = json!({"app.kubernetes.io/name": name});
    let mut container = container.clone();
    container["name"] = json!("main");
    let spec = json!({"replicas": 1, "progressDeadlineSeconds": 240, "selector": {"matchLabels": labels},
                      "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels}, "spec": spec})
        .to_string()
}

/// What goes wrong in a phase: a manifest that is added to it.
fn failing(folder: &Path, phase: usize) {
    let image = "keyboss-test/debian:12";
    let container = match phase {
        2 => json!({"image": image, "command": ["sleep", "9"], "resources": {"requests": {"cpu": "64"}}}),
        5 => json!({"image": image, "command": ["sh", "-c", "echo no quorum; exit 3"]}),
        6 => json!({"image": image, "command": ["sleep", "9"],
                    "envFrom": [{"secretRef": {"name": "none-of-that-name"}}]}),
        _ => json!({"image": "keyboss/nothing:of-the-kind"}),
    };
    let names = ["", "config", "stateful", "migration", "deployments", "availability", "backup", "monitoring"];
    let file = folder.join(format!("manifests/{phase}-{}/zz-broken.yaml", names[phase]));
    if phase == 3 {
        let words = format!("column {} exists", std::process::id());
        let manifest = folder.join("manifests/3-migration/migrate.yaml");
        let command = "command: [python3, manage.py, migrate, --no-input]";
        project::replace(&manifest, command, &format!("command: [sh, -c, 'echo {words}; exit 1']"));
    } else {
        fs::write(file, broken(&format!("broken-{phase}"), &container)).unwrap();
    }
}

#[test]
#[ignore = "needs a cluster"]
fn a_failure_in_any_phase_leaves_everything_as_it_was() {
    let shop = Shop::shared();
    for (phase, reason) in [
        (2, "Unschedulable"),
        (3, "JobFailed"),
        (4, "ErrImagePull"),
        (5, "CrashLoop"),
        (6, "CreateContainerConfigError"),
        (7, "ErrImagePull"),
    ] {
        let what = format!("phase {phase}");
        let project = project::copy();
        failing(project.path(), phase);
        let (before, pods) = (restored(&shop), shop.pods());
        let sets = shop.namespace.items(&["statefulsets,persistentvolumeclaims"]);
        let arguments = [&["--project", project.path().to_str().unwrap()][..], &CHANGE].concat();
        let run = shop.deploy(&arguments);
        assert_eq!(run.code, Some(1), "{what}: {}", run.text());
        assert_eq!(run.diagnosis()["reason"], reason, "{what}: {}", run.text());
        assert_eq!(run.of("rollback-finished")[0]["complete"], true, "{what}: {}", run.text());
        assert_restored(&shop, &before, &what);
        let untouched = |items: &[Value]| -> Vec<Value> {
            items.iter().map(|item| json!([item["metadata"]["uid"], item["spec"]])).collect()
        };
        let now = shop.namespace.items(&["statefulsets,persistentvolumeclaims"]);
        assert_eq!(untouched(&now), untouched(&sets), "{what}");
        let stays = |pods: &BTreeMap<String, (String, Vec<u64>)>| {
            pods.iter()
                .filter(|(name, _)| name.starts_with("postgres-") || name.starts_with("redis-"))
                .map(|(name, pod)| (name.clone(), pod.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(stays(&shop.pods()), stays(&pods), "{what}");
        assert_settled(&shop, &what);
    }
}

#[test]
#[ignore = "needs a cluster"]
fn what_the_server_would_refuse_is_known_before_anything_is_written() {
    let shop = Shop::shared();
    let project = project::copy();
    let manifest = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one-too-many"}}).to_string();
    fs::write(project.path().join("manifests/1-config/zz-broken.yaml"), manifest).unwrap();
    let count = shop.namespace.items(&["configmaps"]).len();
    shop.namespace.say(&["create", "quota", "few", &format!("--hard=configmaps={count}")]);
    eventually(30, "the quota is counted", || {
        let quota = shop.namespace.get(&["quota", "few"]);
        (quota["status"]["used"]["configmaps"] == count.to_string().as_str()).then_some(())
    });
    let before = shop.objects();
    let run = shop.deploy(&[&["--project", project.path().to_str().unwrap()][..], &CHANGE].concat());
    shop.namespace.say(&["delete", "quota", "few"]);
    assert_eq!(run.code, Some(2), "{}", run.text());
    assert!(run.stderr.contains("one-too-many") && run.stderr.contains("exceeded quota"), "{}", run.stderr);
    assert_eq!(shop.objects(), before);
}

#[test]
#[ignore = "needs a cluster"]
fn an_interrupt_in_any_phase_rolls_back() {
    let shop = Shop::shared();
    let before = restored(&shop);
    let phases = [
        ("config", "INT"),
        ("stateful", "TERM"),
        ("migration", "HUP"),
        ("deployments", "INT"),
        ("availability", "TERM"),
        ("backup", "HUP"),
        ("monitoring", "INT"),
    ];
    for (phase, signal) in phases {
        let mut child =
            shop.command(&["deploy"], &CHANGE).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut events = Vec::new();
        for line in out.lines().map(Result::unwrap) {
            let event: Value = serde_json::from_str(&line).unwrap();
            if event["event"] == "phase-started" && event["phase"] == phase {
                let told = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
                assert!(told.success());
            }
            events.push(event);
        }
        let code = child.wait().unwrap().code();
        let run = Run { code, events, stderr: String::new() };
        assert_eq!(run.code, Some(130), "{phase}: {}", run.text());
        assert_restored(&shop, &before, phase);
        assert_settled(&shop, phase);
    }
}

#[test]
#[ignore = "needs a cluster"]
fn a_deploy_killed_at_any_moment_is_recovered_by_the_next() {
    let shop = Shop::shared();
    // So that a dead deploy's lock is soon known to be dead.
    let lock = ["--set", "lock.durationSeconds=6", "--set", "lock.renewSeconds=2"];
    let mut moment = fastrand::Rng::with_seed(4);
    let hosts = |run: usize| format!("saleor.allowedHosts=[run-{run}.example.com]");
    for run in 0..20 {
        let change = hosts(run);
        let arguments = [&lock[..], &["--set", &change]].concat();
        let mut child =
            shop.command(&["deploy"], &arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // An upgrade takes about that long.
        sleep(Duration::from_millis(moment.u64(200..25_000)));
        drop(child.kill());
        child.wait().unwrap();
        sleep(Duration::from_secs(7));
        let next = shop.deploy(&arguments).succeeded();
        let journals = shop.namespace.items(&["configmaps", "-l", "keyboss.io/release"]);
        let unfinished = journals.iter().filter(|map| {
            let journal: Value = serde_json::from_str(map["data"]["journal"].as_str().unwrap()).unwrap();
            journal["state"] == "running" || journal["state"] == "incomplete"
        });
        assert_eq!(unfinished.count(), 0, "run {run}: {}", next.text());
        let config = shop.namespace.get(&["configmap", "keyboss-config"]);
        assert!(config["data"]["ALLOWED_HOSTS"].as_str().unwrap().contains(&format!("run-{run}.")), "run {run}");
    }
    shop.deploy(&[]).succeeded();
    assert_settled(&shop, "after all");
}

#[test]
#[ignore = "needs a cluster"]
fn of_two_deploys_at_once_one_wins_and_the_other_touches_nothing() {
    let shop = Shop::shared();
    let start = |hosts: &str| {
        let change = format!("saleor.allowedHosts=[{hosts}]");
        shop.command(&["deploy"], &["--set", &change]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let both = [start("one.example.com"), start("two.example.com")];
    let ended: Vec<(Option<i32>, String)> = both
        .into_iter()
        .map(|child| child.wait_with_output().unwrap())
        .map(|output| (output.status.code(), String::from_utf8(output.stderr).unwrap()))
        .collect();
    let mut codes: Vec<Option<i32>> = ended.iter().map(|(code, _)| *code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(4)], "{ended:?}");
    let winner = if ended[0].0 == Some(0) { "one" } else { "two" };
    let hosts = shop.namespace.get(&["configmap", "keyboss-config"])["data"]["ALLOWED_HOSTS"].clone();
    assert!(hosts.as_str().unwrap().ends_with(&format!("{winner}.example.com")), "{hosts}");
    shop.deploy(&[]).succeeded();
}

#[test]
#[ignore = "needs a cluster"]
fn rolling_back_twice_goes_back_two_releases_and_moves_nothing_that_others_moved() {
    let shop = Shop::shared();
    let hosts = |name: &str| format!("saleor.allowedHosts=[{name}.example.com]");
    let now = || shop.namespace.get(&["configmap", "keyboss-config"])["data"].clone();
    // The watchdog's hand and the autoscaler's: what a first deploy sets is another primary, and fewer workers.
    shop.lead("postgres-1");
    let workers = "autoscaling.worker.minReplicas=3";
    for name in ["first", "second", "third"] {
        shop.deploy(&["--set", &hosts(name), "--set", workers]).succeeded();
    }
    eventually(60, "the autoscaler adds a worker", || {
        let worker = shop.namespace.get(&["deployment", "celery-worker"]);
        (worker["spec"]["replicas"] == 3).then_some(())
    });
    for name in ["second", "first"] {
        let run = shop.rollback(&["--yes"]).succeeded();
        let config = now();
        assert!(
            config["ALLOWED_HOSTS"].as_str().unwrap().ends_with(&format!("{name}.example.com")),
            "{config} {}",
            run.text()
        );
        assert_eq!(config["POSTGRES_HOST"], "postgres-1.postgres");
        let worker = shop.namespace.get(&["deployment", "celery-worker"]);
        assert!(worker["spec"]["replicas"].as_u64().unwrap() >= 3, "{worker}");
    }
    shop.deploy(&[]).succeeded();
}
