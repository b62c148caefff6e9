//! C4: what of a claim's size and class can change, and of a StatefulSet's claim templates.

use std::cmp::Ordering;

use serde_json::Value;

use crate::environment::Quantity;

/// C4 for one claim; `subject` begins the words.
///
/// <https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims>
pub(super) fn claim(subject: &str, live: &Value, desired: &Value) -> Vec<String> {
    let mut reasons = Vec::new();
    if let (Some(has), Some(wants)) = (size(live), size(desired))
        && compare(wants, has) == Some(Ordering::Less)
    {
        reasons.push(format!(
            "{subject}asks for {wants} and has {has}: a volume cannot shrink; ask for {has}, or move its data to a new claim"
        ));
    }
    // A class that is not asked for is the live one, whichever that is.
    if let (Some(has), Some(wants)) = (class(live), class(desired))
        && has != wants
    {
        reasons.push(format!(
            "{subject}asks for storage class {wants} and has {has}: the class of a claim cannot change; ask for {has}, or move its data to a new claim"
        ));
    }
    reasons
}

/// C4 for a StatefulSet's claim templates. They are immutable: the API server would refuse the
/// whole StatefulSet, growth included, in the middle of the deploy.
///
/// <https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#volume-claim-templates>
pub(super) fn templates(live: &Value, desired: &Value) -> Vec<String> {
    let (has, wants) = (named(live), named(desired));
    let is_asked = desired.pointer("/spec/volumeClaimTemplates").is_some();
    let gone = has.iter().filter(|(name, _)| is_asked && wants.iter().all(|(wanted, _)| wanted != name));
    let mut reasons: Vec<String> = gone
        .map(|(name, _)| {
            format!(
                "volumeClaimTemplate {name} is gone: claim templates cannot be taken from a StatefulSet that exists"
            )
        })
        .collect();
    for (name, wanted) in wants {
        let subject = format!("volumeClaimTemplate {name} ");
        let Some((_, has)) = has.iter().find(|(known, _)| *known == name) else {
            reasons.push(format!("{subject}is new: claim templates cannot be added to a StatefulSet that exists"));
            continue;
        };
        reasons.extend(claim(&subject, has, wanted));
        reasons.extend(grown(&subject, has, wanted));
    }
    reasons
}

fn grown(subject: &str, live: &Value, desired: &Value) -> Option<String> {
    let (has, wants) = (size(live)?, size(desired)?);
    (compare(wants, has) == Some(Ordering::Greater)).then(|| {
        format!(
            "{subject}asks for {wants} and has {has}: claim templates cannot change; grow the claims, then delete the StatefulSet with --cascade=orphan and deploy again"
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

/// A StatefulSet's claim templates, by name.
fn named(stateful_set: &Value) -> Vec<(&str, &Value)> {
    let templates = stateful_set.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array);
    let name = |template| text(template, "/metadata/name").unwrap_or_default();
    templates.into_iter().flatten().map(|template| (name(template), template)).collect()
}

pub(super) fn text<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    value.pointer(path).and_then(Value::as_str)
}
