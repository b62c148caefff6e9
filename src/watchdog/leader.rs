//! Which watchdog leads (HA.md, rule 5).
//!
//! A lock that somebody holds is timed by our own clock, from when it was last seen to change: never by the time that its
//! holder wrote into it, whose clock may be another.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Settings, in_time};
use crate::cluster::{Clock, Cluster, Fault, Lock, LockKind, LockState, LockTimes};

/// The name of the Lease, or ConfigMap.
pub const LEADER_LOCK: &str = "keyboss-watchdog";

/// How long the lead is good for, and how often it is renewed.
pub fn times(lease: Duration) -> LockTimes {
    LockTimes { duration: lease, renew: lease / 5 }
}

/// Who holds the lock, one name for the life of a process: a pod's next container is somebody else.
pub fn holder(identity: &str) -> String {
    let run: String = std::iter::repeat_with(fastrand::alphanumeric).take(6).collect();
    format!("{identity} ({run})")
}

/// Waits until this watchdog leads.
pub async fn elect(cluster: &Cluster, settings: &Settings, holder: &str, clock: Clock) -> Lock {
    let times = times(settings.lease);
    let mut watched: Option<(LockState, Instant)> = None;
    let mut kind = None;
    let mut said = String::new();
    loop {
        match in_time(look(cluster, &mut kind)).await {
            Ok((kind, seen)) => {
                if may_take(&mut watched, seen.as_ref(), holder, times.duration) {
                    match in_time(cluster.take_lock(LEADER_LOCK, kind, seen.as_ref(), holder, times, clock)).await {
                        Ok(lock) => return lock,
                        Err(fault) if fault.is_conflict() => {}
                        Err(fault) => {
                            tell_once(&mut said, format!("the lead cannot be taken, so nobody is promoted: {fault}"))
                        }
                    }
                }
            }
            Err(fault) => tell_once(&mut said, format!("who leads cannot be read, so nobody is promoted: {fault}")),
        }
        sleep(times.renew).await;
    }
}

fn tell_once(said: &mut String, words: String) {
    if *said != words {
        tracing::warn!("{words}");
        *said = words;
    }
}

async fn look(cluster: &Cluster, kind: &mut Option<LockKind>) -> Result<(LockKind, Option<LockState>), Fault> {
    let found = match *kind {
        Some(kind) => kind,
        None => *kind.insert(cluster.lock_kind(LEADER_LOCK).await?),
    };
    Ok((found, cluster.lock_state(LEADER_LOCK, found).await?))
}

/// Whether nobody else holds it, or its holder has not renewed it for as long as it is good for.
fn may_take(
    watched: &mut Option<(LockState, Instant)>,
    seen: Option<&LockState>,
    holder: &str,
    duration: Duration,
) -> bool {
    // One of ours is from a time when the API server was away, and nothing of that time goes on.
    let Some(seen) = seen.filter(|seen| seen.is_held() && seen.holder != holder) else { return true };
    match watched {
        Some((known, since)) if known.is_same(seen) => since.elapsed() > duration.max(seen.duration),
        _ => {
            *watched = Some((seen.clone(), Instant::now()));
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::time::advance;

    use super::*;

    const DURATION: Duration = Duration::from_secs(5);

    /// A ConfigMap that somebody holds, renewed at this time by his clock.
    fn held(version: &str, renewed: &str) -> LockState {
        LockState::of_config_map(&json!({"metadata": {"resourceVersion": version}, "data": {
            "holderIdentity": "another", "renewTime": renewed, "leaseDurationSeconds": "5", "leaseTransitions": "1"}}))
    }

    #[tokio::test(start_paused = true)]
    async fn a_holder_is_timed_by_our_own_clock() {
        // HA.md, rule 5: a holder whose clock is hours off, either way.
        for renewed in ["1970-01-01T00:00:00Z", "2999-01-01T00:00:00Z"] {
            let mut watched = None;
            let mut may = |version| may_take(&mut watched, Some(&held(version, renewed)), "me", DURATION);
            assert!(!may("1"), "not at first sight");
            advance(DURATION).await;
            assert!(!may("1"), "not before its time is over");
            assert!(!may("2"), "it was renewed");
            advance(DURATION).await;
            assert!(!may("2"));
            advance(Duration::from_millis(1)).await;
            assert!(may("2"), "nobody has renewed it");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_else_holds_is_taken_at_once() {
        assert!(may_take(&mut None, None, "me", DURATION));
        assert!(may_take(&mut None, Some(&held("1", "2026-01-01T00:00:00Z")), "another", DURATION));
    }

    #[test]
    fn a_leader_may_fail_to_renew_twice() {
        let times = times(DURATION);
        assert!(times.renew * 2 < times.duration / 2, "before it gives up, which is before another may take over");
    }
}
