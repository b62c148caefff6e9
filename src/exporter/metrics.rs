//! What the exporter publishes, under the names that the rules and dashboards know
//! (<https://prometheus.io/docs/practices/naming/>).

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::Endpoint;
use super::backups::Backups;
use super::pods::Usage;
use crate::scraped;

/// Upper bounds of the latencies' buckets, seconds; the objective of 2 s is one of them.
const BUCKETS: [f64; 13] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "they are the label's values")]
enum Outcome {
    success,
    fail,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    endpoint: Endpoint,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Run {
    endpoint: Endpoint,
    result: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
    environment: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Container {
    namespace: String,
    pod: String,
    container: String,
}

/// The labels of a metric that has none.
type Alone = [(&'static str, &'static str); 0];
const ALONE: Alone = [];

type Whole<L> = Family<L, Gauge<i64, AtomicI64>>;
type Real<L> = Family<L, Gauge<f64, AtomicU64>>;

/// All of it; a copy writes to the same place.
///
/// What is not known just now is not published: a number that was true once misleads.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    success: Whole<Of>,
    duration: Real<Of>,
    status: Whole<Of>,
    runs: Family<Run, Counter<u64, AtomicU64>>,
    latency: Family<Of, Histogram>,
    graphql_up: Whole<Alone>,
    graphql_seconds: Real<Alone>,
    products: Whole<Alone>,
    queue: Whole<Alone>,
    cpu: Real<Container>,
    memory: Whole<Container>,
    lock_held: Whole<Alone>,
    lock_renewed: Real<Alone>,
    backup_time: Real<Alone>,
    backup_bytes: Whole<Alone>,
    backup_seconds: Real<Alone>,
    backup_verified: Real<Alone>,
    backup_off_site: Real<Alone>,
}

impl Metrics {
    /// Of an exporter in this environment.
    pub fn new(environment: &str) -> Self {
        let mut registry = Registry::with_prefix("keyboss");
        let build = Build { version: env!("CARGO_PKG_VERSION"), environment: environment.to_owned() };
        registry.register(
            "build",
            "The exporter's version, and the environment that it is deployed to",
            Info::new(build),
        );
        let metrics = Self {
            registry: Arc::default(),
            success: Family::default(),
            duration: Family::default(),
            status: Family::default(),
            runs: Family::default(),
            latency: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            graphql_up: Family::default(),
            graphql_seconds: Family::default(),
            products: Family::default(),
            queue: Family::default(),
            cpu: Family::default(),
            memory: Family::default(),
            lock_held: Family::default(),
            lock_renewed: Family::default(),
            backup_time: Family::default(),
            backup_bytes: Family::default(),
            backup_seconds: Family::default(),
            backup_verified: Family::default(),
            backup_off_site: Family::default(),
        };
        metrics.register(&mut registry);
        Self { registry: Arc::new(registry), ..metrics }
    }

    fn register(&self, to: &mut Registry) {
        to.register("probe_success", "The last probe of the endpoint: 1 up, 0 down", self.success.clone());
        let help = "How long the last probe of the endpoint took, its answer and the time limit alike";
        to.register_with_unit("probe_duration", help, Unit::Seconds, self.duration.clone());
        to.register("probe_status_code", "The last probe's HTTP status; 0: there was no answer", self.status.clone());
        to.register("probe_runs", "Probes so far, by result", self.runs.clone());
        let help = "How long probes that were answered, or waited for up to the time limit, took";
        to.register_with_unit("probe_latency", help, Unit::Seconds, self.latency.clone());
        to.register("graphql_up", "1: the API answers a GraphQL query without errors", self.graphql_up.clone());
        let help = "How long the last GraphQL query took that was answered without errors";
        to.register_with_unit("graphql_query", help, Unit::Seconds, self.graphql_seconds.clone());
        to.register("catalogue_products_total", "Products in the catalogue of default-channel", self.products.clone());
        let help = "Tasks that wait in Celery's queue, all priorities together";
        to.register("celery_queue_length", help, self.queue.clone());
        to.register("container_cpu_cores", "CPU that a container uses, as metrics.k8s.io has it", self.cpu.clone());
        let help = "Memory that a container uses, as metrics.k8s.io has it";
        to.register_with_unit("container_memory", help, Unit::Bytes, self.memory.clone());
        to.register("deploy_lock_held", "1: a deploy, or what is left of one, holds the lock", self.lock_held.clone());
        let help = "When the holder of the deploy lock last renewed it, Unix time";
        to.register_with_unit("deploy_lock_renewed_timestamp", help, Unit::Seconds, self.lock_renewed.clone());
        let help = "The moment that the newest backup is of, Unix time";
        to.register_with_unit("backup_last_success_timestamp", help, Unit::Seconds, self.backup_time.clone());
        to.register_with_unit("backup_size", "The size of the newest backup", Unit::Bytes, self.backup_bytes.clone());
        let help = "How long the newest backup took";
        to.register_with_unit("backup_duration", help, Unit::Seconds, self.backup_seconds.clone());
        let help = "When a backup was last restored and found to be whole, Unix time";
        to.register_with_unit("backup_last_verified_timestamp", help, Unit::Seconds, self.backup_verified.clone());
        let help = "The moment that the newest copy in the store off site is of, Unix time";
        to.register_with_unit("backup_off_site_last_timestamp", help, Unit::Seconds, self.backup_off_site.clone());
    }

