//! Which autoscaler steers a workload, and which ones go for it: two never steer one at a time.
//!
//! A plan may hold several for one workload (a ScaledObject of KEDA, and a HorizontalPodAutoscaler for where there is no
//! KEDA). One is used. Whatever else of ours steers the workload is deleted, and gone, before that one is applied.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::preconditions::{id, identity, is_ours};
use super::{Refused, Request, Selection, rights};
use crate::cluster::{Access, Cluster, Live, denied, journals};
use crate::release::{Journal, State, applied_by};
use crate::render::{Instead, KINDS, MANAGED_BY, ObjectId, Phase, Plan, steered};

/// What a journal says of an autoscaler that goes.
pub const DELETED: &str = "deleted";

/// An autoscaler that goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Rival {
    /// Which object it is.
    pub id: ObjectId,
    /// Its `metadata.uid`: another one of its name is not meant.
    pub uid: String,
    /// The workload that it steers: "Deployment celery-worker".
    pub workload: String,
    /// The one of the plan that takes its place...
    pub successor: ObjectId,
    /// ...in this phase.
    pub phase: Phase,
    /// Whether keyboss applied it itself, so that a rollback can bring it back.
    pub is_applied: bool,
}

impl Rival {
    /// Why it goes.
    pub fn why(&self) -> String {
        format!("{} steers {}", self.successor, self.workload)
    }
}

/// What steers a workload of the plan besides the plan's own autoscaler.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rivals {
    /// What keyboss made: it goes.
    pub ours: Vec<Rival>,
    /// What others made, in words: it is told, and stays.
    pub others: Vec<String>,
}

/// Settles which autoscalers are used: those that are served and that the user may use. Tells where that is not the
/// first choice.
///
/// # Errors
/// When the API server does not answer.
pub async fn settle(request: &mut Request, cluster: &Cluster) -> Result<Vec<String>, Refused> {
    let served = cluster.served();
    let unserved = |id: &ObjectId| {
        let words = || format!("the cluster does not serve {} {}", id.api_version, id.kind);
        served.get(id).is_none().then(words)
    };
    let mut told = request.plan.settle(|object| unserved(&object.id));
    // Where there is a choice, a right that is missing decides it; else it is refused like any other.
    let wanted: BTreeSet<ObjectId> = candidates(&request.plan);
    let mut lacking = BTreeMap::new();
    for id in wanted.into_iter().filter(|id| unserved(id).is_none()) {
        let needed = rights::for_object(&id, served, cluster.namespace());
        if let Some(access) = denied(cluster.client(), needed).await?.first() {
            lacking.insert(id, format!("you may not {access} in namespace {}", cluster.namespace()));
        }
    }
    if !lacking.is_empty() {
        told = request.plan.settle(|object| unserved(&object.id).or_else(|| lacking.get(&object.id).cloned()));
    }
    Ok(told.iter().map(words).collect())
}

/// The autoscalers in use that others could stand in for.
fn candidates(plan: &Plan) -> BTreeSet<ObjectId> {
    let aside: BTreeSet<String> = plan.aside().filter_map(|(_, object)| steered(&object.value)).collect();
    let has_choice = |object: &Value| steered(object).is_some_and(|workload| aside.contains(&workload));
    plan.objects().filter(|(_, object)| has_choice(&object.value)).map(|(_, object)| object.id.clone()).collect()
}

fn words(instead: &Instead) -> String {
    let Instead { wanted, why, used, workload } = instead;
    format!("{wanted} is not used, for {why}: {used} steers {workload} instead")
}

/// Adds the live autoscalers of kinds that the plan does not hold, but an earlier release has made; and those of the
/// plan that were set aside.
///
/// # Errors
/// When they may not be looked at or deleted.
pub async fn look(plan: &Plan, cluster: &Cluster, live: &mut Live) -> Result<(), Refused> {
    let held: BTreeSet<&str> = plan.objects().map(|(_, object)| object.id.kind.as_str()).collect();
    let journals = journals(live);
    let made = KINDS.iter().filter(|(_, kind)| journals.iter().any(|journal| has_made(journal, kind)));
    let made = made.map(|(version, kind)| ((*version).to_owned(), (*kind).to_owned()));
    let aside = plan.aside().map(|(_, object)| (object.id.api_version.clone(), object.id.kind.clone()));
    let kinds: BTreeSet<(String, String)> = made.chain(aside).filter(|(_, kind)| is_autoscaler(kind)).collect();
    let unseen = kinds.into_iter().filter(|(_, kind)| !held.contains(kind.as_str()));
    let ids = unseen.map(|(api_version, kind)| ObjectId { api_version, kind, name: String::new() });
    for id in ids.filter(|id| cluster.served().get(id).is_some()) {
        let needed = rights::for_object(&id, cluster.served(), cluster.namespace());
        let lacking = denied(cluster.client(), needed).await?;
        let why = |access: &Access| {
            let namespace = cluster.namespace();
            format!("you may not {access} in namespace {namespace}; an earlier release has made a {}", id.kind)
        };
        // Who may not look at it needs not to, where none of ours can be there.
        let may_live = since_settled(&journals).iter().any(|journal| has_made(journal, &id.kind));
        match (lacking.is_empty(), may_live) {
            (true, _) => {
                for object in cluster.live(std::slice::from_ref(&id)).await?.iter() {
                    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                    live.insert(&id.kind, &name, object.clone());
                }
            }
            (false, true) => return Err(Refused::Because(lacking.iter().map(why).collect())),
            (false, false) => {}
        }
    }
    Ok(())
}

