//! What Prometheus scrapes, and Kubernetes probes: `/healthz` and `/metrics` of a program that runs in the cluster.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

/// What Prometheus is told that it reads.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Opens the port.
///
/// # Errors
/// When it is taken.
pub async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// Answers until it is dropped; `metrics` gives the text of `/metrics`, and waits for nothing.
///
/// # Errors
/// When the port fails.
pub async fn serve<M>(listener: TcpListener, metrics: M) -> Result<()>
where
    M: Fn() -> String + Clone + Send + Sync + 'static,
{
    let text = move || async move { ([(CONTENT_TYPE, OPEN_METRICS)], metrics()) };
    let router = Router::new().route("/healthz", get(|| async { "ok\n" })).route("/metrics", get(text));
    Ok(axum::serve(listener, router).await?)
}

/// The text that Prometheus reads (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).
pub fn text(registry: &Registry) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = prometheus_client::encoding::text::encode(&mut text, registry);
    text
}
