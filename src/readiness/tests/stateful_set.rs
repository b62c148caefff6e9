//! C2.

use super::*;

fn stateful_set(patch: Value) -> Scene {
    Scene::new(Kind::StatefulSet, recorded("stateful_set", patch))
}

/// A pod of the StatefulSet, not Ready unless the patch says so.
fn pod(ordinal: u8, revision: &str, patch: Value) -> Value {
    let mut pod = recorded(
        "pod",
        json!({
            "metadata": {
                "name": format!("postgres-{ordinal}"),
                "uid": format!("p{ordinal}-uid"),
                "labels": {"controller-revision-hash": revision},
                "ownerReferences": [{
                    "apiVersion": "apps/v1", "kind": "StatefulSet", "name": "postgres",
                    "uid": "s-uid", "controller": true,
                }],
            },
            "status": {"phase": "Running"},
        }),
    );
    pod["status"]["containerStatuses"][0]["state"] = json!({"running": {}});
    merge(&mut pod, patch);
    pod
}

fn updating() -> Scene {
    stateful_set(json!({"status": {
        "readyReplicas": 1, "updatedReplicas": 1, "updateRevision": "postgres-new"}}))
}

#[test]
fn is_ready_when_every_pod_is() {
    assert_eq!(stateful_set(json!({})).look(0), Readiness::Ready);
}

#[test]
fn says_which_count_is_missing() {
    for (status, why, done) in [
        (json!({"observedGeneration": null}), "its controller has not seen the change yet", 0),
        (json!({"observedGeneration": 1}), "its controller has not seen the change yet", 0),
        (json!({"replicas": 1}), "1 of 2 pods exist", 2),
        (json!({"replicas": 3}), "3 of 2 pods exist", 2),
        (json!({"readyReplicas": 1}), "1 of 2 pods are Ready", 1),
        (json!({"updatedReplicas": 1}), "1 of 2 pods are updated", 1),
        (json!({"updateRevision": "postgres-new"}), "the last pods are being updated", 2),
    ] {
        let progress = stateful_set(json!({"status": status})).progress(0);
        assert_eq!((progress.why.as_str(), progress.done), (why, done));
        assert_eq!(progress.total, 2);
    }
}

#[test]
fn a_partition_needs_the_pods_above_it_only() {
    let partitioned = |partition: i32, updated: i32| {
        stateful_set(json!({
            "spec": {"updateStrategy": {"rollingUpdate": {"partition": partition}}},
            "status": {"updatedReplicas": updated, "updateRevision": "postgres-new"},
        }))
    };
    assert_eq!(partitioned(1, 1).look(0), Readiness::Ready);
    assert_eq!(partitioned(1, 0).progress(0).why, "0 of 1 pods are updated");
    assert_eq!(partitioned(5, 0).look(0), Readiness::Ready);
}

#[test]
fn only_pods_of_the_update_revision_fail_it() {
    let broken = json!({"status": {"phase": "Pending", "containerStatuses": [{
        "name": "postgres", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": "InvalidImageName"}}}]}});
    let mut scene = updating();
    scene.put(pod(0, "postgres-7c9d", broken.clone()));
    scene.progress(0);
    scene.put(pod(1, "postgres-new", broken));
    let failure = scene.failure(1);
    assert_eq!(failure.pod.as_deref(), Some("postgres-1"));
    assert_eq!(failure.container.as_deref(), Some("postgres"));
}

#[test]
fn says_that_an_old_broken_pod_is_stuck_and_does_not_fail() {
    let mut scene = updating();
    scene.put(pod(0, "postgres-7c9d", json!({})));
    assert_eq!(stuck_pods(&scene.target, &scene.world), ["postgres-0"]);
    assert!(!scene.progress(0).why.contains("stuck"));
    assert!(!scene.progress(29).why.contains("stuck"));
    let why = scene.progress(30).why;
    assert!(why.ends_with("stuck: Kubernetes will not replace it; delete pod postgres-0"), "{why}");
    scene.progress(3600);
}

#[test]
fn an_old_pod_that_is_ready_or_going_or_below_the_partition_is_not_stuck() {
    let ready = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    let going = json!({"metadata": {"deletionTimestamp": WRITTEN}});
    for patch in [ready, going] {
        let mut scene = updating();
        scene.put(pod(0, "postgres-7c9d", patch));
        assert!(stuck_pods(&scene.target, &scene.world).is_empty());
    }
    let mut scene = updating();
    scene.put(pod(0, "postgres-new", json!({})));
    assert!(stuck_pods(&scene.target, &scene.world).is_empty());

    let mut scene = stateful_set(json!({
        "spec": {"updateStrategy": {"rollingUpdate": {"partition": 1}}},
        "status": {"updateRevision": "postgres-new"},
    }));
    scene.put(pod(0, "postgres-7c9d", json!({})));
    assert!(stuck_pods(&scene.target, &scene.world).is_empty());
    scene.put(pod(1, "postgres-7c9d", json!({})));
    assert_eq!(stuck_pods(&scene.target, &scene.world), ["postgres-1"]);
}

#[test]
fn shows_why_a_pod_is_not_created() {
    let mut scene = stateful_set(json!({"status": {"replicas": 1}}));
    scene.event("s-uid", 3, "FailedCreate", "exceeded quota: tenant");
    let why = scene.progress(4).why;
    assert_eq!(why, "1 of 2 pods exist; FailedCreate: exceeded quota: tenant");
}

#[test]
fn does_not_show_why_a_pod_was_not_created_before_our_write() {
    let mut scene = stateful_set(json!({"status": {"replicas": 1}}));
    scene.event("s-uid", 3, "FailedCreate", "exceeded quota: tenant");
    scene.target.write.at = Some("2026-11-22T12:00:00Z".parse().unwrap());
    assert_eq!(scene.progress(4).why, "1 of 2 pods exist");
}
