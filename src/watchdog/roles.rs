//! Who leads, and how the other one keeps up: asked from outside.

use serde::Serialize;

use super::System;
use super::ask::leads;
use super::metrics::{LEADER, POSTGRES_LAG, REDIS_ATTACHED, REDIS_LAG, value};
use super::record::Stored;
use crate::cluster::{Cluster, Fault};

/// The port of `/metrics` (manifests/5-availability/watchdog.yaml).
pub const METRICS_PORT: u16 = 8080;

/// Both systems, as the record and the leading watchdog have them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Roles {
    /// The pod that leads; None: no watchdog says that it does.
    pub watchdog: Option<String>,
    /// Why no watchdog could be asked; there is no lag then.
    pub unknown: Option<String>,
    /// PostgreSQL.
    pub postgres: Postgres,
    /// Redis.
    pub redis: Redis,
}

/// PostgreSQL, as recorded (HA.md, rule 2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Postgres {
    /// The pod that is primary.
    pub primary: String,
    /// The pod without which it acknowledges nothing; None: it acknowledges alone, and nobody may be promoted.
    pub synchronous_standby: Option<String>,
    /// Its timeline.
    pub timeline: u32,
    /// Failovers and switchovers since the first deploy.
    pub failovers: u64,
    /// WAL that the standby has not yet written to its disk.
    pub lag_bytes: Option<i64>,
}

/// Redis, as the Sentinels decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Redis {
    /// The pod that is master.
    pub master: String,
    /// A replica has a whole copy and confirms what it is sent.
    pub replica_attached: Option<bool>,
    /// Of the stream of writes, what the replica lacks.
    pub lag_bytes: Option<i64>,
}

/// Reads the record, and asks each of these pods whether it leads and what it has measured.
///
/// # Errors
/// When the record cannot be read.
pub async fn roles(cluster: &Cluster, watchdogs: &[String]) -> Result<Roles, Fault> {
    let Stored { record, config } = Stored::read(cluster).await?;
    let mut roles = Roles {
        watchdog: None,
        unknown: watchdogs.is_empty().then(|| "there is no pod of postgres-watchdog".to_owned()),
        postgres: Postgres {
            primary: record.primary,
            synchronous_standby: record.standby,
            timeline: record.timeline,
            failovers: record.epoch,
            lag_bytes: None,
        },
        redis: Redis { master: leads(&config, System::redis), replica_attached: None, lag_bytes: None },
    };
    for pod in watchdogs {
        match cluster.page(pod, METRICS_PORT, "/metrics").await {
            Ok(page) if value(&page, LEADER) == Some(1) => {
                let known = |name| value(&page, name).filter(|bytes| *bytes >= 0);
                roles.postgres.lag_bytes = known(POSTGRES_LAG);
                roles.redis.replica_attached = value(&page, REDIS_ATTACHED).map(|attached| attached == 1);
                roles.redis.lag_bytes = known(REDIS_LAG);
                return Ok(Roles { watchdog: Some(pod.clone()), unknown: None, ..roles });
            }
            Ok(_) => {}
            Err(fault) => roles.unknown = Some(format!("{pod} cannot be asked: {fault}")),
        }
    }
    Ok(roles)
}
