//! C1: Deployment.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition, DeploymentStrategy};

use super::grace;
use super::identity::is_observed;
use super::look::{Finding, Look};
use super::outcome::{Failure, Readiness, Reason};
use super::{pod, revision};
use std::time::Duration;

/// C1, in this order: the generation is observed; progress has not stopped; pods can be created;
/// every replica is of the new revision, available and Ready.
///
/// The replicas wanted are read from the live object each time: an autoscaler moves them.
/// The counts are those of `kubectl rollout status`:
/// k8s:staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go
pub(super) fn assess(look: &mut Look) -> Readiness {
    let Some(deployment) = look.world.deployments.get(&look.target.name) else {
        return look.in_progress("not seen yet", 0, 1, None);
    };
    let spec = &deployment.spec;
    let wanted = spec.replicas.unwrap_or(1);
    let status = deployment.status.clone().unwrap_or_default();
    if !is_observed(deployment.metadata.generation, status.observed_generation) {
        return look.in_progress("its controller has not seen the change yet", 0, wanted, None);
    }

    let pods = revision::pods_of(look.target, look.world);
    let pods = pod::worst_of(look, &pods);
    if let Some(failure) = deadline_exceeded(look, deployment, pods.as_ref()) {
        return Readiness::Failed(failure);
    }
    let creation = replica_failure(look, deployment);
    if let Some(Finding::Failed(failure)) = creation {
        return Readiness::Failed(failure);
    }

    let updated = status.updated_replicas.unwrap_or(0);
    let available = status.available_replicas.unwrap_or(0);
    let ready = status.ready_replicas.unwrap_or(0);
    let old = status.replicas.unwrap_or(0) - updated;
    let why = if spec.paused == Some(true) && updated < wanted {
        format!("paused with {updated} of {wanted} replicas updated: kubectl rollout resume")
    } else if updated < wanted {
        format!("{updated} of {wanted} replicas are updated")
    } else if old > 0 {
        format!("{old} old replicas are still to stop")
    } else if available < updated {
        format!("{available} of {updated} updated replicas are available")
    } else if ready < wanted {
        format!("{ready} of {wanted} replicas are Ready")
    } else if !is_true(deployment, "Available") {
        "not Available yet".to_owned()
    } else {
        return Readiness::Ready;
    };
    if let Some(Finding::Failed(failure)) = pods {
        return Readiness::Failed(failure);
    }
    let stopping = stopping(look, spec.strategy.as_ref());
    look.in_progress(why, updated.min(available), wanted, creation.or(pods).or(stopping))
}

/// What a rollout that makes no new pod before the old ones are gone waits for.
///
/// <https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#recreate-deployment>
fn stopping(look: &Look, strategy: Option<&DeploymentStrategy>) -> Option<Finding> {
    strategy.filter(|strategy| strategy.type_.as_deref() == Some("Recreate"))?;
    let pod = revision::stopping(look.target, look.world)?;
    Some(Finding::Note(format!("pod {} is still to stop", pod::name(pod))))
}

/// The deployment controller has given up.
///
/// After a write the condition may still be that of the rollout before, which the controller
/// leaves alone until there is progress, so one older than our write is not believed before a
/// deadline of our own has passed. After a write that changed nothing it is the present state.
///
/// k8s:pkg/controller/deployment/sync.go and progress.go (`syncRolloutStatus`)
fn deadline_exceeded(look: &Look, deployment: &Deployment, pods: Option<&Finding>) -> Option<Failure> {
    let condition = condition(deployment, "Progressing")?;
    if condition.reason.as_deref() != Some("ProgressDeadlineExceeded") {
        return None;
    }
    let deadline = deployment
        .spec
        .progress_deadline_seconds
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map_or(grace::DEFAULT_PROGRESS_DEADLINE, Duration::from_secs);
    if is_stale(look, condition) && look.waited < deadline {
        return None;
    }
    let mut message = condition.message.clone().unwrap_or_default();
    if let Some(finding) = pods {
        message.push_str(&format!("; {}", finding.words()));
    }
    let mut failure = Failure::new(Reason::ProgressDeadlineExceeded, message);
    if let Some(Finding::Failed(cause)) = pods {
        failure.pod.clone_from(&cause.pod);
        failure.container.clone_from(&cause.container);
    }
    Some(failure)
}

/// Times are whole seconds: a condition of the same second as our write is older, for no
/// deadline is that short.
fn is_stale(look: &Look, condition: &DeploymentCondition) -> bool {
    let write = &look.target.write;
    let updated = condition.last_update_time.as_ref().map(|time| time.0);
    write.changed
        && match (updated, write.at) {
            (Some(updated), Some(at)) => updated <= at,
            _ => true,
        }
}

/// `ReplicaFailure`: the pods cannot even be created, for a quota or an admission webhook.
///
/// <https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#failed-deployment>
fn replica_failure(look: &mut Look, deployment: &Deployment) -> Option<Finding> {
    let condition = condition(deployment, "ReplicaFailure")?;
    if condition.status.as_deref() != Some("True") {
        return None;
    }
    let reason = condition.reason.as_deref().unwrap_or_default();
    let message = condition.message.as_deref().unwrap_or_default();
    let failure = Failure::new(Reason::ReplicaFailure, format!("{reason}: {message}"));
    let uid = look.target.write.uid.clone();
    Some(look.suspect(&uid, grace::REPLICA_FAILURE, failure))
}

fn is_true(deployment: &Deployment, kind: &str) -> bool {
    condition(deployment, kind).is_some_and(|condition| condition.status.as_deref() == Some("True"))
}

fn condition<'a>(deployment: &'a Deployment, kind: &str) -> Option<&'a DeploymentCondition> {
    let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_.as_deref() == Some(kind))
}
