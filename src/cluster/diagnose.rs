//! The evidence behind a failure: the image, the last Warning events, the end of the log.

use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{Api, LogParams};

use super::{Cluster, call};
use crate::readiness::{Failure, Target, World, event_time, pods_of};

/// Warning events shown (RULES.md C8).
const EVENTS: usize = 5;
/// Log lines shown (RULES.md C8).
const LOG_LINES: i64 = 40;

/// What is known about a failure.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The pod.
    pub pod: Option<String>,
    /// The container.
    pub container: Option<String>,
    /// The container's image.
    pub image: Option<String>,
    /// The last Warning events about the object and its pods, oldest first.
    pub events: Vec<String>,
    /// The last lines of the container's log, of its previous run where it restarted.
    pub log: Vec<String>,
}

/// Gathers the evidence. What cannot be had is left out: a diagnosis never fails a deploy that is
/// failing already.
pub async fn evidence(cluster: &Cluster, target: &Target, world: &World, failure: Option<&Failure>) -> Evidence {
    let pods = pods_of(target, world);
    let named = failure.and_then(|failure| failure.pod.as_deref());
    let pod = match named {
        Some(name) => world.pods.get(name).map(|pod| &**pod),
        None => pods.iter().copied().find(|pod| !is_ready(pod)).or_else(|| pods.first().copied()),
    };
    let mut evidence = Evidence { events: warnings(target, &pods, world), ..Default::default() };
    let Some(pod) = pod else { return evidence };
    let name = pod.metadata.name.clone().unwrap_or_default();
    let container = failure.and_then(|failure| failure.container.clone()).or_else(|| troubled_container(pod));
    if let Some(container) = &container {
        evidence.image = image(pod, container);
        evidence.log = log(cluster, pod, &name, container).await;
    }
    evidence.pod = Some(name);
    evidence.container = container;
    evidence
}

fn warnings(target: &Target, pods: &[&Pod], world: &World) -> Vec<String> {
    let mut uids = vec![target.write.uid.as_str()];
    uids.extend(pods.iter().filter_map(|pod| pod.metadata.uid.as_deref()));
    // The pods' controller reports quota and admission on the ReplicaSet.
    uids.extend(world.replica_sets.values().filter_map(|set| {
        let owners = set.metadata.owner_references.as_deref().unwrap_or_default();
        let ours = owners.iter().any(|owner| owner.uid == target.write.uid);
        ours.then(|| set.metadata.uid.as_deref()).flatten()
    }));
    let mut found: Vec<&Event> = world
        .events
        .values()
        .map(|event| &**event)
        .filter(|event| event.type_.as_deref() == Some("Warning"))
        .filter(|event| event.involved_object.uid.as_deref().is_some_and(|uid| uids.contains(&uid)))
        .collect();
    found.sort_by_key(|event| event_time(event));
    let skip = found.len().saturating_sub(EVENTS);
    found.into_iter().skip(skip).map(words).collect()
}

fn words(event: &Event) -> String {
    let about = event.involved_object.name.as_deref().unwrap_or_default();
    let reason = event.reason.as_deref().unwrap_or_default();
    let message = event.message.as_deref().unwrap_or_default();
    let message: Vec<&str> = message.split_whitespace().collect();
    let times = match event.count {
        Some(count) if count > 1 => format!(" (x{count})"),
        _ => String::new(),
    };
    format!("{about}: {reason}: {}{times}", message.join(" "))
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn statuses(pod: &Pod) -> impl Iterator<Item = &k8s_openapi::api::core::v1::ContainerStatus> {
    let status = pod.status.as_ref();
    let init = status.and_then(|status| status.init_container_statuses.as_deref()).unwrap_or_default();
    let main = status.and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    init.iter().chain(main)
}

/// The first container that is not as it should be, else the first one.
fn troubled_container(pod: &Pod) -> Option<String> {
    let failed = |state: &Option<k8s_openapi::api::core::v1::ContainerState>| {
        let ended = state.as_ref().and_then(|state| state.terminated.as_ref());
        ended.is_some_and(|ended| ended.exit_code != 0)
    };
    let troubled = statuses(pod).find(|status| failed(&status.state) || failed(&status.last_state));
    let troubled = troubled.or_else(|| statuses(pod).find(|status| !status.ready && status.started == Some(true)));
    let name = troubled.map(|status| status.name.clone());
    name.or_else(|| pod.spec.as_ref()?.containers.first().map(|container| container.name.clone()))
}

fn image(pod: &Pod, container: &str) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let all = spec.init_containers.iter().flatten().chain(&spec.containers);
    all.into_iter().find(|candidate| candidate.name == container)?.image.clone()
}

async fn log(cluster: &Cluster, pod: &Pod, name: &str, container: &str) -> Vec<String> {
    let status = statuses(pod).find(|status| status.name == container);
    let running = |status: &k8s_openapi::api::core::v1::ContainerStatus| {
        status.state.as_ref().is_some_and(|state| state.running.is_some())
    };
    let restarted = status.is_some_and(|status| status.restart_count > 0);
    let ended_again =
        status.is_some_and(|status| status.state.as_ref().is_some_and(|state| state.terminated.is_some()));
    // A container that ended just now has its own log; one that waits or runs again shows why the
    // run before it ended.
    let previous = restarted && !ended_again;
    let api: Api<Pod> = Api::namespaced(cluster.client().clone(), cluster.namespace());
    let mut text = String::new();
    for previous in if previous { &[true, false][..] } else { &[false][..] } {
        let params = LogParams {
            container: Some(container.to_owned()),
            previous: *previous,
            tail_lines: Some(LOG_LINES),
            ..Default::default()
        };
        text = call(api.logs(name, &params)).await.unwrap_or_default();
        if !text.trim().is_empty() || status.is_some_and(running) && !*previous {
            break;
        }
    }
    text.lines().map(str::to_owned).collect()
}
