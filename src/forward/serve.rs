//! The port of this machine, and where its connections go.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::runtime::watcher::{Error, Event};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::backend::{Backend, choose, selector};
use super::carry::carry;
use crate::cluster::{Cluster, Fault, watching_is_denied};

/// How long a connection waits for a pod: a failover or a rollout must not end it.
const WAITS: Duration = Duration::from_secs(60);
const TRY_AGAIN: Duration = Duration::from_millis(300);

/// What there is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Connections go to this pod from now on.
    Leads(String),
    /// There is no pod to which they could go.
    NoPod,
    /// Something about one connection, or the pods.
    Note(String),
}

/// Takes a port of this machine, for this machine only; any that is free where none is named.
///
/// # Errors
/// When it is taken.
pub async fn listen(port: Option<u16>) -> Result<(TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).await.with_context(|| {
        format!("port {} of 127.0.0.1 cannot be had: name another one with --port", port.unwrap_or(0))
    })?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// Forwards every connection to a ready pod of a Service, for ever.
///
/// # Errors
/// When the Service selects no pods, or that is not allowed.
pub async fn serve(
    cluster: &Cluster,
    service: &Service,
    listener: TcpListener,
    mut tell: impl FnMut(Told) -> Result<()>,
) -> Result<()> {
    let name = service.metadata.name.as_deref().unwrap_or_default();
    let Some(selector) = selector(service) else { bail!("Service {name} selects no pods") };
    let (leads, backends) = watch::channel(None);
    let (sender, mut said) = mpsc::channel::<Result<Told, Fault>>(64);
    let mut connections = JoinSet::new();
    let mut events = pin!(cluster.follow::<Pod>(&selector));
    let mut pods = Pods::default();
    loop {
        tokio::select! {
            Some(event) = events.next() => {
                if let Some(note) = pods.event(event)? {
                    tell(note)?;
                }
                let before: Option<Backend> = leads.borrow().clone();
                let now = choose(service, &pods.known, before.as_ref());
                if pods.are_listed && (pods.is_first() || now != before) {
                    if let (None, Some(backend)) = (&before, &now) {
                        // Whether it may be done is known before anybody is sent there.
                        try_once(cluster, backend).await?;
                    }
                    tell(now.as_ref().map_or(Told::NoPod, |backend| Told::Leads(backend.pod.clone())))?;
                    leads.send_replace(now);
                }
            }
            Ok((client, _)) = listener.accept() => {
                let connection = connection(cluster.clone(), backends.clone(), client);
                let sender = sender.clone();
                connections.spawn(async move {
                    match connection.await {
                        Ok(None) => {}
                        Ok(Some(why)) => drop(sender.send(Ok(Told::Note(why))).await),
                        Err(fault) => drop(sender.send(Err(fault)).await),
                    }
                });
            }
            Some(one) = said.recv() => tell(one.map_err(|fault| refused(cluster, fault))?)?,
            Some(_) = connections.join_next() => {}
        }
    }
}

/// The pods of a Service, as a watch tells them.
#[derive(Default)]
struct Pods {
    known: BTreeMap<String, Pod>,
    fresh: BTreeMap<String, Pod>,
    are_listed: bool,
    was_told: bool,
    trouble: String,
}

impl Pods {
    fn event(&mut self, event: Result<Event<Pod>, Error>) -> Result<Option<Told>> {
        let name = |pod: &Pod| pod.metadata.name.clone().unwrap_or_default();
        match event {
            Ok(Event::Init) => self.fresh.clear(),
            Ok(Event::InitApply(pod)) => drop(self.fresh.insert(name(&pod), pod)),
            Ok(Event::InitDone) => {
                self.known = std::mem::take(&mut self.fresh);
                self.are_listed = true;
                self.trouble.clear();
            }
            Ok(Event::Apply(pod)) => drop(self.known.insert(name(&pod), pod)),
            Ok(Event::Delete(pod)) => drop(self.known.remove(&name(&pod))),
            Err(error) if watching_is_denied(&error) => return Err(error).context("the pods may not be watched"),
            Err(error) if error.to_string() != self.trouble => {
                self.trouble = error.to_string();
                return Ok(Some(Told::Note(format!("the pods cannot be watched: {error}"))));
            }
            Err(_) => {}
        }
        Ok(None)
    }

    /// Whether nothing was said of them yet.
    fn is_first(&mut self) -> bool {
        !std::mem::replace(&mut self.was_told, true)
    }
}

/// Opens a connection, and closes it.
async fn try_once(cluster: &Cluster, backend: &Backend) -> Result<()> {
    match cluster.tunnel(&backend.pod, backend.port).await {
        Err(fault) if fault.is_denied() => Err(refused(cluster, fault)),
        // Those that are meant try again.
        _ => Ok(()),
    }
}

fn refused(cluster: &Cluster, fault: Fault) -> anyhow::Error {
    let namespace = cluster.namespace().to_owned();
    anyhow::Error::new(fault)
        .context(format!("you may not forward ports of pods in namespace {namespace}: ask for that"))
}

/// One connection, from its beginning to its end. Why it was no good, if it was not.
async fn connection(
    cluster: Cluster,
    mut backends: watch::Receiver<Option<Backend>>,
    client: TcpStream,
) -> Result<Option<String>, Fault> {
    let until = Instant::now() + WAITS;
    // Waiting for more to send makes no sense on the way to a pod.
    let _ = client.set_nodelay(true);
    loop {
        let backend = match timeout_at(until, backends.wait_for(Option::is_some)).await {
            Ok(Ok(backend)) => backend.clone(),
            _ => None,
        };
        let Some(Backend { pod, port, .. }) = backend else {
            return Ok(Some(format!("a connection has ended: no pod was ready within {} s", WAITS.as_secs())));
        };
        match cluster.tunnel(&pod, port).await {
            Ok((mut tunnel, stream)) => {
                // That a client breaks off is nothing to tell.
                let _ = carry(client, stream).await;
                return Ok(tunnel.trouble().await.map(|why| format!("a connection to pod {pod} has ended: {why}")));
            }
            Err(fault) if fault.is_denied() => return Err(fault),
            Err(fault) if Instant::now() >= until => {
                return Ok(Some(format!("a connection to pod {pod} cannot be made: {fault}")));
            }
            Err(fault) => {
                tracing::info!(pod, %fault, "the connection cannot be made; it is tried again");
                sleep(TRY_AGAIN).await;
            }
        }
    }
}
