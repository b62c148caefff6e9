//! C7: pods without a node, without a volume, and those that never fail a deploy.

use super::*;

fn unscheduled(patch: Value) -> Value {
    let mut pod = recorded(
        "pod",
        json!({
            "spec": {"nodeName": null},
            "status": {
                "containerStatuses": null,
                "conditions": [{
                    "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                    "message": "0/1 nodes are available: 1 Insufficient memory.",
                }],
            },
        }),
    );
    merge(&mut pod, patch);
    pod
}

fn with_claim() -> Value {
    json!({"spec": {"volumes": [
        {"name": "media", "persistentVolumeClaim": {"claimName": "postgres-backup"}}]}})
}

#[test]
fn unschedulable_fails_after_two_minutes() {
    let mut scene = Scene::rollout();
    scene.put(unscheduled(json!({})));
    let failure = scene.fails_after(120, Reason::Unschedulable);
    assert_eq!(failure.message, "0/1 nodes are available: 1 Insufficient memory.");
    assert_eq!(failure.pod.as_deref(), Some("saleor-api-6b9f7c5d8-x2k"));
    assert_eq!(failure.container, None);
}

#[test]
fn other_reasons_to_have_no_node_are_not_judged() {
    for reason in ["SchedulingGated", "SchedulerError"] {
        let mut scene = Scene::rollout();
        scene.put(unscheduled(json!({"status": {"conditions": [
            {"type": "PodScheduled", "status": "False", "reason": reason}]}})));
        scene.never_fails();
    }
}

#[test]
fn a_pod_that_waits_for_a_volume_answers_for_its_claim() {
    let mut scene = Scene::rollout();
    scene.put(unscheduled(with_claim()));
    scene.put(recorded("claim", json!({})));
    scene.event("c-uid", 1, "WaitForFirstConsumer", "waiting for a pod");
    let suspicion = scene.progress(0).suspicion.expect("is suspicious");
    assert_eq!(suspicion.failure.reason, Reason::Unschedulable);

    let mut scene = Scene::rollout();
    scene.put(unscheduled(with_claim()));
    scene.put(recorded("claim", json!({})));
    scene.event("c-uid", 1, "ProvisioningFailed", "no space left");
    let failure = scene.fails_after(60, Reason::ProvisioningFailed);
    assert_eq!(failure.message, "claim postgres-backup: no space left");
    assert_eq!(failure.pod.as_deref(), Some("saleor-api-6b9f7c5d8-x2k"));

    scene.put(recorded("claim", json!({"status": {"phase": "Lost"}})));
    assert_eq!(scene.failure(61).reason, Reason::ClaimLost);
}

#[test]
fn what_kept_a_pod_from_a_node_is_over_once_it_has_one() {
    let mut scene = Scene::rollout();
    scene.put(unscheduled(json!({})));
    scene.event("p-uid", 1, "FailedScheduling", "no room");
    let waiting = json!([{"name": "api", "state": {"waiting": {"reason": "ContainerCreating"}}}]);
    let conditions = json!([{"type": "PodScheduled", "status": "True"}]);
    let mut pod = recorded("pod", json!({"status": {"phase": "Pending", "containerStatuses": null}}));
    pod["status"]["conditions"] = conditions;
    pod["status"]["containerStatuses"] = waiting;
    scene.put(pod);
    let why = scene.progress(0).why;
    assert!(why.contains("is starting") && !why.contains("no room"), "{why}");
}

#[test]
fn a_missing_volume_source_fails_after_30_seconds() {
    for message in [
        "MountVolume.SetUp failed for volume \"config\" : configmap \"nope\" not found",
        "MountVolume.SetUp failed for volume \"tls\" : secret \"nope\" not found",
        "MountVolume.SetUp failed for volume \"tls\" : references non-existent secret key: a",
    ] {
        let mut scene = Scene::rollout();
        scene.container(json!({}));
        scene.event("p-uid", 5, "FailedMount", message);
        let failure = scene.fails_after(30, Reason::FailedMount);
        assert_eq!(failure.message, message);
        assert_eq!(failure.pod.as_deref(), Some("saleor-api-6b9f7c5d8-x2k"));
    }
}

