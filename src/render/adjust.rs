//! What every object gets from the program, so that no manifest can forget it.

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::object::pod_template_pointer;
use super::{MANAGED_BY, storage};
use crate::environment::Environment;

/// Adds namespace, labels, storage class and cap, and image pull secrets to a rendered object.
///
/// # Errors
/// See [`storage::adjust`].
pub fn adjust(object: &mut Value, environment: &Environment) -> Result<()> {
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    if kind != "Namespace" {
        mapping(object, "metadata").insert("namespace".to_owned(), json!(environment.values.namespace));
    }
    label(object);
    storage::adjust(object, &environment.values.storage)?;
    if let Some(template) = pod_template_pointer(&kind).and_then(|pointer| object.pointer_mut(pointer)) {
        label(template);
        pull_secrets(template, &environment.values.image_pull_secrets);
    }
    Ok(())
}

/// The recommended labels (<https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/>)
/// that are the same everywhere.
fn label(object: &mut Value) {
    let labels = mapping(mapping_value(object, "metadata"), "labels");
    labels.insert("app.kubernetes.io/part-of".to_owned(), json!("keyboss"));
    labels.insert("app.kubernetes.io/managed-by".to_owned(), json!(MANAGED_BY));
}

fn pull_secrets(template: &mut Value, names: &[String]) {
    if !names.is_empty() {
        let references: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        mapping(template, "spec").insert("imagePullSecrets".to_owned(), Value::from(references));
    }
}

fn mapping_value<'a>(object: &'a mut Value, key: &str) -> &'a mut Value {
    if !object.is_object() {
        *object = json!({});
    }
    let place = &mut object[key];
    if !place.is_object() {
        *place = Value::Object(Map::new());
    }
    place
}

fn mapping<'a>(object: &'a mut Value, key: &str) -> &'a mut Map<String, Value> {
    match mapping_value(object, key) {
        Value::Object(map) => map,
        _ => unreachable!("mapping_value makes it one"),
    }
}
