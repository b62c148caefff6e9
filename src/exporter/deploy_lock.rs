//! The lock of deploys: one that nobody renews any more is what is left of a deploy that was broken off.

use jiff::Timestamp;

use crate::cluster::{Cluster, Fault, LOCK_NAME, LockKind};

/// Whether somebody holds the lock, and when it was last renewed. It is a Lease or a ConfigMap: an exporter may read more
/// or less than the deployer, so both are looked at.
///
/// # Errors
/// When neither can be read.
pub async fn look(cluster: &Cluster) -> Result<(bool, Option<Timestamp>), Fault> {
    let mut free = None;
    for kind in [LockKind::Lease, LockKind::ConfigMap] {
        match cluster.lock_state(LOCK_NAME, kind).await {
            Ok(Some(state)) if state.is_held() => return Ok((true, state.renewed)),
            Ok(_) => free = Some(Ok((false, None))),
            Err(fault) => free = free.or(Some(Err(fault))),
        }
    }
    free.unwrap_or(Ok((false, None)))
}
