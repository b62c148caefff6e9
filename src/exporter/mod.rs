//! Runs in the cluster: what the shop looks like to those who use it, as Prometheus' metrics.
//!
//! Each question (an endpoint, the queue, the API server) has a loop and a time limit of its own, and `/metrics` shows what
//! the last answers were. So one that fails or hangs delays neither the others nor Prometheus.

mod again;
mod backups;
mod catalogue;
mod client;
mod deploy_lock;
mod endpoint;
mod metrics;
mod pods;
mod probing;
mod queue;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use kube::Client;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use again::Pace;
use backups::Backups;
pub use endpoint::{Endpoint, HostOf, Probe};
pub use metrics::Metrics;
use probing::Probing;

use crate::cluster::{Cluster, Served};
use crate::scraped;

/// The labels `app.kubernetes.io/name` of the backups' pods.
const BACKUPS: [&str; 3] = ["postgres-backup", "postgres-verify", "postgres-off-site"];

/// How an exporter works.
pub struct Settings {
    /// Where `/healthz` and `/metrics` are served.
    pub listen: SocketAddr,
    /// The environment that it is deployed to.
    pub environment: String,
    /// What is probed; an endpoint that is not in it is not.
    pub probes: Vec<Probe>,
    /// The Hosts that differ from the URLs'.
    pub hosts: Vec<HostOf>,
    /// The scheme by which browsers come to the shop: Saleor leads those who come by another one away.
    pub scheme: String,
    /// The URL of Celery's broker; its queue is not looked at where there is none.
    pub broker: Option<String>,
    /// How often everything is asked, and how long it may take to answer.
    pub pace: Pace,
}

/// Runs until `stop` resolves. `api` is the API server and the shop's namespace, where it may be asked.
///
/// # Errors
/// When `/metrics` cannot be served, or a URL cannot be asked.
pub async fn run(api: Option<(Client, String)>, settings: Settings, stop: impl Future<Output = ()>) -> Result<()> {
    let listener = scraped::listen(settings.listen).await?;
    tracing::info!("/healthz and /metrics are served on {}", settings.listen);
    tokio::select! {
        answer = serve(listener, api, settings) => answer,
        () = stop => Ok(()),
    }
}

/// Asks everybody, and serves what they say, until it is dropped.
async fn serve(listener: TcpListener, api: Option<(Client, String)>, settings: Settings) -> Result<()> {
    let metrics = Metrics::new(&settings.environment);
    let mut loops = JoinSet::new();
    let client = client::Client::new(settings.probes.iter().map(|probe| &probe.uri), &settings.scheme)?;
    for probe in settings.probes {
        let hosts = settings.hosts.iter();
        let host = hosts.filter(|host| host.endpoint == probe.endpoint).map(|host| host.host.clone()).next();
        let probing = Probing { probe, host, pace: settings.pace };
        loops.spawn(probing.run(client.clone(), metrics.clone()));
    }
    let pace = settings.pace;
    if let Some(url) = &settings.broker {
        let broker = redis::Client::open(url.as_str()).context("the URL of the broker is none of Redis'")?;
        let metrics = metrics.clone();
        let ask = move || {
            let broker = broker.clone();
            async move { queue::length(&broker).await }
        };
        loops.spawn(pace.again("the broker", ask, move |length| metrics.queue(length)));
    }
    if let Some((client, namespace)) = api {
        let cluster = Cluster::new(client, &namespace, Served::default());
        let (of_pods, of_lock, of_backups) = (cluster.clone(), cluster.clone(), cluster);
        let ask = move || {
            let cluster = of_pods.clone();
            async move { cluster.usage().await.map(|list| pods::read(&list)) }
        };
        let to = metrics.clone();
        let publish = move |usage: Option<Vec<pods::Usage>>| to.usage(&namespace, &usage.unwrap_or_default());
        loops.spawn(pace.again("metrics.k8s.io", ask, publish));
        let ask = move || {
            let cluster = of_lock.clone();
            async move { deploy_lock::look(&cluster).await }
        };
        let to = metrics.clone();
        loops.spawn(pace.again("the lock of deploys", ask, move |lock| to.deploy_lock(lock)));
        let ask = move || {
            let cluster = of_backups.clone();
            async move { cluster.pods_named(&BACKUPS).await }
        };
        let (to, known) = (metrics.clone(), Mutex::new(Backups::default()));
        let publish = move |pods: Option<Value>| {
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            known.add(&pods.unwrap_or_default());
            to.backups(&known);
        };
        loops.spawn(pace.again("the pods of the backups", ask, publish));
    }
    tokio::select! {
        answer = scraped::serve(listener, move || metrics.text()) => answer,
        Some(ended) = loops.join_next() => match ended {
            Ok(()) => bail!("a probe has ended"),
            Err(error) => Err(error).context("a probe has ended"),
        },
    }
}
