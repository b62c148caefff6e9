//! C7: images.

use super::*;

const UNKNOWN: &str = "rpc error: code = NotFound desc = failed to pull and unpack image \
    \"docker.io/library/shop:missing\": failed to resolve reference: not found";

fn waiting(reason: &str, message: &str) -> Value {
    json!({"state": {"waiting": {"reason": reason, "message": message}}})
}

fn back_off() -> Value {
    waiting("ImagePullBackOff", "Back-off pulling image \"ghcr.io/saleor/saleor:3.22\"")
}

#[test]
fn names_that_cannot_be_pulled_fail_at_once() {
    for (reason, wanted) in
        [("InvalidImageName", Reason::InvalidImageName), ("ErrImageNeverPull", Reason::ErrImageNeverPull)]
    {
        let mut scene = Scene::rollout();
        scene.container(waiting(reason, "couldn't parse image"));
        let failure = scene.failure(0);
        assert_eq!(failure.reason, wanted);
        assert_eq!(failure.pod.as_deref(), Some("saleor-api-6b9f7c5d8-x2k"));
        assert_eq!(failure.container.as_deref(), Some("api"));
        assert!(failure.message.contains("ghcr.io/saleor/saleor:3.22"));
    }
}

#[test]
fn an_unknown_image_fails_at_once() {
    for message in [
        UNKNOWN,
        "Error response from daemon: manifest for x:y not found: manifest unknown",
        "MANIFEST UNKNOWN",
        "unexpected status code 404 Not Found",
    ] {
        let mut scene = Scene::rollout();
        scene.container(waiting("ErrImagePull", message));
        let failure = scene.failure(0);
        assert_eq!(failure.reason, Reason::ErrImagePull);
        assert_eq!(failure.message, format!("image ghcr.io/saleor/saleor:3.22: {message}"));
    }
}

#[test]
fn another_pull_error_may_pass() {
    let mut scene = Scene::rollout();
    scene.container(waiting("ErrImagePull", "dial tcp: i/o timeout"));
    scene.progress(0);
    scene.container(back_off());
    let progress = scene.progress(1);
    assert!(progress.why.contains("i/o timeout"), "{}", progress.why);
    let suspicion = progress.suspicion.expect("is suspicious");
    assert_eq!(suspicion.since, Duration::ZERO);
    scene.progress(89);
    let failure = scene.failure(90);
    assert_eq!(failure.reason, Reason::ImagePullBackOff);
    assert!(failure.message.ends_with("dial tcp: i/o timeout"));
}

#[test]
fn every_word_for_a_failing_pull_is_known() {
    for reason in
        ["ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed"]
    {
        let mut scene = Scene::rollout();
        scene.container(waiting(reason, "try later"));
        scene.fails_after(90, Reason::ImagePullBackOff);
    }
}

#[test]
fn a_back_off_alone_may_pass() {
    let mut scene = Scene::rollout();
    scene.container(back_off());
    scene.fails_after(90, Reason::ImagePullBackOff);
}

#[test]
fn the_event_tells_what_a_back_off_does_not() {
    let mut scene = Scene::rollout();
    scene.container(back_off());
    scene.event("p-uid", 2, "Failed", "Error: ImagePullBackOff");
    scene.event("another-pod", 2, "Failed", &format!("Failed to pull image \"x\": {UNKNOWN}"));
    scene.progress(2);
    scene.event("p-uid", 1, "Failed", &format!("Failed to pull image \"x\": {UNKNOWN}"));
    assert_eq!(scene.failure(2).reason, Reason::ErrImagePull);
}

#[test]
fn an_event_may_know_more_than_what_was_seen() {
    let mut scene = Scene::rollout();
    scene.container(waiting("ErrImagePull", "dial tcp: i/o timeout"));
    scene.progress(0);
    scene.container(back_off());
    scene.event("p-uid", 9, "Failed", &format!("Failed to pull image \"x\": {UNKNOWN}"));
    assert_eq!(scene.failure(10).reason, Reason::ErrImagePull);
}

#[test]
fn a_newer_kubelet_repeats_the_cause() {
    let mut scene = Scene::rollout();
    let message = format!("Back-off pulling image \"x\": ErrImagePull: {UNKNOWN}");
    scene.container(waiting("ImagePullBackOff", &message));
    assert_eq!(scene.failure(0).reason, Reason::ErrImagePull);
}

#[test]
fn the_event_of_another_container_tells_nothing() {
    let mut scene = Scene::rollout();
    scene.container(back_off());
    let message = format!("Failed to pull image \"x\": {UNKNOWN}");
    scene.put(recorded(
        "event",
        json!({
            "reason": "Failed", "message": message,
            "involvedObject": {"fieldPath": "spec.containers{sidecar}"},
        }),
    ));
    scene.progress(0);
    scene.put(recorded(
        "event",
        json!({
            "reason": "Failed", "message": message,
            "involvedObject": {"fieldPath": "spec.containers{api}"},
        }),
    ));
    scene.failure(0);
}

#[test]
fn an_unknown_image_of_an_earlier_deploy_may_have_been_pushed_since() {
    let mut scene = Scene::rollout();
    scene.target.write.changed = false;
    scene.container(waiting("ImagePullBackOff", "Back-off pulling image \"x\""));
    scene.event("p-uid", 1, "Failed", &format!("Failed to pull image \"x\": {UNKNOWN}"));
    scene.fails_after(90, Reason::ErrImagePull);

    let mut scene = Scene::rollout();
    scene.target.write.changed = false;
    scene.container(waiting("ErrImagePull", UNKNOWN));
    scene.failure(0);
}

#[test]
fn init_containers_count() {
    let mut scene = Scene::rollout();
    scene.put(recorded(
        "pod",
        json!({
            "spec": {"initContainers": [{"name": "wait", "image": "postgres:missing"}]},
            "status": {"initContainerStatuses": [{
                "name": "wait", "image": "postgres:missing", "imageID": "", "ready": false,
                "restartCount": 0,
                "state": {"waiting": {"reason": "ErrImagePull", "message": UNKNOWN}},
            }]},
        }),
    ));
    let failure = scene.failure(0);
    assert_eq!(failure.container.as_deref(), Some("wait"));
    assert!(failure.message.starts_with("image postgres:missing: "));
}

#[test]
fn terminating_pods_do_not_count() {
    let mut scene = Scene::rollout();
    let mut pod = pod_with(waiting("InvalidImageName", ""));
    pod["metadata"]["deletionTimestamp"] = json!(WRITTEN);
    scene.put(pod);
    assert_eq!(scene.never_fails().why, "1 of 2 replicas are updated");
}
