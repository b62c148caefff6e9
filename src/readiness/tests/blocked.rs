//! Preconditions.

use super::*;

#[track_caller]
fn is_blocked(live: Value, desired: Option<Value>, words: &str) {
    let reason = blocked(&live, desired.as_ref()).expect("is blocked");
    assert!(reason.contains(words), "{reason}");
}

#[track_caller]
fn is_free(live: Value, desired: Option<Value>) {
    assert_eq!(blocked(&live, desired.as_ref()), None);
}

#[test]
fn what_is_paused_suspended_or_on_delete_never_gets_ready() {
    let on_delete = json!({"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": null}}});
    for (kind, patch, remedy, words) in [
        (
            "deployment",
            json!({"spec": {"paused": true}}),
            json!({"spec": {"paused": false}}),
            "kubectl rollout resume deployment/saleor-api",
        ),
        ("job", json!({"spec": {"suspend": true}}), json!({"spec": {"suspend": false}}), "is suspended"),
        ("stateful_set", on_delete, json!({"spec": {"updateStrategy": {"type": "RollingUpdate"}}}), "OnDelete"),
    ] {
        let live = recorded(kind, patch.clone());
        is_free(recorded(kind, json!({})), None);
        is_blocked(live.clone(), None, words);
        is_blocked(live.clone(), Some(json!({"spec": {}})), words);
        is_blocked(recorded(kind, json!({})), Some(patch), words);
        is_free(live, Some(remedy));
    }
}

fn wants(size: &str, class: Option<&str>) -> Value {
    json!({"spec": {"storageClassName": class, "resources": {"requests": {"storage": size}}}})
}

#[test]
fn a_claim_cannot_shrink_or_change_its_class() {
    let live = || recorded("claim", json!({}));
    is_free(live(), None);
    is_free(live(), Some(wants("1Gi", Some("local-path"))));
    is_free(live(), Some(wants("1024Mi", None)));
    is_free(live(), Some(wants("2Gi", None)));
    is_blocked(live(), Some(wants("1G", None)), "cannot shrink");
    is_blocked(live(), Some(wants("1Gi", Some("longhorn"))), "storage class longhorn and has local-path");
    is_blocked(live(), Some(wants("what", Some("longhorn"))), "storage class");
}

#[test]
fn an_old_claim_names_its_class_in_an_annotation() {
    let mut live = recorded("claim", json!({"spec": {"storageClassName": null}}));
    live["metadata"]["annotations"] = json!({"volume.beta.kubernetes.io/storage-class": "slow"});
    is_blocked(live, Some(wants("1Gi", Some("fast"))), "has slow");
}

#[test]
fn claim_templates_cannot_change() {
    let live = || recorded("stateful_set", json!({}));
    let desired = |name: &str, size: &str, class: Option<&str>| {
        let mut template = wants(size, class);
        template["metadata"] = json!({"name": name});
        Some(json!({"spec": {"volumeClaimTemplates": [template]}}))
    };
    is_free(live(), desired("data", "2Gi", Some("local-path")));
    is_free(live(), desired("data", "2048Mi", None));
    is_blocked(live(), desired("data", "1Gi", None), "cannot shrink");
    is_blocked(live(), desired("data", "3Gi", None), "--cascade=orphan");
    is_blocked(
        live(),
        desired("data", "2Gi", Some("longhorn")),
        "volumeClaimTemplate data asks for storage class longhorn",
    );
    is_blocked(live(), desired("wal", "2Gi", None), "wal is new");
}

#[test]
fn other_kinds_are_never_blocked() {
    is_free(json!({"kind": "CronJob", "metadata": {"name": "x"}, "spec": {"suspend": true}}), None);
    is_free(json!(null), None);
}
