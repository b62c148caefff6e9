//! `keyboss watchdog`.

use std::time::Duration;

use anyhow::Result;

use super::in_cluster;
use crate::cli::WatchdogArgs;
use crate::report::Redactor;
use crate::watchdog::{self, Settings};

/// Watches until it is told to stop.
///
/// # Errors
/// When it has no credentials, or its port is taken.
pub async fn run(arguments: WatchdogArgs, redactor: &Redactor) -> Result<()> {
    redactor.add(&arguments.postgres_password);
    let (client, namespace) = in_cluster::client(arguments.place).await?;
    let settings = Settings {
        identity: arguments.identity,
        listen: arguments.listen,
        probe_interval: Duration::from_millis(arguments.probe_interval),
        failures: arguments.failures,
        lease: Duration::from_secs(arguments.lease),
        postgres_password: arguments.postgres_password,
    };
    watchdog::run(client, &namespace, settings, in_cluster::told_to_stop()?).await
}
