//! A rehearsal cluster that begins with what lives in another one.

use serde_json::{Value, json};

use super::face::Face;
use super::kinds::KINDS;
use super::store::Key;

/// Puts copies of objects here, under the versions that are served here. Kinds that are not served are left out.
pub fn adopt<'a>(face: &Face, objects: impl IntoIterator<Item = &'a Value>) {
    face.change(|server| {
        for object in objects {
            if let Some((key, object)) = served_here(object) {
                server.adopt(key, object);
            }
        }
    });
}

/// An object as it is served here: where the other cluster serves a newer version of the same schema, it is this one
/// that its managers have written.
fn served_here(object: &Value) -> Option<(Key, Value)> {
    let group = |version: &str| version.rsplit_once('/').map_or(String::new(), |(group, _)| group.to_owned());
    let version = object["apiVersion"].as_str()?;
    let kind = KINDS.iter().find(|kind| object["kind"] == kind.kind && kind.group() == group(version))?;
    let mut object = object.clone();
    object["apiVersion"] = json!(kind.api_version);
    let entries = object.pointer_mut("/metadata/managedFields").and_then(Value::as_array_mut);
    for entry in entries.into_iter().flatten() {
        if entry["apiVersion"] == version {
            entry["apiVersion"] = json!(kind.api_version);
        }
    }
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    Some((Key { kind, namespace: text("namespace"), name: text("name") }, object))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_newer_cluster_serves_is_served_as_here() {
        for (version, kind, here) in [
            ("batch/v1", "CronJob", Some("batch/v1beta1")),
            ("autoscaling/v2", "HorizontalPodAutoscaler", Some("autoscaling/v2beta2")),
            ("apps/v1", "Deployment", Some("apps/v1")),
            ("v1", "Secret", Some("v1")),
            ("monitoring.coreos.com/v1", "ServiceMonitor", None),
        ] {
            let managed =
                json!([{"manager": "keyboss", "apiVersion": version}, {"manager": "old", "apiVersion": "x/v1"}]);
            let metadata = json!({"name": "x", "namespace": "a", "uid": "u", "managedFields": managed});
            let object = json!({"apiVersion": version, "kind": kind, "metadata": metadata});
            let found = served_here(&object).and_then(|(key, object)| {
                let managers = &object["metadata"]["managedFields"];
                assert_eq!(
                    (&managers[0]["apiVersion"], &managers[1]["apiVersion"]),
                    (&object["apiVersion"], &json!("x/v1"))
                );
                assert_eq!((key.namespace.as_str(), key.name.as_str()), ("a", "x"));
                object["apiVersion"].as_str().map(str::to_owned)
            });
            assert_eq!(found.as_deref(), here, "{version} {kind}");
        }
    }
}
