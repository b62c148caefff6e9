//! C7: pods fail fast, where waiting cannot help.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodCondition};

use super::claim;
use super::container::{self, Container};
use super::grace;
use super::look::{self, Finding, Look};
use super::outcome::{Failure, Reason, one_line};
use super::world::{self, World};

/// The worst that these pods tell. Terminating pods tell nothing.
pub(super) fn worst_of(look: &mut Look, pods: &[&Pod]) -> Option<Finding> {
    let findings: Vec<Finding> =
        pods.iter().filter(|pod| !is_terminating(pod)).filter_map(|pod| assess(look, pod)).collect();
    look::worst(findings)
}

/// C7 for one pod of the new revision. A pod that is Ready, or that was evicted or preempted
/// (its controller makes another one), never fails a deploy; neither does one that runs without
/// being Ready, which shows its probe's last answer.
///
/// <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/>
fn assess(look: &mut Look, pod: &Pod) -> Option<Finding> {
    let containers: Vec<Container> =
        statuses(pod).into_iter().map(|(status, is_init)| Container::new(look, pod, status, is_init)).collect();
    match phase(pod) {
        "Succeeded" => return None,
        "Failed" => return Some(Finding::Note(ended(pod))),
        _ if is_ready(pod) => return None,
        _ => {}
    }
    let mut findings: Vec<Finding> = containers.iter().filter_map(|container| container.assess(look)).collect();
    findings.extend(unscheduled(look, pod));
    findings.extend(missing_mount(look, pod));
    look::worst(findings).or_else(|| Some(not_ready(look.world, pod)))
}

/// A pod without a node: for want of a volume, which its claim explains best, or of room.
///
/// k8s:pkg/scheduler/schedule_one.go (`PodReasonUnschedulable`)
fn unscheduled(look: &mut Look, pod: &Pod) -> Option<Finding> {
    if is_scheduled(pod) {
        return None;
    }
    let world = look.world;
    let volume = claims_of(pod)
        .into_iter()
        .filter_map(|name| world.claims.get(name))
        .filter_map(|claim| claim::trouble(look, claim))
        .map(|finding| finding.in_pod(name(pod)))
        .collect::<Vec<_>>();
    if let Some(finding) = look::worst(volume) {
        return Some(finding);
    }
    let condition = condition(pod, "PodScheduled")?;
    if condition.reason.as_deref() != Some("Unschedulable") {
        return None;
    }
    let message = condition.message.as_deref().unwrap_or_default();
    let failure = Failure::new(Reason::Unschedulable, message).in_pod(name(pod));
    Some(look.suspect(uid(pod), grace::UNSCHEDULABLE, failure))
}

/// A volume of a missing Secret or ConfigMap. Events outlive what they tell of: one counts only
/// while containers wait to be created, and only if no image was pulled since, for the kubelet
/// mounts before it pulls.
///
/// k8s:pkg/kubelet/kubelet.go (`SyncPod`: `WaitForAttachAndMount`)
fn missing_mount(look: &mut Look, pod: &Pod) -> Option<Finding> {
    if !waits_for_creation(pod) {
        return None;
    }
    let world = look.world;
    let event = world.latest_event(uid(pod), |event| {
        world::reason(event) == "FailedMount" && is_missing_reference(world::message(event))
    })?;
    let since = world::event_time(event);
    let went_on = world.events_of(uid(pod)).any(|later| {
        matches!(world::reason(later), "Pulling" | "Pulled" | "Created" | "Started")
            && world::event_time(later) >= since
    });
    if went_on {
        return None;
    }
    let failure = Failure::new(Reason::FailedMount, world::message(event)).in_pod(name(pod));
    Some(look.suspect(uid(pod), grace::FAILED_MOUNT, failure))
}

/// `MountVolume.SetUp failed for volume "config" : configmap "nope" not found`, or
/// `references non-existent secret key: tls.crt`.
fn is_missing_reference(message: &str) -> bool {
    let message = message.to_lowercase();
    let of_our_kind = message.contains("secret") || message.contains("configmap");
    (of_our_kind && message.contains("not found")) || message.contains("references non-existent")
}

