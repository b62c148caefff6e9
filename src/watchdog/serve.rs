//! `/healthz` and `/metrics`.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use tokio::net::TcpListener;

use super::Metrics;

/// What Prometheus is told that it reads.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Opens the port.
///
/// # Errors
/// When it is taken.
pub async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// Answers until it is dropped.
///
/// # Errors
/// When the port fails.
pub async fn serve(listener: TcpListener, metrics: Metrics) -> Result<()> {
    let text = move || async move { ([(CONTENT_TYPE, OPEN_METRICS)], metrics.text()) };
    let router = Router::new().route("/healthz", get(|| async { "ok\n" })).route("/metrics", get(text));
    Ok(axum::serve(listener, router).await?)
}
