//! From a kubeconfig to a client.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use http::{Request, Response};
use kube::client::{Body, ClientBuilder, retry::RetryPolicy};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tower::buffer::BufferLayer;
use tower::retry::RetryLayer;
use tower::util::MapRequestLayer;
use tower::{BoxError, Service};

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

impl Target {
    /// A context that no kubeconfig holds: that of a cluster inside the process.
    pub fn named(context: &str, namespace: &str) -> Self {
        Self { context: context.to_owned(), namespace: namespace.to_owned(), kubeconfig: Kubeconfig::default() }
    }
}

/// A client and what is known of its server.
#[derive(Clone)]
pub struct Connection {
    /// The client.
    pub client: Client,
    /// The server's address.
    pub server: String,
    requests: Arc<AtomicU64>,
}

impl Connection {
    /// A client that sends its requests through `builder`'s service, and sends a request again that the server was too
    /// busy for.
    ///
    /// # Errors
    /// None that depends on anything but this code.
    pub fn through<S, B>(builder: ClientBuilder<S>, server: &str) -> Result<Self>
    where
        S: Service<Request<Body>, Response = Response<B>> + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError> + Send + Sync,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        // The client's own policy waits for minutes; ours gives up within the request's time-out.
        let retry = RetryPolicy::new(Duration::from_millis(100), Duration::from_secs(3), 6, true)?;
        let requests = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&requests);
        let client = builder
            .with_layer(&MapRequestLayer::new(move |request: Request<Body>| {
                counter.fetch_add(1, Ordering::Relaxed);
                request
            }))
            .with_layer(&BufferLayer::new(1024))
            .with_layer(&RetryLayer::new(retry))
            .build();
        Ok(Self { client, server: server.to_owned(), requests })
    }

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

/// A client with the credentials of the pod that this runs in, and the pod's namespace; nothing is sent yet
/// (<https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/>).
///
/// # Errors
/// When this does not run in a pod with a service account's token.
pub fn connect_in_cluster() -> Result<(Connection, String)> {
    let config = Config::incluster().context("this does not run in a pod with a service account's token")?;
    let namespace = config.default_namespace.clone();
    Ok((with_config(config)?, namespace))
}

/// Makes a client; nothing is sent yet.
///
/// # Errors
/// When the context's cluster or credentials cannot be used.
pub async fn connect(target: &Target) -> Result<Connection> {
    let options = KubeConfigOptions { context: Some(target.context.clone()), ..Default::default() };
    let config = Config::from_custom_kubeconfig(target.kubeconfig.clone(), &options)
        .await
        .with_context(|| format!("the kubeconfig's context {} cannot be used", target.context))?;
    tracing::info!(context = target.context, server = %config.cluster_url, "connecting");
    with_config(config)
}

fn with_config(mut config: Config) -> Result<Connection> {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    // Ours stands in its place.
    config.default_retry = false;
    let server = config.cluster_url.to_string();
    Connection::through(ClientBuilder::try_from(config)?, server.trim_end_matches('/'))
}