/// A pod with nothing wrong, only not Ready yet.
fn not_ready(world: &World, pod: &Pod) -> Finding {
    let name = name(pod);
    if phase(pod) == "Running" {
        let probe = world.latest_event(uid(pod), |event| world::reason(event) == "Unhealthy");
        return Finding::Note(match probe {
            Some(event) => one_line(&format!("pod {name} is not Ready: {}", world::message(event))),
            None => format!("pod {name} is not Ready"),
        });
    }
    // Events outlive what they tell of.
    let is_scheduled = is_scheduled(pod);
    let trouble = world.latest_event(uid(pod), |event| {
        world::is_warning(event) && !(is_scheduled && world::reason(event) == "FailedScheduling")
    });
    match trouble {
        Some(event) => Finding::Note(format!("pod {name} is starting: {}", world::words(event))),
        None => Finding::Note(format!("pod {name} is starting")),
    }
}

/// `pod x: Evicted: The node was low on resource: memory.`
fn ended(pod: &Pod) -> String {
    let name = name(pod);
    let status = pod.status.as_ref();
    let reason = status.and_then(|status| status.reason.as_deref());
    let message = status.and_then(|status| status.message.as_deref());
    one_line(&match (reason, bad_end(pod)) {
        (Some(reason), _) => format!("pod {name}: {reason}: {}", message.unwrap_or_default()),
        (None, Some((container, end))) => format!("pod {name}, container {container}: {end}"),
        (None, None) => format!("pod {name} has failed"),
    })
}

/// The container of the pod that ended badly, the last of several, and how.
pub(super) fn bad_end(pod: &Pod) -> Option<(&str, String)> {
    let ends = statuses(pod).into_iter().filter_map(|(status, _)| {
        let (state, last) = (status.state.as_ref(), status.last_state.as_ref());
        let now = state.and_then(|state| state.terminated.as_ref());
        let end = now.or(last.and_then(|state| state.terminated.as_ref()))?;
        (end.exit_code != 0).then_some((status.name.as_str(), end))
    });
    let (name, end) = ends.max_by_key(|(_, end)| end.finished_at.as_ref())?;
    Some((name, container::exit(end)))
}

fn statuses(pod: &Pod) -> Vec<(&ContainerStatus, bool)> {
    let Some(status) = &pod.status else {
        return Vec::new();
    };
    let init = status.init_container_statuses.iter().flatten();
    let main = status.container_statuses.iter().flatten();
    init.map(|status| (status, true)).chain(main.map(|status| (status, false))).collect()
}

fn waits_for_creation(pod: &Pod) -> bool {
    statuses(pod).iter().any(|(status, _)| {
        let waiting = status.state.as_ref().and_then(|state| state.waiting.as_ref());
        let reason = waiting.and_then(|waiting| waiting.reason.as_deref());
        matches!(reason, Some("ContainerCreating" | "PodInitializing"))
    })
}

fn claims_of(pod: &Pod) -> Vec<&str> {
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_ref());
    volumes
        .into_iter()
        .flatten()
        .filter_map(|volume| volume.persistent_volume_claim.as_ref())
        .map(|claim| claim.claim_name.as_str())
        .collect()
}

fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<&'a PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == kind)
}

fn is_scheduled(pod: &Pod) -> bool {
    condition(pod, "PodScheduled").is_some_and(|condition| condition.status == "True")
}

/// `metadata.name`.
pub(super) fn name(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap_or_default()
}

/// `metadata.uid`.
pub(super) fn uid(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or_default()
}

/// `status.phase`.
pub(super) fn phase(pod: &Pod) -> &str {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    phase.unwrap_or("Pending")
}

/// Its condition Ready is True.
pub(super) fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").is_some_and(|condition| condition.status == "True")
}

/// It has been told to go.
pub(super) fn is_terminating(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}
