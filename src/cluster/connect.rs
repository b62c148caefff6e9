//! From a kubeconfig to a client.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use http::Request;
use kube::client::{Body, ClientBuilder, retry::RetryPolicy};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tower::buffer::BufferLayer;
use tower::retry::RetryLayer;
use tower::util::MapRequestLayer;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The kubeconfig context that was chosen.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name.
    pub context: String,
    /// Its namespace, "default" where it names none.
    pub namespace: String,
    kubeconfig: Kubeconfig,
}

/// A client and what is known of its server.
#[derive(Clone)]
pub struct Connection {
    /// The client.
    pub client: Client,
    /// The server's address.
    pub server: String,
    /// Requests sent so far, retries included.
    pub requests: Arc<AtomicU64>,
}

impl Connection {
    /// Requests sent so far, retries included.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

/// Reads the kubeconfig (`--kubeconfig`, else `$KUBECONFIG`, else `~/.kube/config`) and picks a context
/// (`--context`, else the current one).
///
/// # Errors
/// When there is no kubeconfig, it cannot be read, or it lacks the context.
pub fn choose(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Target> {
    let config = match kubeconfig {
        Some(path) => Kubeconfig::read_from(path).map_err(|error| anyhow!("{}: {error}", path.display()))?,
        None => Kubeconfig::read()
            .map_err(|error| anyhow!("no usable kubeconfig: {error}; name one with --kubeconfig or $KUBECONFIG"))?,
    };
    let name = match (context, &config.current_context) {
        (Some(name), _) => name.to_owned(),
        (None, Some(name)) if !name.is_empty() => name.clone(),
        _ => return Err(anyhow!("the kubeconfig has no current context; name one with --context")),
    };
    let found = config.contexts.iter().find(|entry| entry.name == name).with_context(|| {
        let known: Vec<&str> = config.contexts.iter().map(|entry| entry.name.as_str()).collect();
        format!("the kubeconfig has no context {name:?}; it has: {}", known.join(", "))
    })?;
    let namespace = found.context.as_ref().and_then(|context| context.namespace.clone());
    Ok(Target { namespace: namespace.unwrap_or_else(|| "default".to_owned()), context: name, kubeconfig: config })
}

/// Makes a client; nothing is sent yet.
///
/// # Errors
/// When the context's cluster or credentials cannot be used.
pub async fn connect(target: &Target) -> Result<Connection> {
    let options = KubeConfigOptions { context: Some(target.context.clone()), ..Default::default() };
    let mut config = Config::from_custom_kubeconfig(target.kubeconfig.clone(), &options)
        .await
        .with_context(|| format!("the kubeconfig's context {} cannot be used", target.context))?;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    // The client's own policy waits for minutes; ours gives up within the request's time-out.
    config.default_retry = false;
    let retry = RetryPolicy::new(Duration::from_millis(100), Duration::from_secs(3), 6, true)?;
    let server = config.cluster_url.to_string();
    tracing::info!(context = target.context, server, "connecting");
    let requests = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&requests);
    let client = ClientBuilder::try_from(config)?
        .with_layer(&MapRequestLayer::new(move |request: Request<Body>| {
            counter.fetch_add(1, Ordering::Relaxed);
            request
        }))
        .with_layer(&BufferLayer::new(1024))
        .with_layer(&RetryLayer::new(retry))
        .build();
    Ok(Connection { client, server: server.trim_end_matches('/').to_owned(), requests })
}
