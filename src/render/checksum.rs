//! A checksum of the configuration that a pod reads, on its template: a changed value restarts exactly
//! the pods that read it.
//!
//! Keyed (HMAC), because a plain hash of a weak password could be guessed from the annotation
//! (RULES.md T16). Initial fields are left out: a failover restarts nobody through this.

use std::collections::{BTreeMap, BTreeSet};

use hmac::{Hmac, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::{Plan, canonical};

/// The Secret that holds the key of the checksums.
pub const CHECKSUM_SECRET: &str = "keyboss-checksum";
/// The key in that Secret.
pub const CHECKSUM_KEY: &str = "KEY";

const ANNOTATION: &str = "keyboss.io/config-checksum";
const PLACEHOLDER: &str = "(keyed; known to the cluster)";

/// One ConfigMap or Secret that a pod reads: all of it, or one key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reference {
    kind: &'static str,
    name: String,
    key: Option<String>,
}

/// Stamps the pod templates of every Deployment and StatefulSet. `secrets` holds the values of the
/// plan's Secrets by name and key; without a checksum key a placeholder is written.
pub fn stamp(plan: &mut Plan, secrets: &BTreeMap<String, BTreeMap<String, String>>) {
    let key = secrets.get(CHECKSUM_SECRET).and_then(|secret| secret.get(CHECKSUM_KEY)).cloned();
    let mut known: BTreeMap<(&'static str, String), Map<String, Value>> = BTreeMap::new();
    for (_, object) in plan.objects() {
        match object.id.kind.as_str() {
            "ConfigMap" => {
                let mut data = Map::new();
                for field in ["data", "binaryData"] {
                    data.extend(object.value[field].as_object().cloned().unwrap_or_default());
                }
                known.insert(("ConfigMap", object.id.name.clone()), data);
            }
            "Secret" if object.secret.is_some() => {
                let values = secrets.get(&object.id.name).cloned().unwrap_or_default();
                let data = values.into_iter().map(|(key, value)| (key, Value::from(value))).collect();
                known.insert(("Secret", object.id.name.clone()), data);
            }
            _ => {}
        }
    }
    for object in plan.objects_mut() {
        if !matches!(object.id.kind.as_str(), "Deployment" | "StatefulSet") {
            continue;
        }
        let Some(template) = object.value.pointer_mut("/spec/template") else { continue };
        let read = what_is_read(template, &known);
        if read.is_empty() {
            continue;
        }
        let checksum = key.as_deref().map_or_else(|| PLACEHOLDER.to_owned(), |key| keyed(key, &read));
        if !template["metadata"]["annotations"].is_object() {
            template["metadata"]["annotations"] = json!({});
        }
        template["metadata"]["annotations"][ANNOTATION] = Value::from(checksum);
    }
}

/// Takes the checksum off an object's pod template; what it was.
pub fn unstamp(object: &mut Value) -> Option<Value> {
    let metadata = object.pointer_mut("/spec/template/metadata")?.as_object_mut()?;
    let annotations = metadata.get_mut("annotations")?.as_object_mut()?;
    let checksum = annotations.shift_remove(ANNOTATION);
    if annotations.is_empty() {
        metadata.shift_remove("annotations");
    }
    checksum
}

fn keyed(key: &str, read: &Map<String, Value>) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { unreachable!("HMAC takes any key") };
    mac.update(canonical(&Value::Object(read.clone())).as_bytes());
    mac.finalize().into_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// What a pod of this template starts with: its ConfigMaps, Secrets and account, by kind and name.
pub fn read_by(template: &Value) -> BTreeSet<(String, String)> {
    let mut read: BTreeSet<(String, String)> =
        references(template).into_iter().map(|reference| (reference.kind.to_owned(), reference.name)).collect();
    if let Some(account) = template["spec"]["serviceAccountName"].as_str() {
        read.insert(("ServiceAccount".to_owned(), account.to_owned()));
    }
    read
}

fn references(template: &Value) -> BTreeSet<Reference> {
    let mut references = BTreeSet::new();
    let spec = &template["spec"];
    for containers in ["initContainers", "containers"] {
        for container in items(&spec[containers]) {
            for source in items(&container["envFrom"]) {
                refer(&mut references, "ConfigMap", &source["configMapRef"]["name"], None);
                refer(&mut references, "Secret", &source["secretRef"]["name"], None);
            }
            for variable in items(&container["env"]) {
                let from = &variable["valueFrom"];
                for (kind, field) in [("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")] {
                    refer(&mut references, kind, &from[field]["name"], from[field]["key"].as_str());
                }
            }
        }
    }
    for volume in items(&spec["volumes"]) {
        for source in std::iter::once(volume).chain(items(&volume["projected"]["sources"])) {
            let name = source["secret"].get("secretName").unwrap_or(&source["secret"]["name"]);
            for (kind, name, list) in [
                ("ConfigMap", &source["configMap"]["name"], &source["configMap"]["items"]),
                ("Secret", name, &source["secret"]["items"]),
            ] {
                if list.is_array() {
                    items(list).for_each(|item| refer(&mut references, kind, name, item["key"].as_str()));
                } else {
                    refer(&mut references, kind, name, None);
                }
            }
        }
    }
    references
}

/// The data behind a template's references, by "Kind/name/key".
fn what_is_read(template: &Value, known: &BTreeMap<(&'static str, String), Map<String, Value>>) -> Map<String, Value> {
    let mut read = Map::new();
    for reference in references(template) {
        let Some(data) = known.get(&(reference.kind, reference.name.clone())) else { continue };
        let path = format!("{}/{}", reference.kind, reference.name);
        match reference.key {
            None => read.extend(data.iter().map(|(key, value)| (format!("{path}/{key}"), value.clone()))),
            Some(key) => {
                if let Some(value) = data.get(&key) {
                    read.insert(format!("{path}/{key}"), value.clone());
                }
            }
        }
    }
    read
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn refer(into: &mut BTreeSet<Reference>, kind: &'static str, name: &Value, key: Option<&str>) {
    if let Some(name) = name.as_str() {
        into.insert(Reference { kind, name: name.to_owned(), key: key.map(str::to_owned) });
    }
}
