//! Which objects a reset deletes: data to data.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::preconditions::{id, identity, is_ours};
use crate::cluster::{LOCK_NAME, Live, is_record};
use crate::release::{Journal, applied_by};
use crate::render::{MANAGED_BY, ObjectId, Phase, Plan};

/// The label that says who manages an object.
const MANAGER: &str = "/metadata/labels/app.kubernetes.io~1managed-by";
const CLAIM: &str = "PersistentVolumeClaim";

/// An object that is to go, or data that stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doomed {
    /// Which object.
    pub id: ObjectId,
    /// Its `metadata.uid`: another one of its name is not meant.
    pub uid: String,
    /// The size that a claim asks for.
    pub size: Option<String>,
    /// A claim's volume.
    pub volume: Option<String>,
}

/// What goes, and which of our data stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// What is deleted, by kind and name.
    pub doomed: Vec<Doomed>,
    /// The claims that stay.
    pub kept: Vec<Doomed>,
}

/// Chooses what keyboss manages: what carries its label and was made by it, by the word of the plan, of a record or of
/// the server's own books; and the claims that its StatefulSets made. The lock, the records and the Namespace stay; so
/// do the backups, unless they are to go as well. What depends on another object goes with that one.
pub fn choose(plan: &Plan, live: &Live, journals: &[Journal], with_backups: bool) -> Choice {
    let traces = Traces::of(plan, live, journals);
    let mut choice = Choice::default();
    for object in live.iter().filter(|object| !is_never_ours(object)) {
        let is_claim = object["kind"] == CLAIM;
        if !(traces.is_made_by_keyboss(object) || is_claim && traces.is_data(object)) {
            continue;
        }
        // A claim that was told to go cannot be kept any more.
        let goes = with_backups || !traces.is_backup(object) || !object["metadata"]["deletionTimestamp"].is_null();
        let list = if goes { &mut choice.doomed } else { &mut choice.kept };
        list.push(doomed(object));
    }
    choice
}

fn doomed(object: &Value) -> Doomed {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    Doomed {
        id: id(object),
        uid: identity(object).0,
        size: text("/spec/resources/requests/storage").filter(|_| object["kind"] == CLAIM),
        volume: text("/spec/volumeName").filter(|_| object["kind"] == CLAIM),
    }
}

/// What is no reset's affair whatever its labels: the namespace, which is somebody's and holds the lock; the lock and the
/// records; and what another object owns.
fn is_never_ours(object: &Value) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array();
    object["kind"] == "Namespace"
        || is_record(object)
        || object["metadata"]["name"] == LOCK_NAME && (object["kind"] == "Lease" || object["kind"] == "ConfigMap")
        || owners.is_some_and(|owners| owners.iter().any(|owner| owner["controller"] == true))
}

/// What tells keyboss' objects from others'.
struct Traces<'a> {
    plan: &'a Plan,
    /// The uids that a release has recorded.
    recorded: BTreeSet<&'a str>,
    /// Those that a reset has chosen already: whoever made them may be gone by now.
    chosen: BTreeSet<&'a str>,
    /// The names of claims in phase 6, now and in earlier releases.
    backups: BTreeSet<&'a str>,
    /// What a claim's name begins with: `<template>-<StatefulSet>-`.
    data: BTreeSet<String>,
}

impl<'a> Traces<'a> {
    fn of(plan: &'a Plan, live: &Live, journals: &'a [Journal]) -> Self {
        fn uids(objects: &BTreeMap<String, String>) -> impl Iterator<Item = &str> {
            objects.values().map(String::as_str).filter(|uid| !uid.is_empty())
        }
        let backup = plan.phase(Phase::Backup).iter().map(|object| &object.id);
        let intents = journals.iter().flat_map(|journal| &journal.intended);
        let backed_up = intents.filter(|intent| intent.phase == Phase::Backup).map(|intent| &intent.id);
        let mut traces = Self {
            plan,
            recorded: journals.iter().flat_map(|journal| uids(&journal.objects)).collect(),
            chosen: journals.iter().filter(|of| of.is_reset()).flat_map(|journal| uids(&journal.objects)).collect(),
            backups: backup.chain(backed_up).filter(|id| id.kind == CLAIM).map(|id| id.name.as_str()).collect(),
            data: BTreeSet::new(),
        };
        let sets = live.of_kind("StatefulSet").filter(|set| traces.is_made_by_keyboss(set));
        // One that a person has deleted leaves its claims behind; that it was here, a record says.
        let was_here = |id: &ObjectId| journals.iter().any(|journal| journal.objects.contains_key(&id.to_string()));
        let planned = plan.objects().map(|(_, object)| object).filter(|object| object.id.kind == "StatefulSet");
        let planned = planned.filter(|object| live.get(&object.id).is_none() && was_here(&object.id));
        traces.data = sets.chain(planned.map(|object| &object.value)).flat_map(stems).collect();
        traces
    }

    /// Whether it carries our label, and there is word that keyboss made it: a label is easily copied.
    fn is_made_by_keyboss(&self, object: &Value) -> bool {
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
        is_ours(object)
            && (self.recorded.contains(uid)
                || self.plan.get(&id(object)).is_some()
                || applied_by(object, MANAGED_BY).is_some())
    }

    /// Whether a claim was made for one of our StatefulSets: it lacks our label, and must not carry another's
    /// (<https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#stable-storage>).
    fn is_data(&self, claim: &Value) -> bool {
        let (metadata, manager) = (&claim["metadata"], claim.pointer(MANAGER));
        let name = metadata["name"].as_str().unwrap_or_default();
        let is_numbered = |stem: &String| {
            let ordinal = name.strip_prefix(stem.as_str());
            ordinal.is_some_and(|ordinal| !ordinal.is_empty() && ordinal.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let was_chosen = metadata["uid"].as_str().is_some_and(|uid| self.chosen.contains(uid));
        manager.is_none_or(|manager| manager == MANAGED_BY) && (was_chosen || self.data.iter().any(is_numbered))
    }

    fn is_backup(&self, object: &Value) -> bool {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        object["kind"] == CLAIM && self.backups.contains(name)
    }
}

/// What the names of a StatefulSet's claims begin with.
fn stems(set: &Value) -> Vec<String> {
    let name = set["metadata"]["name"].as_str().unwrap_or_default();
    let templates = set["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten();
    templates.filter_map(|template| Some(format!("{}-{name}-", template["metadata"]["name"].as_str()?))).collect()
}

#[cfg(test)]
mod tests;
