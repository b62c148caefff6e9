//! `keyboss exporter`.

use std::time::Duration;

use anyhow::Result;

use super::in_cluster;
use crate::cli::ExporterArgs;
use crate::exporter::{self, Pace, Settings};

/// Probes until it is told to stop.
///
/// # Errors
/// When its port is taken, a URL cannot be asked, or it has no credentials for the API server that it is to ask.
pub async fn run(arguments: ExporterArgs) -> Result<()> {
    let api = match arguments.no_api_server {
        true => None,
        false => Some(in_cluster::client(arguments.place).await?),
    };
    let settings = Settings {
        listen: arguments.listen,
        environment: arguments.environment,
        probes: arguments.probe,
        hosts: arguments.host,
        scheme: arguments.scheme,
        broker: arguments.broker,
        pace: Pace { every: Duration::from_secs(arguments.interval), limit: Duration::from_secs(arguments.limit) },
    };
    exporter::run(api, settings, in_cluster::told_to_stop()?).await
}
