//! A release that an earlier run broke off, at whatever write it died: it is rolled back before anything else
//! (RULES.md T3, T12).

use super::persist::persist;
use super::rollback::{is_complete, roll_back};
use super::{Events, Options, Prepared, Refused, lock};
use crate::cluster::{Clock, Cluster};
use crate::release::{Journal, Snapshot, State};
use crate::render::Phase;

/// Rolls back the releases that were broken off, the newest first. Nothing brings back what a reset has deleted: it is
/// for another reset to finish.
///
/// # Errors
/// When the lock is another's, or not everything could be rolled back.
pub async fn recover(prepared: &Prepared, options: &Options, events: &Events) -> Result<(), Refused> {
    let clock = prepared.request.clock.from_now();
    let values = &prepared.request.environment.values.lock;
    let lock = lock::take(&prepared.cluster, &prepared.lock, &options.author, values, clock, events).await?;
    let cluster = prepared.cluster.with_permit(lock.permit());
    let recovered = all(prepared, &cluster, clock, events).await;
    lock.release().await;
    recovered
}

async fn all(prepared: &Prepared, cluster: &Cluster, clock: Clock, events: &Events) -> Result<(), Refused> {
    let is_broken_off = |journal: &&Journal| journal.is_unfinished() && !journal.is_reset();
    for journal in prepared.journals.iter().rev().filter(is_broken_off) {
        events.notice(None, words(journal));
        let snapshot = persist(async || cluster.snapshot(journal.release).await).await?;
        let (state, message) = match &snapshot {
            None => (State::Kept, "its snapshot is gone, so it could not be rolled back".to_owned()),
            Some(snapshot) => back(cluster, snapshot, clock, events).await,
        };
        let ended = Journal { state, finished: Some(clock.now()), message: Some(message.clone()), ..journal.clone() };
        persist(async || cluster.write_journal(&ended).await).await?;
        events.notice(None, format!("release {}: {message}", journal.release));
        if state == State::Incomplete {
            let release = journal.release;
            return Err(Refused::because(format!(
                "release {release}, which was broken off, could not be rolled back wholly: mend what is named above and \
                 run this again, or go on from what is there with --resume"
            )));
        }
    }
    Ok(())
}

async fn back(cluster: &Cluster, snapshot: &Snapshot, clock: Clock, events: &Events) -> (State, String) {
    if snapshot.is_first {
        return (State::Kept, "it was the first install: there is nothing to go back to, and it stays".to_owned());
    }
    let table = roll_back(cluster, snapshot, Phase::Deployments, clock, events).await;
    match is_complete(&table) {
        true => (State::RolledBack, "it was broken off, and is rolled back now".to_owned()),
        false => (State::Incomplete, "it was broken off, and its rollback is incomplete".to_owned()),
    }
}

fn words(journal: &Journal) -> String {
    let author = &journal.author;
    format!(
        "release {} of {}@{}, begun {}, was broken off: it is rolled back first",
        journal.release,
        author.user,
        author.host,
        journal.started.strftime("%Y-%m-%d %H:%M:%SZ")
    )
}
