//! C3: Job.

use k8s_openapi::api::batch::v1::{Job, JobCondition};
use k8s_openapi::api::core::v1::Pod;

use super::look::{Finding, Look};
use super::outcome::{Failure, Readiness, Reason};
use super::{pod, revision, world};

/// C3: Complete is ready. Failed has failed, and so has FailureTarget, after which the Job only
/// waits for its pods to end; SuccessCriteriaMet waits for Complete in the same way. A Job that
/// disappears has failed too (C0; kubernetes #100248).
///
/// <https://kubernetes.io/docs/concepts/workloads/controllers/job/#terminal-job-conditions>
pub(super) fn assess(look: &mut Look) -> Readiness {
    let world = look.world;
    let Some(job) = world.jobs.get(&look.target.name) else {
        return look.in_progress("not seen yet", 0, 1, None);
    };
    if condition(job, "Complete").is_some() {
        return Readiness::Ready;
    }
    let pods = revision::pods_of(look.target, world);
    let failed = condition(job, "Failed").or_else(|| condition(job, "FailureTarget"));
    if let Some(condition) = failed {
        return Readiness::Failed(failure(condition, &pods));
    }

    let spec = job.spec.as_ref();
    let status = job.status.clone().unwrap_or_default();
    let wanted = spec.and_then(|spec| spec.completions).unwrap_or(1);
    let succeeded = status.succeeded.unwrap_or(0);
    if condition(job, "SuccessCriteriaMet").is_some() {
        return look.in_progress("succeeded, its last pods are ending", succeeded, wanted, None);
    }
    let mut finding = pod::worst_of(look, &pods);
    if let Some(Finding::Failed(failure)) = finding {
        return Readiness::Failed(failure);
    }
    if pods.is_empty() {
        let event = world.latest_event(&look.target.write.uid, world::is_warning);
        finding = event.map(|event| Finding::Note(world::words(event)));
    }
    let mut why = format!("{succeeded} of {wanted} pods have succeeded");
    if let Some(failed @ 1..) = status.failed {
        why.push_str(&format!(", {failed} failed"));
    }
    if spec.and_then(|spec| spec.suspend) == Some(true) {
        why.push_str(", suspended");
    }
    look.in_progress(why, succeeded, wanted, finding)
}

/// The Job's own reason and message, and the pod that failed last: a Job that failed for its
/// `backoffLimit` says nothing else of the cause (helm #10809).
fn failure(condition: &JobCondition, pods: &[&Pod]) -> Failure {
    let reason = condition.reason.as_deref().unwrap_or("Failed");
    let message = condition.message.as_deref().unwrap_or_default();
    let mut text = format!("{reason}: {message}");
    let last = pods
        .iter()
        .filter_map(|pod| Some((*pod, pod::bad_end(pod)?)))
        .max_by_key(|(pod, _)| pod.metadata.creation_timestamp.as_ref());
    let Some((pod, (container, end))) = last else {
        return Failure::new(Reason::JobFailed, text);
    };
    text.push_str(&format!("; {end}"));
    Failure::new(Reason::JobFailed, text).in_container(pod::name(pod), container)
}

fn condition<'a>(job: &'a Job, kind: &str) -> Option<&'a JobCondition> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == kind && condition.status == "True")
}