    /// An endpoint is going to be probed: its counters begin at 0.
    pub fn expect(&self, endpoint: Endpoint) {
        for result in [Outcome::success, Outcome::fail] {
            drop(self.runs.get_or_create(&Run { endpoint, result }));
        }
        drop(self.latency.get_or_create(&Of { endpoint }));
    }

    /// A probe is over: whether the endpoint is up, the status of an answer, and how long it took.
    ///
    /// What was refused at once is in no latency: it was not fast, it was not there.
    pub fn probed(&self, endpoint: Endpoint, up: bool, status: Option<u16>, took: Duration, timed_out: bool) {
        let of = Of { endpoint };
        self.success.get_or_create(&of).set(up.into());
        self.duration.get_or_create(&of).set(took.as_secs_f64());
        self.status.get_or_create(&of).set(status.unwrap_or(0).into());
        let result = if up { Outcome::success } else { Outcome::fail };
        self.runs.get_or_create(&Run { endpoint, result }).inc();
        if status.is_some() || timed_out {
            self.latency.get_or_create(&of).observe(took.as_secs_f64());
        }
    }

    /// The products that a GraphQL query counted, and how long it took; None where it failed.
    pub fn graphql(&self, answer: Option<(i64, Duration)>) {
        self.graphql_up.get_or_create(&ALONE).set(answer.is_some().into());
        match answer {
            Some((products, took)) => {
                self.products.get_or_create(&ALONE).set(products);
                self.graphql_seconds.get_or_create(&ALONE).set(took.as_secs_f64());
            }
            None => {
                self.products.clear();
                self.graphql_seconds.clear();
            }
        }
    }

    /// How many tasks wait; None where the broker does not say.
    pub fn queue(&self, length: Option<i64>) {
        match length {
            Some(length) => {
                self.queue.get_or_create(&ALONE).set(length);
            }
            None => self.queue.clear(),
        }
    }

    /// What every container uses; those that are not in it are gone.
    pub fn usage(&self, namespace: &str, usage: &[Usage]) {
        self.cpu.clear();
        self.memory.clear();
        for one in usage {
            let container =
                Container { namespace: namespace.to_owned(), pod: one.pod.clone(), container: one.container.clone() };
            self.cpu.get_or_create(&container).set(one.cores);
            self.memory.get_or_create(&container).set(one.bytes);
        }
    }

    /// Whether somebody holds the deploy lock, and when it was last renewed; None where it cannot be read.
    pub fn deploy_lock(&self, lock: Option<(bool, Option<Timestamp>)>) {
        self.lock_renewed.clear();
        let Some((held, renewed)) = lock else { return self.lock_held.clear() };
        self.lock_held.get_or_create(&ALONE).set(held.into());
        if let Some(renewed) = renewed.filter(|_| held) {
            self.lock_renewed.get_or_create(&ALONE).set(unix(renewed));
        }
    }

    /// The newest backup, the newest copy off site, and when one was last verified.
    pub fn backups(&self, known: &Backups) {
        if let Some(last) = known.last {
            self.backup_time.get_or_create(&ALONE).set(unix(last.time));
            self.backup_bytes.get_or_create(&ALONE).set(last.bytes);
            self.backup_seconds.get_or_create(&ALONE).set(last.seconds);
        }
        if let Some(at) = known.verified {
            self.backup_verified.get_or_create(&ALONE).set(unix(at));
        }
        if let Some(time) = known.off_site {
            self.backup_off_site.get_or_create(&ALONE).set(unix(time));
        }
    }

    /// The text that Prometheus reads.
    pub fn text(&self) -> String {
        scraped::text(&self.registry)
    }
}

/// Seconds since 1970.
#[allow(clippy::cast_precision_loss, reason = "Unix time in milliseconds is far below 2^53")]
fn unix(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}
