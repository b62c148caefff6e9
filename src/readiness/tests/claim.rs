//! C4.

use super::*;

fn claim(patch: Value) -> Scene {
    Scene::new(Kind::PersistentVolumeClaim, recorded("claim", patch))
}

#[test]
fn bound_is_ready() {
    let mut scene = claim(json!({"status": {"phase": "Bound"}}));
    scene.event("c-uid", 1, "ProvisioningFailed", "no space, at first");
    assert_eq!(scene.look(0), Readiness::Ready);
}

#[test]
fn lost_has_failed() {
    let lost = json!({"spec": {"volumeName": "pv-7"}, "status": {"phase": "Lost"}});
    let failure = claim(lost).failure(0);
    assert_eq!(failure.reason, Reason::ClaimLost);
    assert!(failure.message.contains("pv-7"));
}

#[test]
fn pending_is_waited_for() {
    let mut scene = claim(json!({}));
    assert_eq!(scene.never_fails().why, "Pending, waiting for a volume");
    scene.event("c-uid", 1, "ExternalProvisioning", "waiting for a volume");
    let why = scene.never_fails().why;
    assert!(why.ends_with("; ExternalProvisioning: waiting for a volume"));
}

#[test]
fn a_claim_that_waits_for_its_pod_is_left_to_it() {
    for reason in ["WaitForFirstConsumer", "WaitForPodScheduled"] {
        let mut scene = claim(json!({}));
        scene.event("another-claim", 1, reason, "waiting for first consumer");
        scene.progress(0);
        scene.event("c-uid", 1, reason, "waiting for first consumer");
        assert_eq!(scene.look(0), Readiness::Ready);
    }
}

#[test]
fn provisioning_may_fail_for_a_minute() {
    let mut scene = claim(json!({}));
    scene.event("c-uid", 1, "WaitForFirstConsumer", "waiting for a pod");
    scene.event("c-uid", 2, "ProvisioningFailed", "no space left");
    scene.event("c-uid", 3, "Provisioning", "trying again");
    let failure = scene.fails_after(60, Reason::ProvisioningFailed);
    assert_eq!(failure.message, "claim postgres-backup: no space left");
}
