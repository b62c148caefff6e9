//! `keyboss watchdog`.

use std::time::Duration;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::WatchdogArgs;
use crate::cluster::{choose, connect, connect_in_cluster};
use crate::report::Redactor;
use crate::watchdog::{self, Settings};

/// Watches until it is told to stop.
///
/// # Errors
/// When it has no credentials, or its port is taken.
pub async fn run(arguments: WatchdogArgs, redactor: &Redactor) -> Result<()> {
    redactor.add(&arguments.postgres_password);
    let (connection, namespace) = match &arguments.kubeconfig {
        Some(path) => {
            let context = choose(Some(path), None)?;
            (connect(&context).await?, context.namespace)
        }
        None => connect_in_cluster()?,
    };
    let namespace = arguments.namespace.unwrap_or(namespace);
    let settings = Settings {
        identity: arguments.identity,
        listen: arguments.listen,
        probe_interval: Duration::from_millis(arguments.probe_interval),
        failures: arguments.failures,
        lease: Duration::from_secs(arguments.lease),
        postgres_password: arguments.postgres_password,
    };
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    watchdog::run(connection.client, &namespace, settings, stop).await
}
