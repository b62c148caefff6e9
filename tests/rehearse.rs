//! `keyboss rehearse`, run as a user runs it: no cluster, no root.

use std::fs;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Runs it, with nothing around it.
fn rehearse(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyboss"));
    command.env_clear().arg("rehearse").args(arguments);
    command.output().unwrap()
}

/// Its exit code and what it printed, errors last.
fn told(arguments: &[&str]) -> (i32, String) {
    let output = rehearse(arguments);
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code().unwrap(), text)
}

fn assert_told(arguments: &[&str], code: i32, parts: &[&str]) {
    let (ended, text) = told(arguments);
    assert_eq!(ended, code, "{arguments:?}:\n{text}");
    for part in parts {
        assert!(text.contains(part), "{arguments:?}: {part:?} is not in:\n{text}");
    }
}

#[test]
fn eight_phases_run() {
    for (place, opening) in [
        ("--local", "rehearsing local to namespace keyboss (context rehearsal, server rehearsal, Kubernetes v1.20.2)"),
        ("--deti", "rehearsing deti to namespace tenant-keyboss (context rehearsal,"),
    ] {
        let table = ["Stateful            done", "Monitoring          done", "ServiceMonitors     skipped"];
        assert_told(&[place], 0, &[&[opening, "rehearsal: deployed to namespace"][..], &table].concat());
    }
}

#[test]
fn alerts_that_could_never_fire_are_told() {
    let unwatched = "--set=monitoring.exporter.apiServer=false";
    let words =
        "there is no alert DeployLockStuck, HighCPUUsage, HighMemoryUsage: the exporter does not ask the API server";
    assert_told(&["--local", unwatched], 0, &[words]);
    assert!(!told(&["--local"]).1.contains("there is no alert"));
}

#[test]
fn what_the_cluster_says_is_told_once() {
    let (code, text) = told(&["--local", "--fail", "crash:celery-worker"]);
    let lines = |words: &[&str]| text.lines().filter(|line| words.iter().all(|word| line.contains(word))).count();
    assert_eq!(code, 1, "{text}");
    assert_eq!(
        lines(&["[3/8 Migration] log  migrate-", " │ rehearsed, not run: python3 manage.py migrate"]),
        1,
        "{text}"
    );
    // Two pods crash four times, less the last crash of the one that is slower.
    let [crashes, words] =
        [["note: pod celery-worker-", "ended with exit code 1"], ["log  celery-worker-", "exits with 1"]];
    assert!((7..=8).contains(&lines(&crashes)) && lines(&crashes) == lines(&words), "{text}");
    let warned: Vec<&str> = text.lines().filter_map(|line| line.split("warning  Pod ").nth(1)).collect();
    assert_eq!(warned.len(), 2, "{text}");
    assert!(warned[0] != warned[1] && warned.iter().all(|line| line.contains(": BackOff: Back-off")), "{warned:?}");
}

#[test]
fn a_secret_that_a_container_writes_is_masked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secrets.yaml");
    fs::write(&file, "EMAIL_URL: python3 manage.py\n").unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let (code, text) = told(&["--local", "--secrets-file", file.to_str().unwrap()]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("│ rehearsed, not run: [redacted] migrate --no-input"), "{text}");
    assert!(!text.contains("python3 manage.py"), "{text}");
}

#[test]
fn without_the_right_to_events_and_logs_a_deploy_goes_on() {
    let denied = ["--fail", "denied:list/events", "--fail", "denied:watch/events", "--fail", "denied:get/pods/log"];
    let (code, text) = told(&[&["--local"], &denied[..]].concat());
    assert_eq!(code, 0, "{text}");
    for words in ["you may not read events", "what Jobs write is not shown"] {
        assert_eq!(text.matches(words).count(), 1, "{words}:\n{text}");
    }
    assert!(!text.contains("log  "), "{text}");
}

#[test]
fn keda_is_there_where_it_is_asked_for() {
    let on = ["--local", "--set", "autoscaling.keda.enabled=true"];
    assert_told(&on, 0, &["created ScaledObject celery-worker", "ready: ScaledObject celery-worker"]);
    let (_, text) = told(&on);
    assert!(!text.contains("HorizontalPodAutoscaler celery-worker"), "{text}");
    let (_, text) = told(&["--local"]);
    assert!(!text.contains("ScaledObject"), "{text}");
}

#[test]
fn failures_are_diagnosed_as_in_a_deploy() {
    let table: &[(&[&str], &[&str])] = &[
        (
            &["image:saleor-api"],
            &["FAILED Deployment saleor-api: ErrImagePull", "not found", "Deployments         failed"],
        ),
        (
            &["crash:celery-worker"],
            &[
                "FAILED Deployment celery-worker: CrashLoop",
                "ended with exit code 1, restarted 3 times",
                "exits with 1, as ordered",
                "BackOff",
            ],
        ),
        (
            &["migration"],
            &["FAILED Job migrate-", "BackoffLimitExceeded", "exits with 1", "Migration           failed"],
        ),
        (
            &["unschedulable:postgres"],
            &["FAILED StatefulSet postgres: Unschedulable", "Insufficient memory", "FailedScheduling"],
        ),
        (
            &["volume:data-postgres-0"],
            &["FAILED StatefulSet postgres: ProvisioningFailed", "claim data-postgres-0: storageclass", "not found"],
        ),
        (
            &["unready:saleor-storefront"],
            &["saleor-storefront", "Readiness probe failed", "Deployments         failed"],
        ),
        (&["api:PATCH/configmaps:422"], &["the API server answered 422 Invalid", "config  failed"]),
        (
            &["image:redis", "unschedulable:postgres"],
            &["FAILED StatefulSet redis: ErrImagePull", "Stateful            failed"],
        ),
    ];
    for (failures, parts) in table {
        let arguments: Vec<&str> = ["--local"].into_iter().chain(failures.iter().flat_map(|f| ["--fail", f])).collect();
        assert_told(&arguments, 1, &[parts, &["rehearsal: phase", "then rehearse again"][..]].concat());
    }
}

