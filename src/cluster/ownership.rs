//! Taking over what `kubectl` has written: whose the fields of an object are before, and whose they are to be.
//!
//! The server removes a field when its last applier no longer names it, and client-side apply is no applier: what an
//! old manifest had and ours has not would stay for ever. So kubectl's fields become ours before our first apply, as
//! client-go's csaupgrade does it (<https://pkg.go.dev/k8s.io/client-go/util/csaupgrade>); but initial fields become
//! those of their own manager, so that they stay as they are.

use serde_json::{Value, json};

use super::fields::{Fields, path};
use super::{FIELD_MANAGER, INITIAL_FIELD_MANAGER};

/// The annotation in which client-side apply keeps what it applied last
/// (<https://kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/>).
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// The same, as a JSON pointer.
const LAST_APPLIED_POINTER: &str = "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration";

/// The managers of an object's fields after it was taken over, to be applied under this version from now on; None
/// where that changes nothing.
///
/// `initial` are the JSON pointers of its initial fields. Those that it has stay whoever's they are, and kubectl's and
/// nobody's are the initial manager's from now on. All of a Secret's values are initial.
pub fn taken_over(live: &Value, initial: &[&str], version: &str) -> Option<Value> {
    let before = entries(live);
    let (ours, rest): (Vec<&Value>, Vec<&Value>) = before.iter().partition(|entry| is_taken(entry));
    let (kept, rest): (Vec<&Value>, Vec<&Value>) = rest.into_iter().partition(|entry| is_initial(entry));
    let mut applied = union(live, &ours);
    applied.take(&path("/status"));
    applied.take(&path(LAST_APPLIED_POINTER));

    let mut values = union(live, &kept);
    let others = union(live, &rest);
    let mut pointers: Vec<String> = initial.iter().map(|pointer| (*pointer).to_owned()).collect();
    if live["kind"] == "Secret" {
        let keys = live["data"].as_object().into_iter().flatten().map(|(key, _)| key);
        pointers.extend(keys.map(|key| format!("/data/{}", key.replace('~', "~0").replace('/', "~1"))));
    }
    for pointer in &pointers {
        let path = path(pointer);
        let had = applied.take(&path);
        if live.pointer(pointer).is_some() && (had.is_some() || !others.has(&path) && !values.has(&path)) {
            values.put(&path, &had.unwrap_or_else(Fields::leaf));
        }
    }
    if live["kind"] == "Secret" {
        applied.take(&path("/data"));
        applied.take(&path("/stringData"));
    }

    let time = |entries: &[&Value]| {
        let newest = entries.iter().filter_map(|entry| entry["time"].as_str()).max();
        newest.map_or_else(|| live["metadata"]["creationTimestamp"].clone(), Value::from)
    };
    let entry = |manager: &str, operation: &str, fields: &Fields, time: Value| {
        (!fields.is_empty()).then(|| {
            json!({"manager": manager, "operation": operation, "apiVersion": version, "time": time,
                   "fieldsType": "FieldsV1", "fieldsV1": fields.write()})
        })
    };
    let applied = entry(FIELD_MANAGER, "Apply", &applied, time(&ours));
    let values = entry(INITIAL_FIELD_MANAGER, "Update", &values, time(if kept.is_empty() { &ours } else { &kept }));
    let after: Vec<Value> = applied.into_iter().chain(values).chain(rest.into_iter().cloned()).collect();
    let is_same = after.len() == before.len() && after.iter().all(|entry| before.contains(entry));
    (!is_same || live.pointer(LAST_APPLIED_POINTER).is_some()).then_some(Value::Array(after))
}

/// Whether an object was written by kubectl, or taken over from it: then what was applied to it last is known, and can
/// be gone back to.
pub fn is_known(live: &Value) -> bool {
    entries(live).iter().any(is_taken)
}

