//! C1.

use super::*;

fn deployment(patch: Value) -> Scene {
    Scene::new(Kind::Deployment, recorded("deployment", patch))
}

/// A Deployment whose controller has given up, at `updated`.
fn given_up(updated: &str) -> Scene {
    let mut object = recorded("deployment", json!({"status": {"availableReplicas": 1}}));
    merge(
        &mut object["status"]["conditions"][1],
        json!({
            "status": "False",
            "reason": "ProgressDeadlineExceeded",
            "message": "ReplicaSet \"saleor-api-6b9f7c5d8\" has timed out progressing.",
            "lastUpdateTime": updated,
        }),
    );
    let mut scene = Scene::new(Kind::Deployment, object);
    scene.put(recorded("replica_set", json!({})));
    scene
}

#[test]
fn is_ready_when_all_replicas_are_new_and_available() {
    assert_eq!(deployment(json!({})).look(0), Readiness::Ready);
}

#[test]
fn says_which_count_is_missing() {
    for (status, why, done) in [
        (json!({"observedGeneration": 1}), "its controller has not seen the change yet", 0),
        (json!({"observedGeneration": null}), "its controller has not seen the change yet", 0),
        (json!({"updatedReplicas": 1, "availableReplicas": 3}), "1 of 2 replicas are updated", 1),
        (json!({"updatedReplicas": null}), "0 of 2 replicas are updated", 0),
        (json!({"replicas": 3}), "1 old replicas are still to stop", 2),
        (json!({"availableReplicas": 1}), "1 of 2 updated replicas are available", 1),
        (json!({"readyReplicas": 1}), "1 of 2 replicas are Ready", 2),
        (json!({"conditions": []}), "not Available yet", 2),
    ] {
        let progress = deployment(json!({"status": status})).progress(0);
        assert_eq!((progress.why.as_str(), progress.done), (why, done));
        assert_eq!(progress.total, 2);
    }
}

#[test]
fn a_recreation_names_the_old_pod_that_it_waits_for() {
    let status = json!({"updatedReplicas": 0, "availableReplicas": 0});
    for (strategy, why) in [
        ("Recreate", "0 of 2 replicas are updated; pod saleor-api-6b9f7c5d8-x2k is still to stop"),
        ("RollingUpdate", "0 of 2 replicas are updated"),
    ] {
        let mut scene = deployment(json!({"spec": {"strategy": {"type": strategy}}, "status": status}));
        scene.put(recorded("replica_set", json!({})));
        scene.put(recorded("pod", json!({"metadata": {"deletionTimestamp": "2026-11-22T11:00:00Z"}})));
        assert_eq!(scene.progress(0).why, why);
    }
}

#[test]
fn wants_the_live_number_of_replicas() {
    let mut scene = deployment(json!({}));
    assert_eq!(scene.look(0), Readiness::Ready);
    scene.put(recorded("deployment", json!({"spec": {"replicas": 4}})));
    assert_eq!(scene.progress(1).why, "2 of 4 replicas are updated");
    scene.put(recorded("deployment", json!({"spec": {"replicas": null}, "status": {"updatedReplicas": 0}})));
    assert_eq!(scene.progress(2).total, 1);
}

#[test]
fn a_paused_rollout_says_so() {
    let paused = json!({"spec": {"paused": true}, "status": {"updatedReplicas": 0}});
    let progress = deployment(paused).progress(0);
    assert!(progress.why.contains("kubectl rollout resume"));
}

#[test]
fn fails_when_progress_has_stopped() {
    let failure = given_up("2026-11-22T11:04:01Z").failure(241);
    assert_eq!(failure.reason, Reason::ProgressDeadlineExceeded);
    assert!(failure.message.contains("has timed out progressing"));
}

#[test]
fn names_the_pod_that_stopped_progress() {
    let mut scene = given_up("2026-11-22T11:04:01Z");
    scene.container(json!({"state": {"waiting": {"reason": "InvalidImageName"}}}));
    let failure = scene.failure(241);
    assert_eq!(failure.reason, Reason::ProgressDeadlineExceeded);
    assert!(failure.message.contains("InvalidImageName"));
    assert_eq!(failure.pod.as_deref(), Some("saleor-api-6b9f7c5d8-x2k"));
    assert_eq!(failure.container.as_deref(), Some("api"));
}

#[test]
fn does_not_believe_a_deadline_older_than_the_write() {
    for updated in ["2026-11-22T10:30:00Z", WRITTEN] {
        let mut scene = given_up(updated);
        scene.progress(1000);
        scene.progress(1239);
        let failure = scene.failure(1240);
        assert_eq!(failure.reason, Reason::ProgressDeadlineExceeded);
    }
}

#[test]
fn a_deadline_counts_at_once_after_a_write_that_changed_nothing() {
    let mut scene = given_up("2026-11-22T10:30:00Z");
    scene.target.write.changed = false;
    assert_eq!(scene.failure(0).reason, Reason::ProgressDeadlineExceeded);
}

#[test]
fn pods_that_cannot_be_created_are_shown_at_once_and_fail_after_a_minute() {
    let mut object = recorded("deployment", json!({"status": {"updatedReplicas": 0}}));
    let conditions = object["status"]["conditions"].as_array_mut();
    conditions.expect("is a list").push(json!({
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": "pods \"saleor-api-6b9f7c5d8-\" is forbidden: exceeded quota: tenant",
        "lastTransitionTime": WRITTEN,
        "lastUpdateTime": WRITTEN,
    }));
    let mut scene = Scene::new(Kind::Deployment, object.clone());
    assert!(scene.progress(0).why.contains("exceeded quota: tenant"));
    let failure = scene.fails_after(60, Reason::ReplicaFailure);
    assert!(failure.message.starts_with("FailedCreate: pods"));

    object["status"]["conditions"][2]["status"] = json!("False");
    Scene::new(Kind::Deployment, object).never_fails();
}

#[test]
fn a_trouble_that_passes_begins_its_grace_anew() {
    let mut scene = Scene::rollout();
    let config_error = json!({"state": {"waiting": {"reason": "CreateContainerConfigError"}}});
    scene.container(config_error.clone());
    scene.progress(0);
    scene.progress(14);
    scene.container(json!({"state": {"running": {}}}));
    scene.progress(15);
    scene.container(config_error);
    let progress = scene.progress(16);
    let suspicion = progress.suspicion.expect("is suspicious again");
    assert_eq!(suspicion.since, Duration::from_secs(16));
    scene.progress(30);
    scene.failure(31);
}

#[test]
fn bad_pods_do_not_matter_once_the_counts_are_full() {
    let mut scene = deployment(json!({}));
    scene.put(recorded("replica_set", json!({})));
    scene.container(json!({"state": {"waiting": {"reason": "InvalidImageName"}}}));
    assert_eq!(scene.look(0), Readiness::Ready);
}

#[test]
fn an_answer_stays_equal_while_nothing_happens() {
    let mut scene = Scene::rollout();
    scene.container(json!({"state": {"waiting": {
        "reason": "CreateContainerConfigError", "message": "secret \"nope\" not found"}}}));
    let first = scene.progress(2);
    assert_eq!(first, scene.progress(9));
    assert_eq!(
        first.line(Duration::from_secs(9)),
        "1 of 2 replicas are updated; pod saleor-api-6b9f7c5d8-x2k, container api: \
         CreateContainerConfigError: secret \"nope\" not found, 7 s of 15 s"
    );
}
