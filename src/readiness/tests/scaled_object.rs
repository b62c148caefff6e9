//! KEDA's ScaledObject.

use super::*;

fn scaled_object(conditions: Value) -> Scene {
    let metadata = json!({"name": "celery-worker", "uid": "s-uid", "generation": 1});
    let status = json!({"conditions": conditions});
    Scene::new(
        Kind::ScaledObject,
        json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": metadata, "status": status}),
    )
}

fn ready(status: &str) -> Value {
    json!([{"type": "Active", "status": "False"},
           {"type": "Ready", "status": status, "reason": "ScaledObjectCheckFailed", "message": "no  such target"}])
}

#[test]
fn it_is_ready_when_keda_says_so() {
    let mut scene = scaled_object(ready("True"));
    assert_eq!(scene.look(0), Readiness::Ready);
    let mut scene = scaled_object(json!([]));
    scene.progress(0);
    let object =
        json!({"kind": "ScaledObject", "metadata": {"name": "celery-worker", "uid": "s-uid", "generation": 1}});
    scene.put(object);
    scene.progress(5);
}

#[test]
fn what_lasts_is_a_failure() {
    for (conditions, reason, words) in [
        (json!([]), Reason::NoController, "is KEDA's operator running"),
        (ready("Unknown"), Reason::NoController, "is KEDA's operator running"),
        (ready("False"), Reason::NotReady, "ScaledObjectCheckFailed: no such target"),
    ] {
        let failure = scaled_object(conditions.clone()).fails_after(60, reason);
        assert!(failure.message.contains(words), "{conditions}: {failure}");
    }
}

#[test]
fn its_kind_is_waited_for() {
    assert_eq!(Kind::of("keda.sh/v1alpha1", "ScaledObject"), Some(Kind::ScaledObject));
    assert_eq!(Kind::of("keda.sh/v1", "ScaledObject"), None);
}
