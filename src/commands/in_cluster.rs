//! What the commands that run in the cluster have in common.

use std::io;

use anyhow::Result;
use kube::Client;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::InClusterArgs;
use crate::cluster::{choose, connect, connect_in_cluster};

/// The API server and the shop's namespace: by a kubeconfig's current context, or else by the pod's own account.
///
/// # Errors
/// When there are no credentials.
pub async fn client(place: InClusterArgs) -> Result<(Client, String)> {
    let (connection, own) = match &place.kubeconfig {
        Some(path) => {
            let context = choose(Some(path), None)?;
            (connect(&context).await?, context.namespace)
        }
        None => connect_in_cluster()?,
    };
    Ok((connection.client, place.namespace.unwrap_or(own)))
}

/// Resolves at SIGTERM, by which Kubernetes ends a pod, and at SIGINT.
///
/// # Errors
/// When the operating system lets nobody listen.
pub fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
