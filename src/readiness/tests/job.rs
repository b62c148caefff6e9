//! C3.

use super::*;

fn job(status: Value) -> Scene {
    Scene::new(Kind::Job, recorded("job", json!({"status": status})))
}

fn condition(kind: &str, reason: &str) -> Value {
    json!({"conditions": [{
        "type": kind, "status": "True", "reason": reason,
        "message": "Job has reached the specified backoff limit",
        "lastProbeTime": WRITTEN, "lastTransitionTime": WRITTEN,
    }]})
}

fn pod(name: &str, patch: Value) -> Value {
    let mut pod = recorded(
        "pod",
        json!({
            "metadata": {
                "name": name, "uid": name,
                "ownerReferences": [{
                    "apiVersion": "batch/v1", "kind": "Job", "name": "migrate-3f2a9c",
                    "uid": "j-uid", "controller": true,
                }],
            },
            "spec": {"restartPolicy": "Never"},
        }),
    );
    merge(&mut pod, patch);
    pod
}

fn ended(exit_code: i32) -> Value {
    json!({"status": {"phase": "Failed", "containerStatuses": [{
        "name": "migrate", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"terminated": {"exitCode": exit_code, "reason": "Error"}}}]}})
}

#[test]
fn complete_is_ready() {
    assert_eq!(job(condition("Complete", "")).look(0), Readiness::Ready);
}

#[test]
fn failed_and_failure_target_have_failed() {
    for kind in ["Failed", "FailureTarget"] {
        let failure = job(condition(kind, "BackoffLimitExceeded")).failure(0);
        assert_eq!(failure.reason, Reason::JobFailed);
        assert_eq!(failure.message, "BackoffLimitExceeded: Job has reached the specified backoff limit");
    }
}

#[test]
fn a_condition_that_is_false_says_nothing() {
    for kind in ["Complete", "Failed", "FailureTarget", "SuccessCriteriaMet"] {
        let mut status = condition(kind, "");
        status["conditions"][0]["status"] = json!("False");
        let why = job(status).progress(0).why;
        assert_eq!(why, "0 of 1 pods have succeeded");
    }
}

#[test]
fn success_criteria_wait_for_complete() {
    let progress = job(condition("SuccessCriteriaMet", "")).progress(0);
    assert_eq!(progress.why, "succeeded, its last pods are ending");
}

#[test]
fn a_failure_names_the_last_pod_that_failed() {
    let mut scene = job(condition("Failed", "BackoffLimitExceeded"));
    scene.put(pod("migrate-a", ended(1)));
    let mut later = ended(2);
    merge(&mut later, json!({"metadata": {"creationTimestamp": "2026-11-22T11:00:20Z"}}));
    scene.put(pod("migrate-0", later));
    let failure = scene.failure(0);
    assert_eq!(failure.pod.as_deref(), Some("migrate-0"));
    assert_eq!(failure.container.as_deref(), Some("migrate"));
    assert!(failure.message.ends_with("; ended with exit code 2"));
}

#[test]
fn counts_what_has_failed_so_far() {
    let mut scene = job(json!({"failed": 1}));
    scene.put(pod("migrate-a", ended(3)));
    assert_eq!(
        scene.progress(0).why,
        "0 of 1 pods have succeeded, 1 failed; \
         pod migrate-a, container migrate: ended with exit code 3"
    );
}

#[test]
fn its_own_pods_fail_it_fast() {
    let mut scene = job(json!({}));
    let mut broken = pod("migrate-a", json!({}));
    broken["status"]["containerStatuses"][0]["state"] = json!({"waiting": {"reason": "ErrImageNeverPull"}});
    let mut other = broken.clone();
    other["metadata"]["ownerReferences"][0]["uid"] = json!("an-older-job");
    scene.put(other);
    scene.progress(0);
    scene.put(broken);
    assert_eq!(scene.failure(1).reason, Reason::ErrImageNeverPull);
}

#[test]
fn shows_why_its_pod_is_not_created() {
    let mut scene = job(json!({}));
    scene.event("j-uid", 2, "FailedCreate", "exceeded quota: tenant");
    assert!(scene.progress(3).why.ends_with("exceeded quota: tenant"));
}

#[test]
fn a_suspended_job_says_so() {
    let mut scene = Scene::new(Kind::Job, recorded("job", json!({"spec": {"suspend": true}})));
    assert_eq!(scene.progress(0).why, "0 of 1 pods have succeeded, suspended");
}

#[test]
fn a_job_that_disappears_has_failed() {
    let mut scene = job(json!({}));
    scene.progress(0);
    scene.world.jobs.clear();
    assert_eq!(scene.failure(1).reason, Reason::Deleted);
}
