//! Who is primary: the record in ConfigMap `keyboss-config` (HA.md, rules 2 and 9).
//!
//! `POSTGRES_HOST` is what the shop and each starting PostgreSQL container read; what is beside it says whether another pod
//! may take over. All of it is one object, so one compare-and-swap writes all of it.

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::json;
use tokio_postgres::types::PgLsn;

use super::{FIELD_MANAGER, System};
use crate::cluster::{Cluster, Fault};

/// The ConfigMap.
pub const CONFIG: &str = "keyboss-config";
const STANDBY: &str = "POSTGRES_SYNCHRONOUS_STANDBY";
const TIMELINE: &str = "POSTGRES_TIMELINE";
const EPOCH: &str = "POSTGRES_EPOCH";
const LSN: &str = "POSTGRES_LSN";

/// What is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The pod that is primary, or is being made it.
    pub primary: String,
    /// The pod without which the primary acknowledges nothing. None: it acknowledges alone, and nobody may be promoted.
    pub standby: Option<String>,
    /// The timeline that the primary was last seen on; while its promotion is under way, the one before.
    pub timeline: u32,
    /// How far the primary had written when its standby was recorded, or when the standby was chosen to replace it: who is
    /// to be promoted has at least that.
    pub lsn: PgLsn,
    /// The number of failovers.
    pub epoch: u64,
}

/// A record as it was read, with what a write of it is compared with.
#[derive(Clone, Debug)]
pub struct Stored {
    /// What it says.
    pub record: Record,
    /// Its data as they are: Redis' record is in there too.
    pub config: ConfigMap,
}

impl Stored {
    fn of(config: ConfigMap) -> Result<Self, Fault> {
        let value = |key: &str| config.data.as_ref().and_then(|data| data.get(key)).map_or("", String::as_str);
        let host = value(System::postgres.record());
        let primary = host.split('.').next().unwrap_or_default().to_owned();
        if !primary.starts_with("postgres-") {
            return Err(Fault::Other(format!(
                "ConfigMap {CONFIG}: POSTGRES_HOST is {host:?}, which names no pod of postgres"
            )));
        }
        let standby = Some(value(STANDBY).to_owned()).filter(|name| !name.is_empty());
        let (timeline, epoch) = (value(TIMELINE).parse().unwrap_or(0), value(EPOCH).parse().unwrap_or(0));
        let lsn = value(LSN).parse().unwrap_or(PgLsn::from(0));
        Ok(Self { record: Record { primary, standby, timeline, lsn, epoch }, config })
    }

    /// Reads it.
    ///
    /// # Errors
    /// When the API server does not answer, or it names no pod.
    pub async fn read(cluster: &Cluster) -> Result<Self, Fault> {
        Self::of(cluster.read(CONFIG).await?)
    }

    /// Whether somebody asks for a switchover.
    pub fn is_switchover_asked(&self) -> bool {
        self.config.metadata.annotations.as_ref().is_some_and(|notes| notes.contains_key(System::postgres.switchover()))
    }

    /// Writes another record, if it is still as it was read and this watchdog still leads (HA.md, rule 4).
    ///
    /// # Errors
    /// A conflict when somebody else wrote it, or the API server's own.
    pub async fn write(&self, cluster: &Cluster, record: &Record) -> Result<Self, Fault> {
        let data = json!({
            System::postgres.record(): format!("{}.postgres", record.primary),
            STANDBY: record.standby.clone().unwrap_or_default(),
            TIMELINE: record.timeline.to_string(),
            LSN: record.lsn.to_string(),
            EPOCH: record.epoch.to_string(),
        });
        Self::of(cluster.merge(&self.config, FIELD_MANAGER, json!({ "data": data })).await?)
    }

    /// Takes the request for a switchover away, on the same terms.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn answer_switchover(&self, cluster: &Cluster) -> Result<(), Fault> {
        forget_switchover(cluster, &self.config, System::postgres).await
    }
}

/// Takes the request for a switchover away from `keyboss-config`, if that is still as it was read.
///
/// # Errors
/// As [`Stored::write`].
pub async fn forget_switchover(cluster: &Cluster, config: &ConfigMap, system: System) -> Result<(), Fault> {
    let removed = json!({"metadata": {"annotations": {system.switchover(): null}}});
    cluster.merge(config, FIELD_MANAGER, removed).await.map(drop)
}
