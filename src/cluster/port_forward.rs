//! A connection to a port of a pod, through the API server
//! (<https://kubernetes.io/docs/tasks/access-application-cluster/port-forward-access-application-cluster/>).

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::HOST;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
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

    /// What a pod answers to GET at this port and path, asked through a tunnel: it comes from the pod's own node, so that
    /// no NetworkPolicy keeps it away, as it may [`Self::page`].
    ///
    /// # Errors
    /// When that is not allowed, or the pod does not answer with a page.
    pub async fn page_by_tunnel(&self, pod: &str, port: u16, path: &str) -> Result<String, Fault> {
        let (mut tunnel, stream) = self.tunnel(pod, port).await?;
        match get(stream, pod, path).await {
            Ok((status, page)) if status.is_success() => Ok(page),
            Ok((status, _)) => Err(Fault::Other(format!("it answered {status}"))),
            Err(error) => Err(Fault::Other(tunnel.trouble().await.unwrap_or_else(|| error.to_string()))),
        }
    }
}

/// One request over a connection of its own.
async fn get(stream: Pin<Box<dyn Both>>, host: &str, path: &str) -> anyhow::Result<(StatusCode, String)> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path).header(HOST, host).body(Empty::<Bytes>::new())?;
    let answer = async move {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let page = body.collect().await?.to_bytes();
        anyhow::Ok((head.status, String::from_utf8_lossy(&page).into_owned()))
    };
    // The connection carries the answer, and ends after it.
    futures::join!(answer, connection).0
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
