//! Preconditions.

use super::*;

#[track_caller]
fn is_blocked(live: Value, desired: Option<Value>, words: &str) {
    let reasons = blocked(&live, desired.as_ref());
    assert!(reasons.iter().any(|reason| reason.contains(words)), "{words:?} is not in {reasons:?}");
}

#[track_caller]
fn is_free(live: Value, desired: Option<Value>) {
    assert_eq!(blocked(&live, desired.as_ref()), [""; 0]);
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

#[test]
fn what_a_restore_has_stopped_is_not_deployed() {
    let stopped = json!({"metadata": {"annotations": {"keyboss.io/replicas-before-restore": "2"}}});
    is_blocked(recorded("deployment", stopped), Some(json!({"spec": {}})), "keyboss backup undo");
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
fn a_claim_template_may_not_go() {
    let others = json!({"spec": {"volumeClaimTemplates": []}});
    is_blocked(recorded("stateful_set", json!({})), Some(others), "volumeClaimTemplate data is gone");
}

#[test]
fn what_the_server_filled_in_is_no_change() {
    let template = json!({"metadata": {"name": "data", "labels": null}, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": "local-path", "resources": {"requests": {"storage": "2Gi"}},
    }});
    let set = json!({
        "serviceName": "postgres", "replicas": 3, "podManagementPolicy": "Parallel", "template": {"spec": {}},
        "selector": {"matchLabels": {"app.kubernetes.io/name": "postgres"}}, "updateStrategy": {"type": "RollingUpdate"},
        "volumeClaimTemplates": [template],
    });
    let ports = json!([{"name": "http", "port": 80}]);
    for (kind, desired) in [
        ("stateful_set", set),
        ("deployment", json!({"replicas": 9, "selector": {"matchLabels": {"app.kubernetes.io/name": "saleor-api"}}})),
        ("service", json!({"ports": ports, "selector": {"any": "other"}})),
        ("service", json!({"clusterIP": "10.43.120.7"})),
        ("service", json!({"type": "ExternalName", "externalName": "elsewhere"})),
        ("claim", json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}})),
    ] {
        is_free(recorded(kind, json!({})), Some(json!({"spec": desired})));
    }
    let without = recorded("service", json!({"spec": {"clusterIP": null, "type": "ExternalName"}}));
    is_free(without, Some(json!({"spec": {"clusterIP": "None"}})));
}

#[test]
fn a_change_of_an_immutable_field_is_named_with_a_way_round() {
    let headless = json!({"spec": {"clusterIP": "None"}});
    let in_template =
        |spec: Value| json!({"spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": spec}]}});
    let labelled =
        json!({"spec": {"volumeClaimTemplates": [{"metadata": {"name": "data", "labels": {"app": "postgres"}}}]}});
    for (kind, patch, desired, words) in [
        (
            "stateful_set",
            json!({}),
            json!({"spec": {"serviceName": "postgres-headless", "podManagementPolicy": "OrderedReady"}}),
            "spec.serviceName is postgres and is to be postgres-headless, spec.podManagementPolicy is Parallel and is to be \
             OrderedReady; immutable fields cannot be changed in place: take a dump",
        ),
        (
            "stateful_set",
            json!({"spec": {"selector": {"matchLabels": {"app": "postgres"}}}}),
            json!({"spec": {"selector": {"matchLabels": {"app.kubernetes.io/name": "postgres"}}}}),
            "`keyboss deploy --reset` and restore it",
        ),
        ("stateful_set", json!({}), json!({"spec": {"revisionHistoryLimit": 3}}), "is 10 and is to be 3"),
        (
            "stateful_set",
            json!({}),
            in_template(json!({"accessModes": ["ReadWriteMany"]})),
            "spec.volumeClaimTemplates[data].spec.accessModes[0] is ReadWriteOnce and is to be ReadWriteMany",
        ),
        ("stateful_set", json!({}), in_template(json!({"volumeMode": "Block"})), "volumeMode is Filesystem"),
        ("stateful_set", json!({}), labelled, "metadata.labels is not set and is to be {\"app\":\"postgres\"}"),
        (
            "deployment",
            json!({"spec": {"selector": {"matchLabels": {"tier": "api"}}}}),
            json!({"spec": {"selector": {"matchLabels": {"app.kubernetes.io/name": "saleor-api"}}}}),
            "delete the Deployment and deploy again",
        ),
        ("service", json!({}), headless.clone(), "spec.clusterIP is 10.43.120.7 and is to be None"),
        ("service", headless.clone(), json!({"spec": {"ports": []}}), "spec.clusterIP is None and is to be an address"),
        ("service", headless, json!({"spec": {"clusterIP": "10.43.0.9"}}), "delete the Service and deploy again"),
        ("claim", json!({}), json!({"spec": {"accessModes": ["ReadWriteMany"]}}), "move its data to a new claim"),
    ] {
        is_blocked(recorded(kind, patch), Some(desired), words);
    }
    let binding = |role: &str| json!({"kind": "RoleBinding", "roleRef": {"kind": "Role", "name": role}});
    is_blocked(binding("old"), Some(binding("new")), "roleRef.name is old and is to be new");
    is_free(binding("old"), Some(binding("old")));
    let secret = |of: &str| json!({"kind": "Secret", "type": of, "data": {"PASSWORD": "c2VjcmV0"}});
    is_blocked(secret("kubernetes.io/basic-auth"), Some(secret("Opaque")), "type is kubernetes.io/basic-auth");
}

#[test]
fn every_reason_is_told() {
    let live = recorded("stateful_set", json!({"spec": {"updateStrategy": {"type": "OnDelete"}}}));
    let mut wal = wants("1Gi", Some("longhorn"));
    wal["metadata"] = json!({"name": "wal"});
    let desired = json!({"spec": {"serviceName": "other", "volumeClaimTemplates": [wal]}});
    let reasons = blocked(&live, Some(&desired));
    assert_eq!(reasons.len(), 4, "{reasons:?}");
    let claim = blocked(&recorded("claim", json!({})), Some(&wants("100Mi", Some("longhorn"))));
    assert_eq!(claim.len(), 2, "{claim:?}");
}

#[test]
fn other_kinds_are_never_blocked() {
    is_free(json!({"kind": "CronJob", "metadata": {"name": "x"}, "spec": {"suspend": true}}), None);
    is_free(json!(null), None);
}
