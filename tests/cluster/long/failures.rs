//! What a deploy says and keeps when something of it cannot work.

use crate::project;
use crate::shop::Shop;

#[test]
#[ignore = "needs a cluster"]
fn a_crash_loop_fails_fast_with_the_end_of_the_log() {
    let shop = Shop::shared();
    let project = project::copy();
    let crash = "command: [sh, -c, 'echo no such engine; exit 7']";
    project::replace(
        &project.path().join("manifests/4-deployments/saleor-dashboard.yaml"),
        "imagePullPolicy: IfNotPresent",
        &format!("imagePullPolicy: IfNotPresent\n          {crash}"),
    );
    let arguments = ["--project", project.path().to_str().unwrap()];
    let rehearsed = shop.rehearse(&[&arguments[..], &["--fail", "crash:saleor-dashboard"]].concat());
    let run = shop.deploy(&arguments);
    assert_eq!(run.code, Some(1), "{}", run.text());
    assert_eq!(run.phase("deployments")["outcome"], "failed", "{}", run.text());
    let diagnosis = run.diagnosis();
    assert_eq!(diagnosis["object"], "Deployment saleor-dashboard");
    assert_eq!(diagnosis["log"], serde_json::json!(["no such engine"]));
    assert_eq!(rehearsed.failure(), run.failure());
    shop.deploy(&[]).succeeded();
}

#[test]
#[ignore = "needs a cluster"]
fn a_failed_migration_is_shown_and_run_again() {
    let shop = Shop::shared();
    let project = project::copy();
    let manifest = project.path().join("manifests/3-migration/migrate.yaml");
    // Another Job than that of the last time this test ran.
    let words = format!("column {} exists", std::process::id());
    let command = "command: [python3, manage.py, migrate, --no-input]";
    project::replace(&manifest, command, &format!("command: [sh, -c, 'echo {words}; exit 1']"));
    let arguments = ["--project", project.path().to_str().unwrap()];
    let rehearsed = shop.rehearse(&[&arguments[..], &["--fail", "migration"]].concat());
    // A rollback would delete it.
    let run = shop.deploy(&[&arguments[..], &["--no-rollback"]].concat());
    assert_eq!(run.code, Some(1), "{}", run.text());
    assert_eq!(run.phase("migration")["outcome"], "failed", "{}", run.text());
    assert_eq!(rehearsed.failure(), run.failure());
    assert_eq!(run.phase("deployments")["outcome"], "not-reached", "{}", run.text());
    assert_eq!(run.diagnosis()["log"], serde_json::json!([words]));
    let again = shop.deploy(&arguments);
    assert_eq!(again.code, Some(1), "{}", again.text());
    // That of the last deploy, then its own.
    let logs: Vec<&serde_json::Value> = again.of("diagnosis").into_iter().map(|diagnosis| &diagnosis["log"]).collect();
    assert_eq!(logs, [&serde_json::json!([words]); 2], "{}", again.text());
    assert!(again.written().iter().any(|object| object.starts_with("Job migrate-")), "{}", again.text());
    shop.deploy(&[]).succeeded();
}

#[test]
#[ignore = "needs a cluster"]
fn what_no_apply_can_roll_out_is_refused_before_anything_is_written() {
    let shop = Shop::shared();
    let refused = |arguments: &[&str], words: &[&str]| {
        let run = shop.deploy(arguments);
        assert_eq!(run.code, Some(2), "{}", run.text());
        assert!(run.events.is_empty(), "{}", run.text());
        words.iter().for_each(|words| assert!(run.stderr.contains(words), "{words:?}: {}", run.stderr));
    };
    shop.namespace.say(&["rollout", "pause", "deployment/saleor-dashboard"]);
    refused(&[], &["Deployment saleor-dashboard", "is paused", "kubectl rollout resume"]);
    shop.namespace.say(&["rollout", "resume", "deployment/saleor-dashboard"]);
    refused(
        &["--set", "postgres.storage=100Mi", "--set", "backup.storage=100Mi"],
        &["StatefulSet postgres", "PersistentVolumeClaim postgres-backup", "a volume cannot shrink"],
    );
    let hosts = "saleor.allowedHosts=[elsewhere.example.com]";
    refused(
        &["--from", "deployments", "--set", hosts],
        &["ConfigMap keyboss-config of phase 1 config is not as this deploy would apply it"],
    );
    refused(&["--set", "storage.class=longhorn"], &["asks for storage class longhorn and has local-path"]);
    assert!(shop.deploy(&[]).succeeded().written().is_empty());
    assert!(shop.deploy(&["--only", "7"]).succeeded().written().is_empty());
}

#[test]
#[ignore = "needs a cluster"]
fn an_object_of_somebody_else_is_left_alone() {
    let shop = Shop::local("keyboss-foreign");
    shop.namespace.forget();
    shop.namespace.say(&["create", "namespace", "keyboss-foreign"]);
    shop.namespace.say(&["create", "configmap", "redis-config", "--from-literal=theirs=1"]);
    let run = shop.deploy(&[]);
    assert_eq!(run.code, Some(2), "{}", run.text());
    assert!(run.stderr.contains("redis-config") && run.stderr.contains("not managed by keyboss"), "{}", run.stderr);
    assert_eq!(shop.namespace.get(&["configmap", "redis-config"])["data"]["theirs"], "1");
    assert!(shop.objects().is_empty(), "{:?}", shop.objects().keys());
    shop.namespace.forget();
}
