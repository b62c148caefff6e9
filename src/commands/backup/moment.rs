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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::cluster::serve;
    use crate::rehearsal::adopt::adopt;
    use crate::rehearsal::face::Face;

    #[tokio::test]
    async fn where_nothing_is_archived_it_says_what_to_set() {
        let face = Face::new(Timestamp::now());
        let client = face.client("keyboss");
        let kinds = BTreeSet::from([("batch/v1".to_owned(), "CronJob".to_owned())]);
        let cluster = Cluster::new(client.clone(), "keyboss", serve(&client, &kinds).await.unwrap());
        let cron = |name: &str| {
            json!({"apiVersion": "batch/v1beta1", "kind": "CronJob",
                "metadata": {"name": name, "namespace": "keyboss", "uid": name}, "spec": {}})
        };
        adopt(&face, [&cron("postgres-backup")]);
        let why = must_archive(&cluster).await.unwrap_err().to_string();
        assert!(why.contains("CronJob postgres-at in namespace keyboss: set backup.pointInTime.enabled=true"), "{why}");
        adopt(&face, [&cron("postgres-at")]);
        must_archive(&cluster).await.unwrap();
    }
}