#[test]
fn other_mount_errors_are_shown_only() {
    let mut scene = Scene::rollout();
    scene.container(json!({}));
    let lag = "MountVolume.SetUp failed for volume \"tls\" : failed to sync secret cache";
    scene.event("p-uid", 5, "FailedMount", lag);
    assert!(scene.never_fails().why.ends_with(lag));
    let attach = "Unable to attach or mount volumes: timed out waiting for the condition";
    scene.event("p-uid", 9, "FailedMount", attach);
    assert!(scene.never_fails().why.ends_with(attach));
}

#[test]
fn a_mount_that_succeeded_since_is_forgotten() {
    let missing = "MountVolume.SetUp failed for volume \"x\" : secret \"late\" not found";
    let mut scene = Scene::rollout();
    scene.container(json!({}));
    scene.event("p-uid", 5, "FailedMount", missing);
    scene.progress(5);
    scene.event("p-uid", 7, "Pulling", "Pulling image \"x\"");
    scene.never_fails();

    let mut scene = Scene::rollout();
    scene.event("p-uid", 5, "FailedMount", missing);
    scene.container(json!({"state": {"running": {}}}));
    scene.never_fails();
}

#[test]
fn evicted_and_preempted_pods_are_replaced_by_their_controller() {
    for reason in ["Evicted", "Preempting", "NodeShutdown", "OutOfcpu"] {
        let mut scene = Scene::rollout();
        let mut pod = pod_with(json!({"restartCount": 9, "state": {"terminated": {
            "exitCode": 137, "reason": "Error"}}}));
        merge(&mut pod["status"], json!({"phase": "Failed", "reason": reason, "message": "low on memory"}));
        scene.put(pod);
        let why = scene.never_fails().why;
        assert!(why.ends_with(&format!("{reason}: low on memory")), "{why}");
    }
}

#[test]
fn running_without_being_ready_shows_the_probe() {
    let mut scene = Scene::rollout();
    let mut pod = pod_with(json!({"state": {"running": {}}, "started": true}));
    pod["status"]["phase"] = json!("Running");
    scene.put(pod);
    assert!(scene.never_fails().why.ends_with("-x2k is not Ready"));
    scene.event("p-uid", 20, "Unhealthy", "Readiness probe failed: old");
    scene.event("p-uid", 30, "Unhealthy", "Readiness probe failed:\n  HTTP 503");
    let why = scene.never_fails().why;
    assert!(why.ends_with("is not Ready: Readiness probe failed: HTTP 503"));
    scene.event("p-uid", 40, "Unhealthy", "Startup probe failed: ");
    assert!(scene.never_fails().why.ends_with("is not Ready: Startup probe failed"));
}

#[test]
fn the_latest_event_is_found_whoever_wrote_it() {
    let mut scene = Scene::rollout();
    let mut pod = pod_with(json!({"state": {"running": {}}}));
    pod["status"]["phase"] = json!("Running");
    scene.put(pod);
    scene.event("p-uid", 30, "Unhealthy", "an old recorder's");
    scene.put(recorded(
        "event",
        json!({
            "firstTimestamp": null, "lastTimestamp": null,
            "eventTime": "2026-11-22T11:00:01.000000Z",
            "series": {"count": 4, "lastObservedTime": "2026-11-22T11:01:00.000000Z"},
            "reason": "Unhealthy", "message": "a new recorder's",
        }),
    ));
    assert!(scene.progress(60).why.ends_with("a new recorder's"));
}

#[test]
fn a_ready_pod_has_nothing_to_tell() {
    let mut scene = Scene::rollout();
    let mut pod = pod_with(json!({"ready": true, "restartCount": 5, "state": {"running": {}}}));
    pod["status"]["phase"] = json!("Running");
    pod["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
    scene.put(pod);
    assert_eq!(scene.never_fails().why, "1 of 2 replicas are updated");
}

#[test]
fn the_pod_that_fails_first_is_shown() {
    let mut scene = Scene::rollout();
    scene.container(json!({"state": {"waiting": {"reason": "ImagePullBackOff"}}}));
    let mut other = pod_with(json!({"state": {"waiting": {
        "reason": "CreateContainerConfigError", "message": "secret \"nope\" not found"}}}));
    merge(&mut other, json!({"metadata": {"name": "saleor-api-6b9f7c5d8-z9z", "uid": "z-uid"}}));
    scene.put(other);
    let progress = scene.progress(0);
    assert!(progress.why.contains("-z9z"), "{}", progress.why);
    assert_eq!(scene.failure(15).pod.as_deref(), Some("saleor-api-6b9f7c5d8-z9z"));
}
