//! Defaults that the API server writes into lists which an apply replaces whole: without them, applying the same once
//! more would look like a change; and that of a volume, which an apply may bring back. Defaults elsewhere stay out: an
//! apply leaves them alone.

use serde_json::{Value, json};

use super::kinds::Kind;
use crate::render::pod_template_pointer;

/// Fills them in (k8s:pkg/apis/core/v1/defaults.go, `SetDefaults_PersistentVolumeClaim`, `SetDefaults_Volume`).
pub fn fill(kind: &Kind, object: &mut Value) {
    let template = pod_template_pointer(kind.kind).unwrap_or_default();
    let volumes = object.pointer_mut(&format!("{template}/spec/volumes")).and_then(Value::as_array_mut);
    for volume in volumes.into_iter().flatten().filter_map(Value::as_object_mut) {
        if volume.len() == 1 && volume.contains_key("name") {
            volume.insert("emptyDir".to_owned(), json!({}));
        }
    }
    if kind.kind != "StatefulSet" {
        return;
    }
    let templates = object.pointer_mut("/spec/volumeClaimTemplates").and_then(Value::as_array_mut);
    for template in templates.into_iter().flatten() {
        let mut filled = json!({
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"creationTimestamp": null},
            "spec": {"volumeMode": "Filesystem"},
            "status": {"phase": "Pending"},
        });
        add(&mut filled, template);
        *template = filled;
    }
}

/// Adds what is given to the defaults, over them.
fn add(defaults: &mut Value, given: &Value) {
    match (defaults, given) {
        (Value::Object(defaults), Value::Object(given)) => {
            for (key, value) in given {
                add(defaults.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (defaults, given) => *defaults = given.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_of_nothing_is_an_empty_directory() {
        for (version, kind, template) in
            [("v1", "Pod", ""), ("apps/v1", "Deployment", "/spec/template"), ("batch/v1", "Job", "/spec/template")]
        {
            let mut object = json!({});
            let volumes = json!([{"name": "a"}, {"name": "b", "configMap": {"name": "b"}}]);
            crate::render::insert(&mut object, &format!("{template}/spec/volumes"), &volumes);
            fill(Kind::named(version, kind).unwrap(), &mut object);
            let filled = json!([{"name": "a", "emptyDir": {}}, {"name": "b", "configMap": {"name": "b"}}]);
            assert_eq!(object.pointer(&format!("{template}/spec/volumes")), Some(&filled), "{kind}");
        }
    }

    #[test]
    fn a_claim_template_is_filled_once() {
        let kind = Kind::named("apps/v1", "StatefulSet").unwrap();
        let template =
            json!({"metadata": {"name": "data"}, "spec": {"volumeMode": "Block", "accessModes": ["ReadWriteOnce"]}});
        let mut set = json!({"spec": {"volumeClaimTemplates": [template]}});
        fill(kind, &mut set);
        let filled = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"creationTimestamp": null, "name": "data"},
            "spec": {"volumeMode": "Block", "accessModes": ["ReadWriteOnce"]},
            "status": {"phase": "Pending"},
        });
        assert_eq!(set["spec"]["volumeClaimTemplates"], json!([filled]));
        let before = set.clone();
        fill(kind, &mut set);
        assert_eq!(set, before);
        let mut without = json!({"spec": {"replicas": 1}});
        fill(kind, &mut without);
        assert_eq!(without, json!({"spec": {"replicas": 1}}));
    }
}
