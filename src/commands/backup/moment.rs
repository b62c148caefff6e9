//! Moments of the archived write-ahead log: which can be restored, and one of them as a dump.

use std::process::ExitCode;

use anyhow::{Result, bail};
use jiff::Timestamp;

use super::by_hand::{by_hand, has, printed};
use crate::backup::{MOMENTS, Spans};
use crate::cluster::Cluster;

/// Refuses where nothing is archived.
///
/// # Errors
/// What has to be set; or the cluster does not answer.
pub async fn must_archive(cluster: &Cluster) -> Result<()> {
    if has(cluster, MOMENTS).await? {
        return Ok(());
    }
    bail!(
        "there is no CronJob {MOMENTS} in namespace {}: set backup.pointInTime.enabled=true and deploy; moments from the \
         first base backup on can be restored then",
        cluster.namespace()
    )
}

/// The moments that can be restored.
///
/// # Errors
/// When nothing is archived, or they cannot be listed.
pub async fn spans(cluster: &Cluster) -> Result<Spans> {
    must_archive(cluster).await?;
    Spans::read(&printed(cluster, MOMENTS, &["bash", "/scripts/spans.sh"]).await?)
}

/// Writes a dump of the database as it was at that moment.
///
/// # Errors
/// When the Job cannot be started or followed.
pub async fn dump(cluster: &Cluster, moment: Timestamp, tell: impl FnMut(String)) -> Result<ExitCode> {
    by_hand(cluster, MOMENTS, &["bash", "/scripts/at.sh", &moment.to_string()], tell).await
}
