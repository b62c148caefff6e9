//! Who owns a field (<https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management>).

use serde_json::Value;

/// Whether any field manager owns the field, something inside it, or the whole of something around it.
///
/// "Has no value" would not do: `spec.replicas` has a default.
pub fn is_owned(object: &Value, pointer: &str) -> bool {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    entries.into_iter().flatten().any(|entry| owns(&entry["fieldsV1"], pointer))
}

fn owns(fields: &Value, pointer: &str) -> bool {
    let mut node = fields;
    for key in pointer.split('/').skip(1) {
        let key = format!("f:{}", key.replace("~1", "/").replace("~0", "~"));
        match node.get(key) {
            Some(inner) => node = inner,
            None => return false,
        }
        // An empty set is a leaf: the value as a whole, with everything in it.
        if node.as_object().is_some_and(serde_json::Map::is_empty) {
            return true;
        }
    }
    true
}

/// When the field manager last changed something, by the server's clock.
pub fn last_change(object: &Value, manager: &str) -> Option<jiff::Timestamp> {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array)?;
    let ours = entries.iter().filter(|entry| entry["manager"] == manager);
    ours.filter_map(|entry| entry["time"].as_str()?.parse().ok()).max()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ownership_as_recorded() {
        let object = json!({"metadata": {"managedFields": [
            {"manager": "keyboss", "operation": "Apply", "time": "2026-01-02T03:04:05Z", "fieldsV1": {
                "f:data": {"f:API_URI": {}}, "f:spec": {"f:ports": {"k:{\"port\":80}": {".": {}}}}}},
            {"manager": "k3s", "operation": "Update", "time": "2026-01-02T03:04:06Z", "fieldsV1": {
                "f:spec": {"f:selector": {".": {}, "f:statefulset.kubernetes.io/pod-name": {}}},
                "f:status": {}}},
        ]}});
        for (pointer, owned) in [
            ("/data/API_URI", true),
            ("/data/POSTGRES_HOST", false),
            ("/data", true),
            ("/spec/selector", true),
            ("/spec/selector/statefulset.kubernetes.io~1pod-name", true),
            ("/spec/replicas", false),
            ("/status/anything/inside", true),
        ] {
            assert_eq!(is_owned(&object, pointer), owned, "{pointer}");
        }
        assert!(!is_owned(&json!({"metadata": {}, "spec": {"replicas": 1}}), "/spec/replicas"));
        assert_eq!(last_change(&object, "keyboss"), Some("2026-01-02T03:04:05Z".parse().unwrap()));
        assert_eq!(last_change(&object, "kubectl"), None);
    }
}
