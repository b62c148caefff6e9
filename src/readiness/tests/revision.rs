//! Which pods are of the new revision.

use super::*;

fn names(scene: &Scene) -> Vec<&str> {
    pods_of(&scene.target, &scene.world).into_iter().filter_map(|pod| pod.metadata.name.as_deref()).collect()
}

fn old_replica_set() -> Value {
    let mut set = recorded(
        "replica_set",
        json!({"metadata": {
            "name": "saleor-api-old", "uid": "rs-old-uid",
            "creationTimestamp": "2026-11-22T10:00:00Z",
            "annotations": {"deployment.kubernetes.io/revision": "1"},
        }}),
    );
    set["spec"]["template"]["spec"]["containers"][0]["image"] = json!("ghcr.io/saleor/saleor:3.21");
    set["spec"]["template"]["metadata"]["labels"]["pod-template-hash"] = json!("old");
    set
}

fn old_pod() -> Value {
    let mut pod = recorded("pod", json!({"metadata": {"name": "saleor-api-old-abc", "uid": "old-pod"}}));
    pod["metadata"]["ownerReferences"][0]["uid"] = json!("rs-old-uid");
    pod
}

#[test]
fn the_new_replica_set_is_that_of_the_same_template() {
    let mut scene = Scene::rollout();
    scene.put(old_replica_set());
    scene.put(old_pod());
    scene.put(recorded("pod", json!({})));
    assert_eq!(names(&scene), ["saleor-api-6b9f7c5d8-x2k"]);
}

#[test]
fn broken_pods_of_the_old_revision_do_not_fail_the_new_one() {
    let mut scene = Scene::rollout();
    scene.put(old_replica_set());
    let mut pod = old_pod();
    pod["status"]["containerStatuses"][0]["state"] = json!({"waiting": {"reason": "InvalidImageName"}});
    scene.put(pod);
    scene.never_fails();
}

#[test]
fn going_back_finds_the_old_replica_set_by_its_template() {
    let mut deployment = recorded("deployment", json!({}));
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!("ghcr.io/saleor/saleor:3.21");
    let mut scene = Scene::new(Kind::Deployment, deployment);
    scene.put(recorded("replica_set", json!({})));
    scene.put(old_replica_set());
    scene.put(old_pod());
    assert_eq!(names(&scene), ["saleor-api-old-abc"]);
}

#[test]
fn a_template_that_was_defaulted_differently_is_found_by_its_revision() {
    let mut scene = Scene::rollout();
    scene.put(old_replica_set());
    let mut set = recorded("replica_set", json!({}));
    set["spec"]["template"]["spec"]["enableServiceLinks"] = json!(true);
    scene.put(set);
    scene.put(old_pod());
    scene.put(recorded("pod", json!({})));
    assert_eq!(names(&scene), ["saleor-api-6b9f7c5d8-x2k"]);
}

#[test]
fn a_replica_set_of_another_owner_is_none_of_ours() {
    let mut scene = Scene::rollout();
    let mut set = recorded("replica_set", json!({}));
    set["metadata"]["ownerReferences"][0]["uid"] = json!("another-deployment");
    scene.put(set);
    scene.put(recorded("pod", json!({})));
    assert!(names(&scene).is_empty());
}

#[test]
fn of_two_replica_sets_with_the_template_the_older_is_used() {
    let mut scene = Scene::rollout();
    scene.put(recorded(
        "replica_set",
        json!({"metadata": {
            "name": "a-younger-one", "uid": "rs-old-uid",
            "creationTimestamp": "2026-11-22T11:30:00Z",
        }}),
    ));
    scene.put(old_pod());
    scene.put(recorded("pod", json!({})));
    assert_eq!(names(&scene), ["saleor-api-6b9f7c5d8-x2k"]);
}

#[test]
fn an_owner_that_is_not_the_controller_does_not_count() {
    let mut scene = Scene::rollout();
    let mut pod = recorded("pod", json!({}));
    pod["metadata"]["ownerReferences"][0]["controller"] = json!(false);
    scene.put(pod);
    assert!(names(&scene).is_empty());
}

#[test]
fn a_claim_has_no_pods() {
    let scene = Scene::new(Kind::PersistentVolumeClaim, recorded("claim", json!({})));
    assert!(names(&scene).is_empty());
}
