//! The logs of a workload as they are now.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::stream::{self, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use tokio::time::sleep;

use super::merge::merge;
use super::owners::Owners;
use super::source::{Source, all, containers, short, source};
use super::state::{State, has_previous, state};
use super::{Asked, Said, Workload};
use crate::cluster::{Cluster, Fault, LogLine, LogRequest, REMOVED};

/// How often a kubelet is asked again for the log of a container that is removed, and when.
const ATTEMPTS: usize = 10;
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// So many logs are read at once.
const AT_ONCE: usize = 8;

/// The log of one container, or why there is none.
type Log = Result<(Source, Vec<LogLine>), String>;

/// Every line in the order in which it was written, after what there is to say of the pods that have none.
///
/// # Errors
/// When the pods or their logs may not be read, none has the container asked for, or none has restarted whose previous run
/// is asked for.
pub async fn read(cluster: &Cluster, workload: &Workload, asked: &Asked) -> Result<Vec<Said>> {
    let pods = own_pods(cluster, workload).await?;
    let Workload { kind, name, .. } = workload;
    if pods.is_empty() {
        return Ok(vec![Said::Note(format!("{kind} {name} has no pods"))]);
    }
    let wanted: Vec<(&Pod, String)> =
        pods.iter().flat_map(|pod| containers(pod, asked).into_iter().map(move |container| (pod, container))).collect();
    if wanted.is_empty() {
        bail!(
            "no pod of {kind} {name} has a container {}: {}",
            asked.container.as_deref().unwrap_or_default(),
            has(&pods)
        );
    }
    if asked.previous && !wanted.iter().any(|(pod, container)| has_previous(pod, container)) {
        bail!("no container of {kind} {name} has been started again, so there is no log of a run before");
    }
    let logs = stream::iter(wanted).map(|(pod, container)| log(cluster, pod, container, asked));
    let logs: Vec<Log> = logs.buffered(AT_ONCE).try_collect().await?;
    let (mut said, mut read) = (Vec::new(), Vec::new());
    for log in logs {
        match log {
            Ok(log) => read.push(log),
            Err(why) => said.push(Said::Note(why)),
        }
    }
    said.extend(merge(read).into_iter().map(|(source, text)| Said::Line { source, text }));
    Ok(said)
}

/// The pods of a workload, by name.
async fn own_pods(cluster: &Cluster, workload: &Workload) -> Result<Vec<Pod>> {
    let mut owners = Owners::new(cluster, workload);
    let mut pods = Vec::new();
    for pod in cluster.all::<Pod>(&workload.selector).await.context("the pods cannot be listed")? {
        if owners.own(&pod).await.context("the owner of a pod cannot be read")? {
            pods.push(pod);
        }
    }
    pods.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    Ok(pods)
}

async fn log(cluster: &Cluster, pod: &Pod, container: String, asked: &Asked) -> Result<Log> {
    let source = source(pod, &container);
    match state(pod, &container) {
        State::Waits(why) => return Ok(Err(waits(&source.name, &why))),
        State::Run { .. } if asked.previous && !has_previous(pod, &container) => {
            return Ok(Err(format!("{} has not been started again", source.name)));
        }
        State::Run { .. } => {}
    }
    let request = LogRequest {
        container: Some(container),
        previous: asked.previous,
        tail: asked.tail,
        age: asked.age,
        ..LogRequest::default()
    };
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let mut found = whole(cluster, name, &request).await;
    for _ in 0..ATTEMPTS {
        if !is_removed(&found) {
            break;
        }
        sleep(LOOK_AGAIN).await;
        found = whole(cluster, name, &request).await;
    }
    if is_removed(&found) {
        return Ok(Err(format!("{} has no log any more: its node has removed it", source.name)));
    }
    match found {
        Ok(lines) => Ok(Ok((source, lines))),
        // Gone since, or its log is.
        Err(fault) if matches!(fault.code(), Some(400 | 404)) => {
            Ok(Err(format!("{} has no log: {fault}", source.name)))
        }
        Err(fault) => Err(fault).with_context(|| format!("the log of {} cannot be read", source.name)),
    }
}

/// Whether the container whose log was asked for is removed; the kubelet may know the next one in a moment.
fn is_removed(found: &Result<Vec<LogLine>, Fault>) -> bool {
    matches!(found, Err(Fault::Unreachable(why)) if why.starts_with(REMOVED))
}

/// A log as far as it goes now.
///
/// # Errors
/// As [`Cluster::log`], or when it breaks off.
pub async fn whole(cluster: &Cluster, pod: &str, request: &LogRequest) -> Result<Vec<LogLine>, Fault> {
    let lines = cluster.log(pod, request).await?;
    lines.try_collect().await.map_err(|error| Fault::Unreachable(error.to_string()))
}

/// Why a container has written nothing yet.
pub fn waits(source: &str, why: &str) -> String {
    let why = if why.is_empty() { "to be started" } else { why };
    format!("{source} waits: {why}")
}

/// `saleor-api-x2k4l has saleor-api, files`.
fn has(pods: &[Pod]) -> String {
    let Some(pod) = pods.first() else { return String::new() };
    let names: Vec<&str> = all(pod).map(|container| container.name.as_str()).collect();
    format!("{} has {}", short(pod), names.join(", "))
}
