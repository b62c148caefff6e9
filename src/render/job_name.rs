//! A Job's template cannot be changed, so a changed Job is another Job: its name ends in the hash of
//! its spec (RULES.md C3, B7).

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::canonical;

/// Appends the hash of the spec to the name, and returns the new name.
pub fn rename(job: &mut Value, manifest_name: &str) -> String {
    let spec = canonical(job.get("spec").unwrap_or(&Value::Null));
    let digest = Sha256::digest(spec.as_bytes());
    let hash: String = digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    let name = format!("{manifest_name}-{hash}");
    if let Some(place) = job.pointer_mut("/metadata/name") {
        *place = Value::from(name.as_str());
    }
    name
}
