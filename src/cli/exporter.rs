//! The command line of the exporter.

use std::net::SocketAddr;

use clap::Args;

use super::place::InClusterArgs;
use crate::exporter::{HostOf, Probe};

/// Arguments of `keyboss exporter`.
#[derive(Args, Debug)]
pub struct ExporterArgs {
    /// What is probed: storefront, graphql_api, dashboard, grafana or alertmanager, and its URL; may be repeated.
    #[arg(long, value_name = "ENDPOINT=URL")]
    pub probe: Vec<Probe>,

    /// The Host an endpoint is asked for, where that is not its URL's; may be repeated.
    #[arg(long, value_name = "ENDPOINT=HOST")]
    pub host: Vec<HostOf>,

    /// The scheme by which browsers come to the shop (X-Forwarded-Proto).
    #[arg(long, value_name = "SCHEME", default_value = "http")]
    pub scheme: String,

    /// The URL of Celery's broker, whose queue is measured.
    #[arg(long, env = "CELERY_BROKER_URL", hide_env_values = true, value_name = "URL")]
    pub broker: Option<String>,

    /// How often everything is asked (seconds).
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub interval: u64,

    /// What takes longer does not answer (seconds).
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub limit: u64,

    /// The name of the environment, for keyboss_build_info.
    #[arg(long, value_name = "NAME")]
    pub environment: String,

    /// Where /healthz and /metrics are served.
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:5000")]
    pub listen: SocketAddr,

    /// Do not ask the API server for what containers use, and who holds the lock of deploys.
    #[arg(long)]
    pub no_api_server: bool,

    /// Which namespace, and with which credentials.
    #[command(flatten)]
    pub place: InClusterArgs,
}
