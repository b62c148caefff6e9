//! What must be known before anything is written: live objects that an apply cannot make ready.

use std::cmp::Ordering;

use serde_json::Value;

use crate::environment::Quantity;

/// Why this object cannot be deployed, given what lives under its name (`live`) and what is to
/// be applied to it (`desired`; `None`: only waited for). `None`: nothing is in the way.
///
/// - a paused Deployment (C1) and a suspended Job (C3) would never get ready;
/// - a StatefulSet with the update strategy OnDelete (C2) replaces no pod;
/// - a claim cannot shrink nor change its storage class (C4), and nothing of a StatefulSet's
///   claim templates can change.
///
/// Whether they are paused and so on is asked of the object as it will be: of `desired`, and of
/// `live` where `desired` is silent. The words go after the object's name.
pub fn blocked(live: &Value, desired: Option<&Value>) -> Option<String> {
    let name = text(live, "/metadata/name").unwrap_or_default();
    let will_be = |path: &str| desired.and_then(|desired| desired.pointer(path)).or_else(|| live.pointer(path));
    let is_on = |path: &str| will_be(path).and_then(Value::as_bool) == Some(true);
    match text(live, "/kind")? {
        "Deployment" if is_on("/spec/paused") => {
            Some(format!("is paused and would never finish: kubectl rollout resume deployment/{name}"))
        }
        "Job" if is_on("/spec/suspend") => {
            Some("is suspended and would never finish: set its spec.suspend to false or delete it".to_owned())
        }
        "StatefulSet" => {
            if will_be("/spec/updateStrategy/type").and_then(Value::as_str) == Some("OnDelete") {
                return Some(
                    "has the update strategy OnDelete, under which Kubernetes replaces no pod: set it to RollingUpdate"
                        .to_owned(),
                );
            }
            claim_templates(live, desired?)
        }
        "PersistentVolumeClaim" => claim("", live, desired?),
        _ => None,
    }
}

/// C4 for one claim.
///
/// <https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims>
fn claim(subject: &str, live: &Value, desired: &Value) -> Option<String> {
    if let (Some(has), Some(wants)) = (size(live), size(desired))
        && compare(wants, has) == Some(Ordering::Less)
    {
        return Some(format!(
            "{subject}asks for {wants} and has {has}: a volume cannot shrink; ask for {has}, or move its data to a new claim"
        ));
    }
    other_class(subject, live, desired)
}

/// C4 for a StatefulSet's claim templates. They are immutable: the API server would refuse the
/// whole StatefulSet, growth included, in the middle of the deploy.
///
/// <https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#volume-claim-templates>
fn claim_templates(live: &Value, desired: &Value) -> Option<String> {
    let live = templates(live);
    templates(desired).into_iter().find_map(|wanted| {
        let template = text(wanted, "/metadata/name").unwrap_or_default();
        let subject = format!("volumeClaimTemplate {template} ");
        let Some(has) = live.iter().find(|has| text(has, "/metadata/name") == Some(template)) else {
            return Some(format!("{subject}is new: claim templates cannot be added to a StatefulSet that exists"));
        };
        claim(&subject, has, wanted).or_else(|| grown(&subject, has, wanted))
    })
}

fn grown(subject: &str, live: &Value, desired: &Value) -> Option<String> {
    let (has, wants) = (size(live)?, size(desired)?);
    (compare(wants, has) == Some(Ordering::Greater)).then(|| {
        format!(
            "{subject}asks for {wants} and has {has}: claim templates cannot change; grow the claims, then delete the StatefulSet with --cascade=orphan and deploy again"
        )
    })
}

/// A class that is not asked for is the live one, whichever that is.
fn other_class(subject: &str, live: &Value, desired: &Value) -> Option<String> {
    let (has, wants) = (class(live)?, class(desired)?);
    (has != wants).then(|| {
        format!(
            "{subject}asks for storage class {wants} and has {has}: the class of a claim cannot change; ask for {has}, or move its data to a new claim"
        )
    })
}

fn compare(a: &str, b: &str) -> Option<Ordering> {
    Some(a.parse::<Quantity>().ok()?.cmp(&b.parse().ok()?))
}

fn size(claim: &Value) -> Option<&str> {
    text(claim, "/spec/resources/requests/storage")
}

/// The class, from the annotation too in which old claims name it.
fn class(claim: &Value) -> Option<&str> {
    text(claim, "/spec/storageClassName")
        .or_else(|| text(claim, "/metadata/annotations/volume.beta.kubernetes.io~1storage-class"))
}

fn templates(stateful_set: &Value) -> Vec<&Value> {
    stateful_set
        .pointer("/spec/volumeClaimTemplates")
        .and_then(Value::as_array)
        .map(|templates| templates.iter().collect())
        .unwrap_or_default()
}

fn text<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    value.pointer(path).and_then(Value::as_str)
}
