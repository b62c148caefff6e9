//! The logs of a workload as they are written, of whichever pods it has then.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::watcher::{Error, Event};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::owners::Owners;
use super::reader::Reader;
use super::source::{all, containers, short, source};
use super::state::is_over;
use super::{Asked, Said, Workload};
use crate::cluster::{Cluster, Fault, watching_is_denied};

/// So many lines may wait to be shown; then no more are read.
const WAITING: usize = 256;
/// How often a Job is asked for whose pods have ended.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Hands on every line and what becomes of the pods, until `say` says that nobody listens, or the Job is over.
///
/// # Errors
/// When the pods may not be watched or their logs not be read, or the first pods have not the container asked for.
pub async fn follow(
    cluster: &Cluster,
    workload: &Workload,
    asked: &Asked,
    mut say: impl FnMut(Said) -> Result<bool>,
) -> Result<()> {
    let mut following = Following::new(cluster, workload, asked);
    let (sender, mut said): (Sender, _) = mpsc::channel(WAITING);
    let mut events = pin!(cluster.follow::<Pod>(&workload.selector));
    loop {
        let note = tokio::select! {
            biased;
            Some(one) = said.recv() => Some(one.context("a log cannot be read")?),
            Some(event) = events.next() => following.event(event, &sender).await?,
            Some(_) = following.readers.join_next() => None,
            () = sleep(following.pause), if following.may_end() => match following.ends().await? {
                true => return Ok(()),
                false => None,
            },
        };
        if let Some(note) = note
            && !say(note)?
        {
            return Ok(());
        }
    }
}

struct Following<'a> {
    cluster: &'a Cluster,
    workload: &'a Workload,
    asked: &'a Asked,
    owners: Owners<'a>,
    /// By UID.
    pods: BTreeMap<String, watch::Sender<Option<Pod>>>,
    /// The UIDs of a list that is not complete yet.
    listed: Vec<String>,
    /// Whether the pods that were there at first are known.
    has_begun: bool,
    trouble: String,
    readers: JoinSet<()>,
    /// How long after the last pod has ended the Job is asked for: at once, and then now and again.
    pause: Duration,
}

type Sender = mpsc::Sender<Result<Said, Fault>>;

impl<'a> Following<'a> {
    fn new(cluster: &'a Cluster, workload: &'a Workload, asked: &'a Asked) -> Self {
        Self {
            cluster,
            workload,
            asked,
            owners: Owners::new(cluster, workload),
            pods: BTreeMap::new(),
            listed: Vec::new(),
            has_begun: false,
            trouble: String::new(),
            readers: JoinSet::new(),
            pause: Duration::ZERO,
        }
    }

    async fn event(&mut self, event: Result<Event<Pod>, Error>, sender: &Sender) -> Result<Option<Said>> {
        match event {
            Ok(Event::Init) => self.listed.clear(),
            Ok(Event::InitApply(pod)) => {
                self.listed.extend(pod.metadata.uid.clone());
                return self.seen(pod, sender).await;
            }
            Ok(Event::Apply(pod)) => return self.seen(pod, sender).await,
            Ok(Event::InitDone) => {
                let listed = std::mem::take(&mut self.listed);
                self.pods.retain(|uid, pod| {
                    let is_there = listed.contains(uid);
                    if !is_there {
                        pod.send_replace(None);
                    }
                    is_there
                });
                self.trouble.clear();
                if !std::mem::replace(&mut self.has_begun, true) {
                    return self.first();
                }
            }
            Ok(Event::Delete(pod)) => {
                if let Some(gone) = pod.metadata.uid.as_ref().and_then(|uid| self.pods.remove(uid)) {
                    gone.send_replace(None);
                }
            }
            Err(error) => {
                let words = error.to_string();
                if watching_is_denied(&error) {
                    return Err(error).context("the pods may not be watched");
                }
                if words != self.trouble {
                    self.trouble.clone_from(&words);
                    return Ok(Some(Said::Note(format!("the pods cannot be watched: {words}"))));
                }
            }
        }
        Ok(None)
    }

    /// What there is to say once the first pods are known.
    fn first(&self) -> Result<Option<Said>> {
        let Workload { kind, name, .. } = self.workload;
        if self.pods.is_empty() {
            return Ok(Some(Said::Note(format!("{kind} {name} has no pods yet"))));
        }
        let pods: Vec<Pod> = self.pods.values().filter_map(|pod| pod.borrow().clone()).collect();
        if let (Some(asked), true, Some(pod)) = (&self.asked.container, self.readers.is_empty(), pods.first()) {
            let names: Vec<&str> = all(pod).map(|container| container.name.as_str()).collect();
            bail!("no pod of {kind} {name} has a container {asked}: {} has {}", short(pod), names.join(", "));
        }
        Ok(None)
    }

    /// A pod as it is now. One that is new is read from its beginning, unless it was there at first.
    async fn seen(&mut self, pod: Pod, sender: &Sender) -> Result<Option<Said>> {
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        if let Some(known) = self.pods.get(&uid) {
            known.send_replace(Some(pod));
            return Ok(None);
        }
        if !self.owners.own(&pod).await.context("the owner of a pod cannot be read")? {
            return Ok(None);
        }
        let asked = if self.has_begun { Asked::default() } else { self.asked.clone() };
        let (changes, changing) = watch::channel(Some(pod.clone()));
        for container in containers(&pod, self.asked) {
            let reader = Reader {
                cluster: self.cluster.clone(),
                pod: changing.clone(),
                source: source(&pod, &container),
                asked: asked.clone(),
                said: sender.clone(),
            };
            self.readers.spawn(reader.run());
        }
        self.pause = Duration::ZERO;
        self.pods.insert(uid, changes);
        Ok(self.has_begun.then(|| Said::Note(format!("{} is new", short(&pod)))))
    }

    /// Whether it is worth asking: nothing is read, and it is one that ends.
    fn may_end(&self) -> bool {
        self.has_begun && self.readers.is_empty() && matches!(self.workload.kind.as_str(), "Job" | "Pod")
    }

    /// Whether no pod will come any more: the Job has ended, or the one pod asked for has.
    async fn ends(&mut self) -> Result<bool> {
        self.pause = LOOK_AGAIN;
        if self.workload.kind == "Pod" {
            return Ok(self.pods.values().any(|pod| pod.borrow().as_ref().is_some_and(is_over)));
        }
        match self.cluster.read::<Job>(&self.workload.name).await {
            Ok(job) => {
                let conditions = job.status.and_then(|status| status.conditions).unwrap_or_default();
                let is_end = |kind: &str| matches!(kind, "Complete" | "Failed");
                Ok(conditions.iter().any(|condition| is_end(&condition.type_) && condition.status == "True"))
            }
            Err(fault) if fault.is_not_found() => Ok(true),
            Err(fault) => Err(fault).context("the Job cannot be read"),
        }
    }
}
