//! What is left over when a release has succeeded: objects that it no longer has, Jobs and records that are old.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::persist::persist;
use super::preconditions::{id, identity, is_ours};
use super::survey::Survey;
use super::{Events, Prepared};
use crate::cluster::{LOCK_NAME, is_record, next_release};
use crate::release::{Action, Author, Journal, State, expendable, stays};
use crate::render::ObjectId;

/// A Job's release, and the one before it, keep their Jobs (RULES.md T14).
const JOBS_OF: usize = 2;
/// Why it is deleted.
const UNNEEDED: &str = "no release needs it any more";

/// Says which objects an earlier release had and this one has not, unless they are about to go.
pub fn tell(prepared: &Prepared, prunes: bool, events: &Events) {
    kept(prepared, prunes).into_iter().for_each(|words| events.notice(None, words));
}

/// The same in words.
pub fn kept(prepared: &Prepared, prunes: bool) -> Option<String> {
    let left: Vec<String> = left_over(prepared).into_iter().map(|(id, _)| id.to_string()).collect();
    let is_told = !left.is_empty() && !prunes;
    is_told.then(|| format!("earlier releases had what this one has not; --prune deletes it: {}", left.join(", ")))
}

/// An object that a deploy deletes.
#[derive(Clone, Debug, PartialEq)]
pub struct Deletion {
    /// Which object.
    pub id: ObjectId,
    /// Its `metadata.uid`.
    pub uid: String,
    /// Why it goes.
    pub why: String,
}

/// What a deploy deletes: autoscalers that make way, and, once a release that changes something has succeeded, what no
/// release needs any more.
pub fn deletions(prepared: &Prepared, survey: &Survey, prunes: bool) -> Vec<Deletion> {
    let rivals = prepared.rivals.iter();
    let mut deletions: Vec<Deletion> =
        rivals.map(|rival| Deletion { id: rival.id.clone(), uid: rival.uid.clone(), why: rival.why() }).collect();
    if survey.is_change() || !deletions.is_empty() || prunes && has_left_over(prepared) {
        let next = Journal::new(next_release(&prepared.live), Action::Deploy, Timestamp::UNIX_EPOCH, Author::default());
        let why = || UNNEEDED.to_owned();
        deletions.extend(going(prepared, &next, prunes).into_iter().map(|(id, uid)| Deletion { id, uid, why: why() }));
    }
    deletions
}

fn going(prepared: &Prepared, current: &Journal, prunes: bool) -> Vec<(ObjectId, String)> {
    let mut going = old_jobs(prepared, current);
    if prunes {
        going.extend(left_over(prepared));
    }
    going
}

/// Whether there is anything to prune.
pub fn has_left_over(prepared: &Prepared) -> bool {
    !left_over(prepared).is_empty()
}

/// Deletes what is left over. A failure of it is told, and no failure of the release.
pub async fn tidy(prepared: &Prepared, current: &Journal, prunes: bool, events: &Events) {
    for (id, uid) in going(prepared, current, prunes) {
        match persist(async || prepared.cluster.forget(&id, &uid).await).await {
            Ok(()) => events.notice(None, format!("{id} is deleted: {UNNEEDED}")),
            Err(fault) => events.notice(None, format!("{id} is no longer needed, and could not be deleted: {fault}")),
        }
    }
    let mut journals = prepared.journals.clone();
    journals.push(current.clone());
    for release in expendable(&journals) {
        if let Err(fault) = persist(async || prepared.cluster.forget_record(release).await).await {
            events.notice(None, format!("the record of release {release} could not be deleted: {fault}"));
        }
    }
}

/// The uids of all objects of these releases.
fn uids<'a>(journals: impl IntoIterator<Item = &'a Journal>) -> BTreeSet<&'a String> {
    journals.into_iter().flat_map(|journal| journal.objects.values()).collect()
}

/// Objects of earlier releases that this plan no longer has: they carry our label and a uid that was recorded, and are
/// of a kind that may be pruned: never data, a namespace or a secret.
fn left_over(prepared: &Prepared) -> Vec<(ObjectId, String)> {
    let recorded = uids(&prepared.journals);
    let is_left = |object: &&Value| {
        let (uid, _) = identity(object);
        let kind = object["kind"].as_str().unwrap_or_default();
        is_ours(object)
            && recorded.contains(&uid)
            && !stays(kind)
            && !is_record(object)
            && object["metadata"]["name"] != LOCK_NAME
            && prepared.request.plan.get(&id(object)).is_none()
            && !prepared.rivals.iter().any(|rival| rival.uid == uid)
    };
    prepared.live.iter().filter(is_left).map(|object| (id(object), identity(object).0)).collect()
}

/// Jobs of ours that neither this release nor the one that succeeded before it made.
fn old_jobs(prepared: &Prepared, current: &Journal) -> Vec<(ObjectId, String)> {
    let is_deploy = |journal: &&Journal| journal.state == State::Succeeded && !journal.is_reset();
    let succeeded = prepared.journals.iter().rev().filter(is_deploy);
    let kept = uids(std::iter::once(current).chain(succeeded.take(JOBS_OF - 1)));
    let recorded = uids(&prepared.journals);
    let jobs = prepared.live.of_kind("Job").filter(|job| is_ours(job));
    let old = jobs
        .map(|job| (id(job), identity(job).0))
        .filter(|(id, uid)| recorded.contains(uid) && !kept.contains(uid) && prepared.request.plan.get(id).is_none());
    old.collect()
}
