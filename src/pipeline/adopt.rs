//! Taking over what an older script has deployed by `kubectl apply` (`--adopt`): objects of our names, without our
//! label.
//!
//! It moves the ownership of fields before anything else is done, and writes nothing but metadata: nothing restarts, a
//! half of it harms nobody, and the next run does the rest. The deploy that follows puts our label on.

use futures::StreamExt;
use serde_json::Value;

use super::persist::persist;
use super::preconditions::is_ours;
use super::{Events, Options, Prepared, Refused, lock};
use crate::cluster::is_known;
use crate::release::stays;
use crate::render::{Object, ObjectId};

const CONCURRENCY: usize = 8;
const LABEL: &str = "app.kubernetes.io/managed-by";
const UNKNOWN_PODS: &str = "where NetworkPolicies are enforced, PostgreSQL and Redis take no connections of the old pods \
                            between phases 2 and 4, for these lack our label; to spare the shop that, take over with --set \
                            networkPolicies.enabled=false, and deploy once more without it";

/// Why a live object is not ours to apply; None where it is, or is to be taken over.
pub fn foreign(id: &ObjectId, live: &Value, adopts: bool) -> Option<String> {
    if is_ours(live) {
        return None;
    }
    if let Some(owner) = owner(live) {
        return Some(format!("{id} exists and is not managed by keyboss, but by {owner}; rename or delete it"));
    }
    if !adopts {
        return Some(format!(
            "{id} exists and is not managed by keyboss (label {LABEL}); rename or delete it, or take it over with --adopt"
        ));
    }
    // What stays by rule is never gone back to.
    (!is_known(live) && !stays(&id.kind)).then(|| {
        format!(
            "{id} was not written by kubectl, so it is not known what a failed deploy would have to go back to; rename or \
             delete it, or apply its old manifest once more, with kubectl apply --server-side --force-conflicts"
        )
    })
}

/// Whoever else says that the object is theirs: another tool, or an object that owns this one.
fn owner(live: &Value) -> Option<String> {
    let metadata = &live["metadata"];
    if let Some(tool) = metadata["labels"][LABEL].as_str() {
        return Some(format!("{tool} (label {LABEL})"));
    }
    let mut owners = metadata["ownerReferences"].as_array().into_iter().flatten();
    let owner = owners.find(|owner| owner["controller"] == true)?;
    Some(format!("{} {}", owner["kind"].as_str().unwrap_or_default(), owner["name"].as_str().unwrap_or_default()))
}

/// The objects that are to be taken over, with what they are.
fn adopted(prepared: &Prepared) -> Vec<(&Object, &Value)> {
    let objects = prepared.phases().flat_map(|phase| prepared.objects(phase));
    let living = objects.filter_map(|object| Some((object, prepared.live.get(&object.id)?)));
    living.filter(|(_, live)| !is_ours(live)).collect()
}

/// Says what is to be taken over, and what of it a deploy leaves as it is though the manifests say otherwise.
pub fn tell_adopted(prepared: &Prepared, events: &Events) {
    let adopted = adopted(prepared);
    if adopted.is_empty() {
        return;
    }
    let names: Vec<String> = adopted.iter().map(|(object, _)| object.id.to_string()).collect();
    events.notice(None, format!("to be taken over (--adopt): {}", names.join(", ")));
    let has_policies = prepared.request.plan.objects().any(|(_, object)| object.id.kind == "NetworkPolicy");
    if has_policies && adopted.iter().any(|(object, _)| object.pod_template().is_some()) {
        events.notice(None, UNKNOWN_PODS);
    }
    let kept = adopted.iter().filter(|(object, _)| object.secret.is_none()).flat_map(|(object, live)| {
        let moved = |pointer: &str, value: &Value| live.pointer(pointer).is_some_and(|has| has != value);
        let fields = object.initial.iter().filter(move |field| moved(&field.pointer, &field.value));
        fields.map(|field| format!("{} {}", object.id, field.pointer))
    });
    let kept: Vec<String> = kept.collect();
    if !kept.is_empty() {
        events.notice(None, format!("these stay as they are, though a first deploy sets others: {}", kept.join(", ")));
    }
}

/// Takes over what there is, under the lock; whether there was anything.
///
/// # Errors
/// When the lock is another's, or an object cannot be written. What was taken over stays so.
pub async fn adopt(prepared: &Prepared, options: &Options, events: &Events) -> Result<bool, Refused> {
    let adopted = adopted(prepared);
    if adopted.is_empty() {
        return Ok(false);
    }
    tell_adopted(prepared, events);
    let clock = prepared.request.clock.from_now();
    let values = &prepared.request.environment.values.lock;
    let lock = lock::take(&prepared.cluster, &prepared.lock, &options.author, values, clock, events).await?;
    let cluster = &prepared.cluster.with_permit(lock.permit());
    let answers: Vec<_> = futures::stream::iter(adopted)
        .map(|(object, _)| async move { (object, persist(async || cluster.take_over(object).await).await) })
        .buffered(CONCURRENCY)
        .collect()
        .await;
    lock.release().await;
    let failed = answers.into_iter().filter_map(|(object, answer)| Some((object, answer.err()?)));
    let reasons: Vec<String> =
        failed.map(|(object, fault)| format!("{} cannot be taken over: {fault}", object.id)).collect();
    if reasons.is_empty() { Ok(true) } else { Err(Refused::Because(reasons)) }
}
