//! C2: StatefulSet.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;

use super::grace;
use super::identity::is_observed;
use super::look::{Finding, Look};
use super::outcome::Readiness;
use super::revision::{self, CONTROLLER_REVISION};
use super::target::Target;
use super::world::{self, World};
use super::{outcome, pod};

/// C2: every pod exists, is Ready and, above the partition, of the update revision. A
/// StatefulSet has no failure condition, so only its pods can fail it (C7).
///
/// k8s:staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go
pub(super) fn assess(look: &mut Look) -> Readiness {
    let world = look.world;
    let Some(set) = world.stateful_sets.get(&look.target.name) else {
        return look.in_progress("not seen yet", 0, 1, None);
    };
    let wanted = set.spec.replicas.unwrap_or(1);
    let status = set.status.clone().unwrap_or_default();
    if !is_observed(set.metadata.generation, status.observed_generation) {
        return look.in_progress("its controller has not seen the change yet", 0, wanted, None);
    }

    let pods = revision::pods_of(look.target, world);
    let pods = pod::worst_of(look, &pods);
    let partition = partition(set);
    let to_update = (wanted - partition).max(0);
    let updated = status.updated_replicas.unwrap_or(0);
    let ready = status.ready_replicas.unwrap_or(0);
    let why = if status.replicas != wanted {
        format!("{} of {wanted} pods exist", status.replicas)
    } else if ready < wanted {
        format!("{ready} of {wanted} pods are Ready")
    } else if updated < to_update {
        format!("{updated} of {to_update} pods are updated")
    } else if partition == 0 && status.current_revision != status.update_revision {
        "the last pods are being updated".to_owned()
    } else {
        return Readiness::Ready;
    };
    if let Some(Finding::Failed(failure)) = pods {
        return Readiness::Failed(failure);
    }
    let stuck = stuck(look);
    let finding = match pods {
        Some(Finding::Suspect(_)) => pods,
        note => stuck.or_else(|| cannot_create(look, status.replicas < wanted)).or(note),
    };
    let done = match partition {
        0 => ready.min(updated),
        _ => ready,
    };
    look.in_progress(why, done, wanted, finding)
}

/// The pods of an older revision that are not Ready. While one is, Kubernetes neither goes on
/// with the update nor replaces the pod, even if the new revision would mend it: somebody has to
/// delete it (kubernetes #67250). To be told, never done silently.
///
/// <https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback>
pub fn stuck_pods<'a>(target: &Target, world: &'a World) -> Vec<&'a str> {
    let Some(set) = world.stateful_sets.get(&target.name) else {
        return Vec::new();
    };
    let Some(update) = set.status.as_ref().and_then(|status| status.update_revision.as_deref()) else {
        return Vec::new();
    };
    revision::owned_by(world, &target.write.uid)
        .filter(|pod| revision::label(pod, CONTROLLER_REVISION) != Some(update))
        .filter(|pod| !pod::is_terminating(pod) && !pod::is_ready(pod))
        .filter(|pod| ordinal(pod).is_none_or(|ordinal| ordinal >= partition(set)))
        .map(pod::name)
        .collect()
}

/// Says so once a pod has been stuck for a while: in between, an ordinary update looks the same.
fn stuck(look: &mut Look) -> Option<Finding> {
    let pods = stuck_pods(look.target, look.world);
    let name = pods
        .into_iter()
        .find(|name| {
            let since = look.memory.trouble(look.target, name, "Stuck", "", look.now);
            look.now >= since + grace::STUCK
        })?
        .to_owned();
    Some(Finding::Note(format!(
        "pod {name} is of an older revision, not Ready and stuck: Kubernetes will not replace it; delete pod {name}"
    )))
}

/// Why a pod is not even created, which a StatefulSet says in an event only.
fn cannot_create(look: &Look, is_missing: bool) -> Option<Finding> {
    if !is_missing {
        return None;
    }
    let write = &look.target.write;
    let event = look.world.latest_event(&write.uid, |event| {
        world::reason(event) == "FailedCreate" && (!write.changed || world::event_time(event) >= write.at)
    })?;
    Some(Finding::Note(outcome::one_line(&world::words(event))))
}

fn partition(set: &StatefulSet) -> i32 {
    set.spec
        .update_strategy
        .as_ref()
        .and_then(|strategy| strategy.rolling_update.as_ref())
        .and_then(|rolling| rolling.partition)
        .unwrap_or(0)
}

fn ordinal(pod: &Pod) -> Option<i32> {
    pod::name(pod).rsplit_once('-')?.1.parse().ok()
}
