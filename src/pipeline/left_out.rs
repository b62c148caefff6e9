//! Phases that do not run (`--from`, `--only`) but that those that run rely on.

use serde_json::Value;

use super::{Prepared, Refused};

/// Refuses to begin behind phases whose objects are not there exactly as they would be applied.
///
/// # Errors
/// Names each object that is not.
pub async fn check(prepared: &Prepared) -> Result<(), Refused> {
    let selection = prepared.request.selection;
    let mut reasons = Vec::new();
    for (phase, object) in prepared.request.plan.objects().filter(|(phase, _)| selection.relies_on(*phase)) {
        if !object.namespaced() && !prepared.namespace_is_ours {
            continue;
        }
        let live = prepared.live.get(&object.id);
        let differs = match live {
            // Its name holds the hash of its template; what counts is that it ran.
            Some(job) if object.id.kind == "Job" => !is_complete(job),
            Some(live) if object.initial.iter().any(|field| live.pointer(&field.pointer).is_none()) => true,
            Some(live) => prepared.cluster.would_become(object, live).await?.is_some(),
            None => true,
        };
        if differs {
            reasons.push(format!(
                "{} of phase {} {} is not as this deploy would apply it; deploy that phase first",
                object.id,
                phase.number(),
                phase.name()
            ));
        }
    }
    if reasons.is_empty() { Ok(()) } else { Err(Refused::Because(reasons)) }
}

/// Whether a Job ran to its end (<https://kubernetes.io/docs/concepts/workloads/controllers/job/#terminal-job-conditions>).
pub fn is_complete(job: &Value) -> bool {
    let conditions = job.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| condition["type"] == "Complete" && condition["status"] == "True")
}
