//! One deploy at a time (RULES.md T1).

use std::time::Duration;

use super::{Events, Refused};
use crate::cluster::{Clock, Cluster, LOCK_NAME, Live, Lock, LockKind, LockState, LockTimes, journals};
use crate::environment;
use crate::release::Author;
use crate::render::ObjectId;

/// The lock as it was before anything else was looked at. While it stays so, no other deploy has run.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Where it is kept.
    pub kind: LockKind,
    /// What it is; None where there never was one.
    pub state: Option<LockState>,
}

/// Looks at the lock.
///
/// # Errors
/// When it cannot be read.
pub async fn look(cluster: &Cluster) -> Result<Seen, Refused> {
    let kind = cluster.lock_kind(LOCK_NAME).await?;
    Ok(Seen { kind, state: cluster.lock_state(LOCK_NAME, kind).await? })
}

/// Refuses to begin while another deploy holds the lock. One that holds a ConfigMap, for it may not use Leases, is
/// seen by one that may.
///
/// # Errors
/// Names the holder.
pub fn check_free(seen: &Seen, live: &Live, clock: &Clock) -> Result<(), Refused> {
    let map = live.named("ConfigMap", LOCK_NAME).filter(|_| seen.kind == LockKind::Lease);
    let other = map.map(LockState::of_config_map);
    let held = seen.state.iter().chain(&other).find(|state| state.is_held() && !state.is_expired(clock));
    held.map_or(Ok(()), |state| Err(Refused::Locked(words(state, clock))))
}

/// Takes the lock for something that is no deploy, while no release is unfinished.
///
/// # Errors
/// When somebody holds it, it cannot be read or written, or a deploy was broken off.
pub async fn hold(
    cluster: &Cluster,
    author: &Author,
    values: &environment::Lock,
    events: &Events,
) -> Result<Lock, Refused> {
    let clock = Clock::start();
    let seen = look(cluster).await?;
    let maps = ObjectId { api_version: "v1".to_owned(), kind: "ConfigMap".to_owned(), name: String::new() };
    let live = cluster.live(&[maps]).await?;
    check_free(&seen, &live, &clock)?;
    if let Some(journal) = journals(&live).iter().find(|journal| journal.is_unfinished()) {
        return Err(Refused::because(format!("release {} is unfinished: run keyboss deploy first", journal.release)));
    }
    take(cluster, &seen, author, values, clock, events).await
}

/// Takes the lock. One whose time has run out is watched first: its holder's clock may be another.
///
/// # Errors
/// When somebody else holds it, or it cannot be written.
pub async fn take(
    cluster: &Cluster,
    seen: &Seen,
    author: &Author,
    values: &environment::Lock,
    clock: Clock,
    events: &Events,
) -> Result<Lock, Refused> {
    let times = times(values);
    if let Some(state) = seen.state.as_ref().filter(|state| state.is_held()) {
        let watched = times.renew + times.renew / 3;
        events.notice(
            None,
            format!(
                "the lock of {} was not renewed for {} s: it is watched for {} s, and taken over if nobody renews it",
                state.holder,
                state.age(&clock).as_secs(),
                watched.as_secs()
            ),
        );
        tokio::time::sleep(watched).await;
        let now = cluster.lock_state(LOCK_NAME, seen.kind).await?;
        if !now.as_ref().is_some_and(|now| now.is_same(state)) {
            return Err(Refused::Locked(now.map_or_else(meanwhile, |now| words(&now, &clock))));
        }
        events.notice(None, format!("the lock is taken over from {}", state.holder));
    }
    match cluster.take_lock(LOCK_NAME, seen.kind, seen.state.as_ref(), &holder(author), times, clock).await {
        Ok(lock) => Ok(lock),
        Err(fault) if fault.is_conflict() => {
            let now = cluster.lock_state(LOCK_NAME, seen.kind).await?.filter(LockState::is_held);
            Err(Refused::Locked(now.map_or_else(meanwhile, |now| words(&now, &clock))))
        }
        Err(fault) => Err(Refused::because(format!("the lock cannot be taken: {fault}"))),
    }
}

fn times(values: &environment::Lock) -> LockTimes {
    LockTimes {
        duration: Duration::from_secs(values.duration_seconds),
        renew: Duration::from_secs(values.renew_seconds),
    }
}

/// Who holds the lock, for people; another one for each run.
fn holder(author: &Author) -> String {
    let run: String = std::iter::repeat_with(fastrand::alphanumeric).take(6).collect();
    let Author { user, host, job } = author;
    let job = job.as_ref().map_or_else(String::new, |job| format!(", {job}"));
    format!("{user}@{host} (process {}, run {run}{job})", std::process::id())
}

fn words(state: &LockState, clock: &Clock) -> String {
    let (age, left) = (state.age(clock), state.duration.saturating_sub(state.age(clock)));
    format!(
        "another deploy holds the lock: {}, renewed {} s ago; wait until it is over (it expires in {} s unless it is \
         renewed), or break it with `keyboss unlock` if you know that it is dead",
        state.holder,
        age.as_secs(),
        left.as_secs()
    )
}

fn meanwhile() -> String {
    "another deploy ran in this very moment; run this one again".to_owned()
}
