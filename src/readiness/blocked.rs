//! What must be known before anything is written: live objects that an apply cannot make ready.

use serde_json::Value;

use super::immutable;
use super::volumes::text;

/// The annotation of a Deployment that stands still while a backup of the database is put in place: how many replicas it
/// had.
pub const STOPPED: &str = "keyboss.io/replicas-before-restore";

/// Every reason why this object cannot be deployed, given what lives under its name (`live`) and what is to
/// be applied to it (`desired`; `None`: only waited for).
///
/// - a paused Deployment (C1) and a suspended Job (C3) would never get ready;
/// - a Deployment that a restore has stopped has no replica;
/// - a StatefulSet with the update strategy OnDelete (C2) replaces no pod;
/// - a claim cannot shrink nor change its storage class (C4), and nothing of a StatefulSet's
///   claim templates can change;
/// - nor can other immutable fields: selectors, a Service's clusterIP, a StatefulSet's spec.
///
/// Whether they are paused and so on is asked of the object as it will be: of `desired`, and of
/// `live` where `desired` is silent. Each reason names its remedy; the words go after the object's name.
pub fn blocked(live: &Value, desired: Option<&Value>) -> Vec<String> {
    let name = text(live, "/metadata/name").unwrap_or_default();
    let kind = text(live, "/kind").unwrap_or_default();
    let will_be = |path: &str| desired.and_then(|desired| desired.pointer(path)).or_else(|| live.pointer(path));
    let is_on = |path: &str| will_be(path).and_then(Value::as_bool) == Some(true);
    let state = match kind {
        "Deployment" if live["metadata"]["annotations"][STOPPED].is_string() => {
            Some("was stopped by a restore of the database that was broken off: keyboss backup undo".to_owned())
        }
        "Deployment" if is_on("/spec/paused") => {
            Some(format!("is paused and would never finish: kubectl rollout resume deployment/{name}"))
        }
        "Job" if is_on("/spec/suspend") => {
            Some("is suspended and would never finish: set its spec.suspend to false or delete it".to_owned())
        }
        "StatefulSet" if will_be("/spec/updateStrategy/type").and_then(Value::as_str) == Some("OnDelete") => Some(
            "has the update strategy OnDelete, under which Kubernetes replaces no pod: set it to RollingUpdate"
                .to_owned(),
        ),
        _ => None,
    };
    let changes = desired.map(|desired| immutable::changes(kind, live, desired)).unwrap_or_default();
    state.into_iter().chain(changes).collect()
}
