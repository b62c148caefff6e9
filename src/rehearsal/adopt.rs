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
    for entry in object["metadata"]["managedFields"].as_array_mut().into_iter().flatten() {
        if entry["apiVersion"] == version {
            entry["apiVersion"] = json!(kind.api_version);
        }
    }
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    Some((Key { kind, namespace: text("namespace"), name: text("name") }, object))
}
