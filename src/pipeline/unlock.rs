//! Breaking a lock that nobody will give back (RULES.md B4).

use super::Refused;
use crate::cluster::{Clock, Cluster, Fault, LOCK_NAME, LockKind, LockState};

/// A lock that somebody holds.
#[derive(Clone, Debug)]
pub struct HeldLock {
    kind: LockKind,
    state: LockState,
}

impl HeldLock {
    /// Who holds it, and whether that deploy may be alive, for people.
    pub fn words(&self, clock: &Clock) -> String {
        let LockState { holder, duration, .. } = &self.state;
        let kind = match self.kind {
            LockKind::Lease => "Lease",
            LockKind::ConfigMap => "ConfigMap",
        };
        let age = self.state.age(clock);
        let left = match duration.checked_sub(age).filter(|_| self.state.renewed.is_some()) {
            Some(left) => format!("it is good for another {} s, so that deploy may well be alive", left.as_secs()),
            None => "it has expired, and the next deploy takes it over by itself".to_owned(),
        };
        format!("{holder} holds the lock (a {kind}), renewed {} s ago; {left}", age.as_secs())
    }
}

/// The locks that are held in the namespace: a Lease, and a ConfigMap of somebody who may not use Leases.
///
/// # Errors
/// When they cannot be read.
pub async fn held(cluster: &Cluster) -> Result<Vec<HeldLock>, Fault> {
    let mut held = Vec::new();
    for kind in [LockKind::Lease, LockKind::ConfigMap] {
        match cluster.lock_state(LOCK_NAME, kind).await {
            // Who may not use Leases has no lock there.
            Err(fault) if kind == LockKind::Lease && fault.is_denied() => {}
            state => held.extend(state?.filter(LockState::is_held).map(|state| HeldLock { kind, state })),
        }
    }
    Ok(held)
}

/// Breaks locks as they were looked at. The deploy that holds one notices it at its next renewal, and stops writing.
///
/// # Errors
/// When one was renewed or taken since: its holder is alive.
pub async fn break_locks(cluster: &Cluster, held: &[HeldLock]) -> Result<(), Refused> {
    for HeldLock { kind, state } in held {
        cluster.break_lock(LOCK_NAME, *kind, state).await.map_err(|fault| match fault.is_conflict() {
            true => Refused::because(format!(
                "the lock of {} was renewed or taken at this very moment, so somebody is deploying: it is not broken",
                state.holder
            )),
            false => Refused::because(format!("the lock of {} cannot be broken: {fault}", state.holder)),
        })?;
    }
    Ok(())
}
