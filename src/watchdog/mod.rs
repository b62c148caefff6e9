//! Runs in the cluster: whatever happens to a PostgreSQL or Redis pod, the shop writes to the one that has everything.
//!
//! Of several watchdogs one leads, by a lock. All that it knows is read anew each time: from the record in
//! `keyboss-config`, from the pods, and from the servers themselves. So whoever leads next goes on where the last one was.

mod ask;
mod lead;
mod leader;
mod metrics;
mod postgres;
mod record;
mod redis;
mod roles;
mod tell;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use kube::Client;
use tokio::time::timeout;

pub use ask::switch_over;
pub use metrics::{Metrics, System};
use record::{CONFIG, Record, Stored};
pub use roles::{METRICS_PORT, Postgres, Redis, Roles, roles};
use tell::Teller;

use crate::cluster::{Clock, Cluster, Fault, Permit, Served};
use crate::scraped;

/// Who writes what a failover changes (<https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers>).
pub const FIELD_MANAGER: &str = "keyboss-watchdog";

/// How a watchdog works.
pub struct Settings {
    /// Who this is: the pod's name.
    pub identity: String,
    /// Where `/healthz` and `/metrics` are served.
    pub listen: SocketAddr,
    /// How often each server is asked; it may take three quarters of that to answer.
    pub probe_interval: Duration,
    /// So many probes in a row have to fail.
    pub failures: u32,
    /// Another watchdog may lead that long after the leader's last renewal; it renews every fifth of that.
    pub lease: Duration,
    /// The password of the PostgreSQL role `watchdog`.
    pub postgres_password: String,
}

/// Every server that a watchdog asks, with its port: its arguments do not name them.
pub fn servers() -> Vec<String> {
    postgres::addresses().into_iter().chain(redis::addresses()).collect()
}

/// The API server is away when it takes longer.
const ANSWER: Duration = Duration::from_secs(2);

/// What a leading watchdog works with.
struct Context {
    /// The namespace of everything. A write to it asks first whether this watchdog still leads.
    cluster: Cluster,
    /// How it works.
    settings: Arc<Settings>,
    /// Whether it still leads: asked before each step that cannot be taken back (HA.md, rule 4).
    permit: Permit,
    /// What it counts.
    metrics: Metrics,
    /// Its voice: the log and Kubernetes Events.
    teller: Teller,
}

/// Runs until `stop` resolves, and hands the lead over then.
///
/// # Errors
/// When `/metrics` cannot be served.
pub async fn run(client: Client, namespace: &str, settings: Settings, stop: impl Future<Output = ()>) -> Result<()> {
    let settings = Arc::new(settings);
    let metrics = Metrics::default();
    let cluster = Cluster::new(client, namespace, Served::default());
    let teller = Teller::new(&cluster, &settings.identity);
    let clock = Clock::start();
    let holder = leader::holder(&settings.identity);
    let listener = scraped::listen(settings.listen).await?;
    tracing::info!("{} serves /healthz and /metrics on {}", settings.identity, settings.listen);
    let mut stop = std::pin::pin!(stop);
    let counted = metrics.clone();
    let mut serving = std::pin::pin!(scraped::serve(listener, move || counted.text()));
    loop {
        let lock = tokio::select! {
            lock = leader::elect(&cluster, &settings, &holder, clock) => lock,
            answer = &mut serving => return answer,
            () = &mut stop => return Ok(()),
        };
        let context = Context {
            cluster: cluster.with_permit(lock.permit()),
            settings: Arc::clone(&settings),
            permit: lock.permit().clone(),
            metrics: metrics.clone(),
            teller: teller.clone(),
        };
        metrics.lead(true);
        tracing::info!("{} leads", settings.identity);
        let reason = tokio::select! {
            reason = context.permit.lost() => reason,
            () = postgres::guard(&context) => "PostgreSQL is not watched".to_owned(),
            () = redis::follow(&context) => "Redis is not watched".to_owned(),
            answer = &mut serving => return answer,
            () = &mut stop => {
                lock.release().await;
                tracing::info!("{} hands the lead over", settings.identity);
                return Ok(());
            }
        };
        metrics.lead(false);
        tracing::warn!("{} leads no longer: {reason}", settings.identity);
    }
}

/// What a request comes to that is not waited for longer than the API server takes when it is well.
async fn in_time<T>(request: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    timeout(ANSWER, request).await.unwrap_or(Err(Fault::TimedOut))
}
