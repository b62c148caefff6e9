//! C0.

use super::*;

fn service() -> Scene {
    Scene::new(Kind::Service, recorded("service", json!({})))
}

#[test]
fn an_object_that_disappears_has_failed_at_once() {
    let mut scene = service();
    assert_eq!(scene.look(0), Readiness::Ready);
    scene.world.services.clear();
    let failure = scene.failure(1);
    assert_eq!(failure.reason, Reason::Deleted);
    assert_eq!(failure.message, "Service saleor-storefront is gone");
}

#[test]
fn an_object_not_seen_yet_is_missed_for_a_moment() {
    let mut scene = service();
    scene.world.services.clear();
    assert_eq!(scene.progress(0).why, "not seen yet");
    scene.progress(4);
    assert_eq!(scene.failure(5).reason, Reason::Deleted);
}

#[test]
fn the_moment_begins_with_the_first_look_at_a_write() {
    let mut scene = service();
    scene.world.services.clear();
    scene.progress(1000);
    scene.progress(1004);
    scene.failure(1005);

    scene.target.write.uid = "a-later-write".to_owned();
    scene.progress(1006);
}

#[test]
fn an_object_of_another_uid_is_a_replacement() {
    let mut scene = service();
    let other = recorded("service", json!({"metadata": {"uid": "other"}}));
    scene.put(other.clone());
    scene.progress(0);
    assert_eq!(scene.failure(5).reason, Reason::Replaced);

    let mut scene = service();
    scene.look(0);
    scene.put(other);
    assert_eq!(scene.failure(1).reason, Reason::Replaced);
}

#[test]
fn an_object_being_deleted_has_failed() {
    let mut scene = service();
    scene.put(recorded("service", json!({"metadata": {"deletionTimestamp": WRITTEN}})));
    let failure = scene.failure(0);
    assert_eq!(failure.reason, Reason::Deleted);
    assert!(failure.message.ends_with("is being deleted"));
}

#[test]
fn an_object_older_than_the_write_is_waited_for() {
    let object = recorded("deployment", json!({}));
    let mut scene = Scene::new(Kind::Deployment, object);
    scene.target.write.generation = 3;
    assert_eq!(scene.progress(0).why, "our change is not visible yet");
    scene.put(recorded("deployment", json!({"metadata": {"generation": 3}, "status": {"observedGeneration": 3}})));
    assert_eq!(scene.look(1), Readiness::Ready);
}
