//! What a watchdog counts, in Prometheus' text format.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::EncodeLabelValue;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::scraped;

/// What fails over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue, clap::ValueEnum)]
#[allow(non_camel_case_types, reason = "they are the label's values")]
pub enum System {
    /// PostgreSQL.
    postgres,
    /// Redis.
    redis,
}

impl System {
    /// The key of `keyboss-config` that names who leads.
    pub fn record(self) -> &'static str {
        match self {
            Self::postgres => "POSTGRES_HOST",
            Self::redis => "REDIS_MASTER",
        }
    }

    /// The Service by which the shop reaches it.
    pub fn service(self) -> &'static str {
        match self {
            Self::postgres => "postgres-primary",
            Self::redis => "redis-master",
        }
    }

    /// The annotation of `keyboss-config` that asks for a switchover.
    pub fn switchover(self) -> &'static str {
        match self {
            Self::postgres => "keyboss.io/switchover-postgres",
            Self::redis => "keyboss.io/switchover-redis",
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::postgres => "PostgreSQL",
            Self::redis => "Redis",
        })
    }
}

/// The names of what is asked from outside, without the prefix.
pub const LEADER: &str = "leader";
/// WAL that the standby has not yet written; -1: not known.
pub const POSTGRES_LAG: &str = "postgres_lag_bytes";
/// Whether a replica is attached to Redis' master.
pub const REDIS_ATTACHED: &str = "redis_replica_attached";
/// What the replica lacks; -1: not known.
pub const REDIS_LAG: &str = "redis_lag_bytes";
const PREFIX: &str = "keyboss_watchdog";

/// A value without labels in a page of [`Metrics::text`].
pub fn value(page: &str, name: &str) -> Option<i64> {
    let line = |line: &str| line.strip_prefix(PREFIX)?.strip_prefix('_')?.strip_prefix(name)?.trim().parse().ok();
    page.lines().find_map(line)
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    system: System,
}

/// All of it; a copy counts in the same place.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    leader: Gauge<i64, AtomicI64>,
    api: Gauge<i64, AtomicI64>,
    failovers: Family<Of, Counter<u64, AtomicU64>>,
    last: Family<Of, Gauge<f64, AtomicU64>>,
    synchronous: Gauge<i64, AtomicI64>,
    lag: Gauge<i64, AtomicI64>,
    attached: Gauge<i64, AtomicI64>,
    redis_lag: Gauge<i64, AtomicI64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let up: Gauge<i64, AtomicI64> = Gauge::default();
        up.set(1);
        registry.register("up", "The watchdog runs", up);
        let leader = Gauge::default();
        registry.register(LEADER, "This watchdog leads", leader.clone());
        let api: Gauge<i64, AtomicI64> = Gauge::default();
        registry.register("api_up", "The API server answers", api.clone());
        let failovers: Family<Of, Counter<u64, AtomicU64>> = Family::default();
        registry.register("failovers", "Failovers and switchovers finished", failovers.clone());
        let last: Family<Of, Gauge<f64, AtomicU64>> = Family::default();
        registry.register(
            "last_failover_seconds",
            "From the first sign of a failure to a server that accepts writes, the last time",
            last.clone(),
        );
        for system in [System::postgres, System::redis] {
            drop(failovers.get_or_create(&Of { system }));
        }
        let synchronous = Gauge::default();
        registry.register(
            "postgres_synchronous",
            "A commit is acknowledged when the standby has it too (0: the primary acknowledges alone)",
            synchronous.clone(),
        );
        let lag: Gauge<i64, AtomicI64> = Gauge::default();
        registry.register(POSTGRES_LAG, "WAL that the standby has not yet written to its disk", lag.clone());
        let (attached, redis_lag) = (Gauge::default(), Gauge::default());
        registry.register(
            REDIS_ATTACHED,
            "A replica has all that Redis' master was sent, and says so",
            attached.clone(),
        );
        registry.register(REDIS_LAG, "What the replica has not yet got of Redis' stream of writes", redis_lag.clone());
        let metrics =
            Self { registry: Arc::new(registry), leader, api, failovers, last, synchronous, lag, attached, redis_lag };
        metrics.lead(false);
        metrics
    }
}

impl Metrics {
    /// Whether this watchdog leads; one that does not knows nothing of the replicas.
    pub fn lead(&self, leads: bool) {
        self.leader.set(leads.into());
        if !leads {
            self.replication(false, None);
            self.redis(false, None);
        }
    }

    /// Whether the API server answers.
    pub fn api(&self, answers: bool) {
        self.api.set(answers.into());
    }

    /// A failover is finished, so long after its first sign.
    pub fn failed_over(&self, system: System, took: Duration) {
        self.failovers.get_or_create(&Of { system }).inc();
        self.last.get_or_create(&Of { system }).set(took.as_secs_f64());
    }

    /// How the standby keeps up: whether commits wait for it, and the bytes that it lacks.
    pub fn replication(&self, synchronous: bool, lag: Option<i64>) {
        self.synchronous.set(synchronous.into());
        self.lag.set(lag.unwrap_or(-1));
    }

    /// How Redis' replica keeps up: whether it is attached, and the bytes that it lacks.
    pub fn redis(&self, attached: bool, lag: Option<i64>) {
        self.attached.set(attached.into());
        self.redis_lag.set(lag.unwrap_or(-1));
    }

    /// The text that Prometheus reads.
    pub fn text(&self) -> String {
        scraped::text(&self.registry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let metrics = Metrics::default();
        let known = || {
            let page = metrics.text();
            [LEADER, POSTGRES_LAG, REDIS_ATTACHED, REDIS_LAG, "lead"].map(|name| value(&page, name))
        };
        assert_eq!(known(), [Some(0), Some(-1), Some(0), Some(-1), None]);
        metrics.lead(true);
        metrics.replication(true, Some(1 << 40));
        metrics.redis(true, None);
        assert_eq!(known(), [Some(1), Some(1 << 40), Some(1), Some(-1), None]);
        metrics.lead(false);
        assert_eq!(known(), [Some(0), Some(-1), Some(0), Some(-1), None], "a watchdog that was deposed");
    }
}
