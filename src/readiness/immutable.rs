//! Fields that no update can change: the API server would refuse the whole object in the middle of a deploy.
//!
//! Only what the object that is to be applied names is compared; what the server filled in is no difference.

use serde_json::Value;

use super::volumes::{self, text};
use crate::environment::Quantity;

/// What of a StatefulSet's spec can change, by newer Kubernetes; an older one refuses the last two itself
/// (k8s:pkg/apis/apps/validation/validation.go, `ValidateStatefulSetUpdate`).
const CHANGEABLE: [&str; 5] =
    ["replicas", "template", "updateStrategy", "minReadySeconds", "persistentVolumeClaimRetentionPolicy"];

/// How a kind's immutable fields can be changed all the same; None where there is no general way. The words go after
/// what is to change.
pub fn way_round(kind: &str) -> Option<&'static str> {
    match kind {
        "StatefulSet" => Some(
            "immutable fields cannot be changed in place: take a dump (the CronJob postgres-backup), then `keyboss deploy \
             --reset` and restore it",
        ),
        "Deployment" => Some("a selector cannot be changed in place: delete the Deployment and deploy again"),
        "Service" => Some("a clusterIP cannot be changed in place: delete the Service and deploy again"),
        "RoleBinding" => Some("a roleRef cannot be changed in place: delete the RoleBinding and deploy again"),
        "Secret" => Some(
            "a type cannot be changed in place: keep a copy of the values, delete the Secret and create it again with \
             them",
        ),
        "PersistentVolumeClaim" => Some("a claim cannot be changed in place: move its data to a new claim"),
        _ => None,
    }
}

/// Every change of an immutable field that applying `desired` to `live` would be, with a way round it.
pub(super) fn changes(kind: &str, live: &Value, desired: &Value) -> Vec<String> {
    let mut reasons = Vec::new();
    let fields = match kind {
        "StatefulSet" => {
            reasons.extend(volumes::templates(live, desired));
            stateful_set(live, desired)
        }
        "Deployment" => whole("spec.selector", &live["spec"]["selector"], &desired["spec"]["selector"]),
        "Service" => service(live, desired),
        "RoleBinding" => differences("roleRef", &live["roleRef"], &desired["roleRef"]),
        "Secret" => differences("type", &live["type"], &desired["type"]),
        "PersistentVolumeClaim" => {
            reasons.extend(volumes::claim("", live, desired));
            claim("spec", &live["spec"], &desired["spec"])
        }
        _ => Vec::new(),
    };
    if let Some(way) = way_round(kind).filter(|_| !fields.is_empty()) {
        reasons.insert(0, format!("{}; {way}", fields.join(", ")));
    }
    reasons
}

fn stateful_set(live: &Value, desired: &Value) -> Vec<String> {
    let spec = desired["spec"].as_object().into_iter().flatten();
    let fixed = spec.filter(|(field, _)| !CHANGEABLE.contains(&field.as_str()));
    let compared = fixed.flat_map(|(field, wanted)| {
        let (path, has) = (format!("spec.{field}"), &live["spec"][field]);
        match field.as_str() {
            "selector" => whole(&path, has, wanted),
            "volumeClaimTemplates" => claim_templates(has, wanted),
            _ => differences(&path, has, wanted),
        }
    });
    compared.collect()
}

/// What of the claim templates that both have can change even less than a claim's size and class.
fn claim_templates(live: &Value, desired: &Value) -> Vec<String> {
    let live = live.as_array().map_or(&[][..], Vec::as_slice);
    let pairs = desired.as_array().into_iter().flatten().filter_map(|wanted| {
        let name = text(wanted, "/metadata/name")?;
        Some((name, live.iter().find(|has| text(has, "/metadata/name") == Some(name))?, wanted))
    });
    let compared = pairs.flat_map(|(name, has, wanted)| {
        let path = format!("spec.volumeClaimTemplates[{name}]");
        let mut found = claim(&format!("{path}.spec"), &has["spec"], &wanted["spec"]);
        for field in ["labels", "annotations"] {
            let path = format!("{path}.metadata.{field}");
            found.extend(differences(&path, &has["metadata"][field], &wanted["metadata"][field]));
        }
        found
    });
    compared.collect()
}

/// A claim's spec, less its size and class, which have rules of their own
/// (<https://kubernetes.io/docs/concepts/storage/persistent-volumes/>).
fn claim(path: &str, live: &Value, desired: &Value) -> Vec<String> {
    let spec = desired.as_object().into_iter().flatten();
    let fixed = spec.filter(|(field, _)| !matches!(field.as_str(), "resources" | "storageClassName"));
    fixed.flat_map(|(field, wanted)| differences(&format!("{path}.{field}"), &live[field], wanted)).collect()
}

/// An address that is given stays, and so does having none (`None`): where the manifest is silent, the server keeps
/// what is there and says nothing.
///
/// <https://kubernetes.io/docs/concepts/services-networking/service/#headless-services>
fn service(live: &Value, desired: &Value) -> Vec<String> {
    let Some(has) = text(live, "/spec/clusterIP").filter(|has| !has.is_empty()) else { return Vec::new() };
    if desired["spec"].is_null() || text(desired, "/spec/type") == Some("ExternalName") {
        return Vec::new();
    }
    match text(desired, "/spec/clusterIP").filter(|wants| !wants.is_empty()) {
        Some(wants) if wants != has => vec![words("spec.clusterIP", &has.into(), &wants.into())],
        None if has == "None" => vec!["spec.clusterIP is None and is to be an address".to_owned()],
        _ => Vec::new(),
    }
}

/// A value that has no defaults in it, and counts as a whole.
fn whole(path: &str, live: &Value, desired: &Value) -> Vec<String> {
    let differs = !desired.is_null() && live != desired;
    differs.then(|| words(path, live, desired)).into_iter().collect()
}

/// The fields that `desired` names with another value than `live` has.
fn differences(path: &str, live: &Value, desired: &Value) -> Vec<String> {
    match (live, desired) {
        (_, Value::Null) => Vec::new(),
        (Value::Object(_), Value::Object(fields)) => {
            let inner = fields.iter().map(|(field, wanted)| (format!("{path}.{field}"), &live[field], wanted));
            inner.flat_map(|(path, has, wanted)| differences(&path, has, wanted)).collect()
        }
        (Value::Array(has), Value::Array(wants)) if has.len() == wants.len() => {
            let inner = has.iter().zip(wants).enumerate().map(|(index, pair)| (format!("{path}[{index}]"), pair));
            inner.flat_map(|(path, (has, wanted))| differences(&path, has, wanted)).collect()
        }
        _ if live == desired || is_same_quantity(live, desired) => Vec::new(),
        _ => vec![words(path, live, desired)],
    }
}

fn is_same_quantity(a: &Value, b: &Value) -> bool {
    let quantity = |value: &Value| value.as_str()?.parse::<Quantity>().ok();
    quantity(a).is_some_and(|a| quantity(b) == Some(a))
}

fn words(path: &str, live: &Value, desired: &Value) -> String {
    let plain = |value: &Value| match value {
        Value::Null => "not set".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    format!("{path} is {} and is to be {}", plain(live), plain(desired))
}
