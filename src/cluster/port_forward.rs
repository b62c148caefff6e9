//! A connection to a port of a pod, through the API server
//! (<https://kubernetes.io/docs/tasks/access-application-cluster/port-forward-access-application-cluster/>).

use std::pin::Pin;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use kube::api::Portforwarder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::{Cluster, Fault, call};

/// How long the reason of an end may come after it.
const REASON: Duration = Duration::from_millis(200);

/// One connection. It ends when this is dropped.
///
/// It cannot be half closed: to shut its writing side down ends it both ways.
pub struct Tunnel {
    forwarder: Portforwarder,
    error: BoxFuture<'static, Option<String>>,
}

/// What is read from the pod, and written to it.
pub trait Both: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Both for T {}

impl Cluster {
    /// Connects to a port of a pod, and what is read from and written to it.
    ///
    /// # Errors
    /// When that is not allowed, or there is no such pod.
    pub async fn tunnel(&self, pod: &str, port: u16) -> Result<(Tunnel, Pin<Box<dyn Both>>), Fault> {
        let mut forwarder = call(self.typed::<Pod>().portforward(pod, &[port])).await?;
        let stream = forwarder.take_stream(port).ok_or_else(|| Fault::Other(format!("there is no port {port}")))?;
        let error = match forwarder.take_error(port) {
            Some(error) => error.boxed(),
            None => futures::future::ready(None).boxed(),
        };
        Ok((Tunnel { forwarder, error }, Box::pin(stream)))
    }
}

impl Tunnel {
    /// Once nothing comes from the pod any more: what the node has said of it, if it was no plain end.
    pub async fn trouble(&mut self) -> Option<String> {
        timeout(REASON, &mut self.error).await.ok().flatten()
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.forwarder.abort();
    }
}
