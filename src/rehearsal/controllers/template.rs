//! Pods from templates, and the hashes that tell templates apart.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::object::owner_reference;
use crate::render::canonical;

/// The letters of generated names: no vowels, so no words
/// (k8s:staging/src/k8s.io/apimachinery/pkg/util/rand/rand.go).
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Letters that stand for a text, always the same ones.
pub fn letters(text: &str, length: usize) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(length).map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
}

/// The hash of a template, whatever the order of its fields.
pub fn hash(template: &Value) -> String {
    letters(&canonical(template), 10)
}

/// A pod of a template, not yet named.
pub fn pod(owner: &Value, template: &Value) -> Value {
    let mut metadata =
        json!({"namespace": owner["metadata"]["namespace"], "ownerReferences": [owner_reference(owner)]});
    for field in ["labels", "annotations"] {
        if let Some(value) = template["metadata"].get(field) {
            metadata[field] = value.clone();
        }
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"],
           "status": {"phase": "Pending"}})
}