fn entries(live: &Value) -> &[Value] {
    live.pointer("/metadata/managedFields").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether an entry's fields become ours: those of kubectl's commands, each of which is a manager of its own
/// (`kubectl-client-side-apply`, `kubectl-create`, `kubectl-patch`...), and what is ours already. Writes to a
/// subresource are no configuration.
fn is_taken(entry: &Value) -> bool {
    let is_whole = entry["subresource"].as_str().is_none_or(str::is_empty);
    let manager = entry["manager"].as_str().unwrap_or_default();
    is_whole && (manager.starts_with("kubectl") || manager == FIELD_MANAGER && entry["operation"] == "Apply")
}

fn is_initial(entry: &Value) -> bool {
    entry["manager"] == INITIAL_FIELD_MANAGER && entry["operation"] == "Update"
}

/// The fields of several entries, as far as the object has them as it was read: the version under which they were
/// written may have another schema. An empty mapping is left to nobody: appliers own none
/// (k8s:vendor/sigs.k8s.io/structured-merge-diff/v4/typed/tofieldset.go), so our first apply would take it away.
fn union(live: &Value, entries: &[&Value]) -> Fields {
    let fields = entries.iter().map(|entry| Fields::read(&entry["fieldsV1"]));
    fields.fold(Fields::default(), |all, fields| all.union(&fields)).living(live)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, version: &str, time: &str, fields: &Value) -> Value {
        let time = format!("2026-01-01T00:00:{time}Z");
        json!({"manager": manager, "operation": operation, "apiVersion": version, "time": time,
               "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    fn object(kind: &str, mut rest: Value, managers: &[Value]) -> Value {
        rest["kind"] = json!(kind);
        rest["metadata"]["managedFields"] = json!(managers);
        rest["metadata"]["creationTimestamp"] = json!("2025-01-01T00:00:00Z");
        rest
    }

    #[test]
    fn what_kubectl_owns_is_ours_and_initial_fields_are_kept() {
        let labels = json!({".": {}, "f:app": {}});
        let volumes = |all: bool| match all {
            true => json!({"k:{\"name\":\"v\"}": {".": {}, "f:name": {}, "f:emptyDir": {}}}),
            false => json!({"k:{\"name\":\"v\"}": {".": {}, "f:name": {}}}),
        };
        let notes = json!({".": {}, "f:kubectl.kubernetes.io/last-applied-configuration": {}});
        let live = object(
            "Deployment",
            json!({"metadata": {"annotations": {LAST_APPLIED: "{}", "other": "x"}, "labels": {"app": "api"}}, "spec": {
                "replicas": 4, "paused": false, "template": {"spec": {"volumes": [{"name": "v", "emptyDir": {}}],
                    "containers": [{"name": "api", "image": "x"}]}}}}),
            &[
                entry(
                    "kubectl-client-side-apply",
                    "Update",
                    "apps/v1",
                    "05",
                    &json!({
                        "f:metadata": {"f:annotations": notes, "f:labels": labels},
                        "f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:volumes": volumes(true), "f:containers": {
                            "k:{\"name\":\"api\"}": {".": {}, "f:name": {}, "f:image": {}}}}}},
                    }),
                ),
                entry("kubectl-edit", "Update", "apps/v1", "07", &json!({"f:spec": {"f:paused": {}}})),
                entry("kube-controller-manager", "Update", "apps/v1", "09", &json!({"f:status": {"f:replicas": {}}})),
            ],
        );
        assert!(is_known(&live));
        let after = taken_over(&live, &["/spec/replicas"], "apps/v1").unwrap();
        let expected = [
            entry(
                "keyboss",
                "Apply",
                "apps/v1",
                "07",
                &json!({
                    "f:metadata": {"f:labels": labels},
                    "f:spec": {"f:paused": {}, "f:template": {"f:spec": {"f:volumes": volumes(false), "f:containers": {
                        "k:{\"name\":\"api\"}": {".": {}, "f:name": {}, "f:image": {}}}}}},
                }),
            ),
            entry("keyboss-initial", "Update", "apps/v1", "07", &json!({"f:spec": {"f:replicas": {}}})),
            entry("kube-controller-manager", "Update", "apps/v1", "09", &json!({"f:status": {"f:replicas": {}}})),
        ];
        assert_eq!(after, json!(expected));

        let mut again = live.clone();
        again["metadata"]["managedFields"] = after;
        assert!(taken_over(&again, &["/spec/replicas"], "apps/v1").is_some(), "the annotation is there still");
        again["metadata"]["annotations"] = json!({"other": "x"});
        assert_eq!(taken_over(&again, &["/spec/replicas"], "apps/v1"), None);
        assert!(is_known(&again));
    }

    /// The sets of keyboss, of keyboss-initial and of everybody else afterwards; null for none.
    fn sets(live: &Value, initial: &[&str], version: &str) -> Value {
        let after = taken_over(live, initial, version).unwrap();
        let of = |manager: &str, operation: &str| {
            let mut all = after.as_array().unwrap().iter();
            let entry = all.find(|entry| entry["manager"] == manager && entry["operation"] == operation);
            entry.map_or(Value::Null, |entry| entry["fieldsV1"].clone())
        };
        json!([of("keyboss", "Apply"), of("keyboss-initial", "Update"), after.as_array().unwrap().len()])
    }

    #[test]
    fn who_owns_what() {
        let csa = |version: &str, fields: Value| entry("kubectl-client-side-apply", "Update", version, "01", &fields);
        let service = json!({"metadata": {}, "spec": {"selector": {"app": "db"}, "type": "ClusterIP"}});
        let config = json!({"metadata": {}, "data": {"POSTGRES_HOST": "postgres-1.postgres", "OLD": "1"}});
        let scaler = json!({"metadata": {}, "spec": {"maxReplicas": 4, "metrics": []}});
        let table = [
            (
                "an initial field inside a structure, which stays no field of ours by itself",
                object("ConfigMap", config.clone(), &[csa("v1", json!({"f:data": {".": {}, "f:POSTGRES_HOST": {}}}))]),
                "/data/POSTGRES_HOST",
                json!([null, {"f:data": {"f:POSTGRES_HOST": {}}}, 1]),
            ),
            (
                "one that another kubectl command moved",
                object(
                    "ConfigMap",
                    config.clone(),
                    &[
                        csa("v1", json!({"f:data": {".": {}, "f:OLD": {}}})),
                        entry("kubectl-patch", "Update", "v1", "02", &json!({"f:data": {"f:POSTGRES_HOST": {}}})),
                    ],
                ),
                "/data/POSTGRES_HOST",
                json!([{"f:data": {".": {}, "f:OLD": {}}}, {"f:data": {"f:POSTGRES_HOST": {}}}, 2]),
            ),
            (
                "one that somebody else moved is theirs still",
                object(
                    "ConfigMap",
                    config.clone(),
                    &[
                        csa("v1", json!({"f:data": {".": {}, "f:OLD": {}}})),
                        entry("watchdog", "Update", "v1", "02", &json!({"f:data": {"f:POSTGRES_HOST": {}}})),
                    ],
                ),
                "/data/POSTGRES_HOST",
                json!([{"f:data": {".": {}, "f:OLD": {}}}, null, 2]),
            ),
            (
                "one that nobody owns is kept too",
                object("ConfigMap", config, &[csa("v1", json!({"f:data": {".": {}, "f:OLD": {}}}))]),
                "/data/POSTGRES_HOST",
                json!([{"f:data": {".": {}, "f:OLD": {}}}, {"f:data": {"f:POSTGRES_HOST": {}}}, 2]),
            ),
            (
                "a whole mapping",
                object(
                    "Service",
                    service,
                    &[csa(
                        "v1",
                        json!({"f:spec": {"f:selector": {".": {}, "f:app": {}}, "f:type": {}}, "f:status": {"f:x": {}}}),
                    )],
                ),
                "/spec/selector",
                json!([{"f:spec": {"f:type": {}}}, {"f:spec": {"f:selector": {".": {}, "f:app": {}}}}, 2]),
            ),
            (
                "a version of another schema: what the object does not have as it is read now has no owner",
                object(
                    "HorizontalPodAutoscaler",
                    scaler,
                    &[csa(
                        "autoscaling/v1",
                        json!({"f:spec": {"f:maxReplicas": {}, "f:targetCPUUtilizationPercentage": {}}}),
                    )],
                ),
                "/spec/minReplicas",
                json!([{"f:spec": {"f:maxReplicas": {}}}, null, 1]),
            ),
            (
                "an applier of ours and of kubectl's, and a subresource, which is no configuration",
                object(
                    "Deployment",
                    json!({"metadata": {}, "spec": {"replicas": 2, "template": {"a": 1}}}),
                    &[
                        entry("keyboss", "Apply", "apps/v1", "02", &json!({"f:spec": {"f:template": {"f:a": {}}}})),
                        entry("kubectl", "Apply", "apps/v1", "01", &json!({"f:spec": {"f:template": {}}})),
                        json!({"manager": "kubectl", "operation": "Update", "apiVersion": "apps/v1", "subresource": "scale",
                           "fieldsV1": {"f:spec": {"f:replicas": {}}}}),
                    ],
                ),
                "/spec/replicas",
                json!([{"f:spec": {"f:template": {".": {}, "f:a": {}}}}, null, 2]),
            ),
        ];
        for (what, live, initial, expected) in table {
            let version = match live["kind"].as_str().unwrap() {
                "Deployment" => "apps/v1",
                "HorizontalPodAutoscaler" => "autoscaling/v2beta2",
                _ => "v1",
            };
            assert_eq!(sets(&live, &[initial], version), expected, "{what}");
        }
    }

    #[test]
    fn every_value_of_a_secret_is_kept() {
        let fields =
            json!({"f:data": {".": {}, "f:PASSWORD": {}, "f:a/b": {}}, "f:stringData": {"f:X": {}}, "f:type": {}});
        let live = object(
            "Secret",
            json!({"metadata": {}, "data": {"PASSWORD": "eA==", "a/b": "eA==", "UNOWNED": "eA=="}, "type": "Opaque"}),
            &[entry("kubectl-create", "Update", "v1", "01", &fields)],
        );
        let kept = json!({"f:data": {"f:PASSWORD": {}, "f:UNOWNED": {}, "f:a/b": {}}});
        assert_eq!(sets(&live, &[], "v1"), json!([{"f:type": {}}, kept, 2]));
    }

    #[test]
    fn what_kubectl_did_not_write_stays() {
        let other = entry("helm", "Update", "v1", "01", &json!({"f:data": {"f:a": {}}}));
        let live = object("ConfigMap", json!({"metadata": {}, "data": {"a": "1"}}), &[other]);
        assert_eq!(taken_over(&live, &["/data/missing"], "v1"), None);
        assert!(!is_known(&live));
        assert!(!is_known(&json!({"metadata": {}})));
    }
}