/// The kinds that steer workloads.
pub fn is_autoscaler(kind: &str) -> bool {
    matches!(kind, "HorizontalPodAutoscaler" | "ScaledObject")
}

/// The releases from the last one on that succeeded and applied autoscalers: what others had made is gone since.
fn since_settled(journals: &[Journal]) -> &[Journal] {
    let has_settled = |journal: &Journal| {
        let mut kinds = journal.objects.keys().filter_map(|object| object.split(' ').next());
        journal.state == State::Succeeded && kinds.any(is_autoscaler)
    };
    journals.iter().rposition(has_settled).map_or(journals, |last| &journals[last..])
}

/// Whether a release has made, or was about to make, an object of that kind.
fn has_made(journal: &Journal, kind: &str) -> bool {
    let is_of_kind = |object: &String| object.split(' ').next() == Some(kind);
    let mut writes = journal.intended.iter().filter(|intent| intent.change != DELETED);
    journal.objects.keys().any(is_of_kind) || writes.any(|intent| intent.id.kind == kind)
}

/// What steers a workload whose autoscaler is about to be applied, and is not that one. What an autoscaler owns (KEDA's
/// HorizontalPodAutoscaler, which has our labels, for it copies them) goes with its owner; if that one was ours and is
/// gone, nobody else deletes it (kubernetes #102641).
///
/// # Errors
/// When what would have to go has a name of ours, and was made by somebody else.
pub fn rivals(plan: &Plan, live: &Live, journals: &[Journal], selection: Selection) -> Result<Rivals, Refused> {
    let mut chosen = BTreeMap::new();
    for (phase, object) in plan.objects().filter(|(phase, _)| selection.includes(*phase)) {
        if let Some(workload) = steered(&object.value) {
            chosen.insert(workload, (phase, &object.id));
        }
    }
    let recorded: BTreeSet<&str> = journals.iter().flat_map(|of| of.objects.values()).map(String::as_str).collect();
    let alive: BTreeSet<&str> = live.iter().filter_map(|object| object["metadata"]["uid"].as_str()).collect();
    let mut found = Rivals::default();
    let mut reasons = Vec::new();
    for object in live.iter() {
        let (this, (uid, _)) = (id(object), identity(object));
        let Some(workload) = steered(object).filter(|_| is_autoscaler(&this.kind)) else { continue };
        let Some((phase, successor)) = chosen.get(&workload) else { continue };
        if (&this.kind, &this.name) == (&successor.kind, &successor.name) {
            continue;
        }
        let is_applied = is_ours(object) && applied_by(object, MANAGED_BY).is_some();
        let goes = match owner(object) {
            Some(owner) if alive.contains(owner) && is_autoscaler_of(live, owner) => continue,
            Some(owner) => recorded.contains(owner) && !alive.contains(owner),
            None => is_applied || is_ours(object) && recorded.contains(uid.as_str()),
        };
        if goes {
            let (phase, successor) = (*phase, (*successor).clone());
            found.ours.push(Rival { id: this, uid, workload, successor, phase, is_applied });
        } else if plan.aside().any(|(_, aside)| (&aside.id.kind, &aside.id.name) == (&this.kind, &this.name)) {
            reasons.push(format!(
                "{this} steers {workload}, as {successor} is to, and is not managed by keyboss: delete it; or take it over \
                 with --adopt in a deploy that uses it"
            ));
        } else {
            found.others.push(format!(
                "{this} steers {workload} as {successor} does, and is not keyboss': the two work against each other; \
                 delete one"
            ));
        }
    }
    if reasons.is_empty() { Ok(found) } else { Err(Refused::Because(reasons)) }
}

/// The uid of the object's controller.
fn owner(object: &Value) -> Option<&str> {
    let mut owners = object["metadata"]["ownerReferences"].as_array()?.iter();
    owners.find(|owner| owner["controller"] == true)?["uid"].as_str()
}

fn is_autoscaler_of(live: &Live, uid: &str) -> bool {
    live.of_kind("ScaledObject").any(|object| object["metadata"]["uid"] == uid)
}

#[cfg(test)]
mod tests;