#[test]
fn what_passes_by_itself_is_survived() {
    for failure in ["api:PATCH/*:503@3", "api:WATCH/pods:torn@1", "api:GET/*:429@2", "kill@stateful", "kill@phase4"] {
        assert_told(&["--local", "--fail", failure], 0, &["rehearsal: deployed to namespace"]);
    }
    assert_told(&["--deti", "--fail", "kill@4"], 0, &["keyboss is killed, as ordered", "unchanged"]);
}

#[test]
fn a_refusal_touches_nothing() {
    let table: &[(&[&str], &str)] = &[
        (&["--deti", "--fail", "denied:create/deployments"], "you may not create deployments.apps in namespace tenant"),
        (
            &["--deti", "--fail", "denied:create/networkpolicies"],
            "needs it; without it: --set networkPolicies.enabled=false",
        ),
        (&["--local", "--fail", "api:GET/version:500"], "the API server answered 500"),
        (&["--local", "--fail", "image:saleor-apo"], "there is no workload saleor-apo; there are: alertmanager, "),
        (&["--local", "--fail", "volume:data"], "there is no claim data; there are: alertmanager"),
        (&["--local", "--fail", "imgae:saleor-api"], "none of the failures that --fail list shows"),
        (&["--local", "--fail", "api:PATCH/pods:200"], "not an HTTP status code of a failure"),
        (&["--local", "--set", "contexts=[]"], "it names none"),
        (&["--local", "--from", "deployments"], "deploy that phase first"),
        (&["--local", "--context", "k3d-shop"], "add --from-cluster"),
        (&["--fail", "migration"], "--local"),
    ];
    for (arguments, part) in table {
        assert_told(arguments, 2, &[part]);
    }
}

#[test]
fn a_tenant_has_a_namespace_and_nobody_else_has() {
    let own = "contexts=[{name: k3d-shop, namespace: \"*\"}]";
    assert_told(&["--local", "--only", "config", "--set", own], 0, &["created Namespace keyboss"]);
    let (_, text) = told(&["--deti", "--only", "config"]);
    assert!(!text.contains("created Namespace"), "{text}");
}

#[test]
fn where_nothing_is_to_be_taken_over_adopt_changes_nothing() {
    for place in ["--local", "--deti"] {
        assert_told(&[place, "--adopt", "--only", "config"], 0, &["rehearsal: deployed to namespace"]);
    }
}

#[test]
fn a_reset_is_rehearsed_without_a_question() {
    for place in ["--local", "--deti"] {
        assert_told(&[place, "--reset"], 0, &["there is nothing of keyboss", "rehearsal: deployed to namespace"]);
    }
    // What was there when keyboss was killed is deleted by the run after it.
    let parts = ["keyboss is killed", "data-postgres-0     5Gi of data", "deleted Secret keyboss-secrets", "reset in"];
    assert_told(&["--local", "--reset", "--fail", "kill@6"], 0, &parts);
    let kept = "PersistentVolumeClaim postgres-backup     1Gi of backups";
    assert_told(&["--local", "--reset", "--fail", "kill@7"], 0, &["and keeps", kept]);
    let deleted = "deleted PersistentVolumeClaim postgres-backup";
    assert_told(&["--local", "--reset", "--with-backups", "--fail", "kill@7"], 0, &[deleted]);
    let server = ["--local", "--set", "expect.server=https://shop.example"];
    assert_told(&server, 0, &["rehearsal: deployed to namespace"]);
}

#[test]
fn real_time_is_not_skipped() {
    let began = Instant::now();
    assert_told(&["--local", "--real-time", "--fail", "image:redis"], 1, &["FAILED StatefulSet redis: ErrImagePull"]);
    // The node takes a second to find that out, and two are waited for further failures.
    assert!(began.elapsed() >= Duration::from_secs(3), "{:?}", began.elapsed());
}

#[test]
fn the_failures_are_listed() {
    for arguments in [&["--fail", "list"][..], &["--local", "--fail", "list"]] {
        assert_told(arguments, 0, &["image:WORKLOAD", "api:VERB/RESOURCE", "kill@PHASE"]);
    }
}

#[test]
fn programs_are_told_that_it_is_a_rehearsal() {
    let output = rehearse(&["--deti", "--output", "json", "--fail", "image:prometheus"]);
    let lines: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["event"], "deploy-started");
    assert_eq!(lines[0]["rehearsal"], true);
    let last = lines.last().unwrap();
    assert_eq!((&last["event"], &last["succeeded"]), (&"deploy-finished".into(), &false.into()));
}

#[test]
fn what_a_deploy_would_not_tell_is_found() {
    let project = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").args(["-r", "envs", "manifests"]).arg(project.path()).status().unwrap();
    assert!(copied.success());
    let manifest = project.path().join("manifests/4-deployments/saleor-storefront.yaml");
    let text = fs::read_to_string(&manifest).unwrap();
    let broken = text.replacen("targetPort: http", "targetPort: web", 1);
    assert_ne!(text, broken);
    fs::write(&manifest, broken).unwrap();
    let folder = project.path().to_str().unwrap();
    let parts =
        ["rehearsal: deployed", "a deploy would not tell: ", "Service saleor-storefront: spec.ports[0].targetPort"];
    assert_told(&["--local", "--project", folder], 1, &parts);
}
