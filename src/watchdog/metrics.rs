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
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("keyboss_watchdog");
        let up: Gauge<i64, AtomicI64> = Gauge::default();
        up.set(1);
        registry.register("up", "The watchdog runs", up);
        let leader = Gauge::default();
        registry.register("leader", "This watchdog leads", leader.clone());
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
        registry.register("postgres_lag_bytes", "WAL that the standby has not yet written to its disk", lag.clone());
        Self { registry: Arc::new(registry), leader, api, failovers, last, synchronous, lag }
    }
}

impl Metrics {
    /// Whether this watchdog leads.
    pub fn lead(&self, leads: bool) {
        self.leader.set(leads.into());
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

    /// The text that Prometheus reads.
    pub fn text(&self) -> String {
        scraped::text(&self.registry)
    }
}
