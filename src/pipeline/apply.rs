//! Applies the objects of one phase, wave by wave.

use std::collections::BTreeSet;

use futures::StreamExt;
use serde_json::Value;

use super::preconditions::identity;
use super::{Change, Diagnosis, Event, Events, seen};
use crate::cluster::{Cluster, Fault, Live, differs};
use crate::readiness::Target;
use crate::render::{Object, Phase};

/// Applies in flight at once: enough to hide the network, few enough for a small API server.
const CONCURRENCY: usize = 8;

/// One object as an apply left it.
#[derive(Clone, Debug)]
pub struct Done {
    /// What the apply did.
    pub change: Change,
    /// What has to become ready; None for what is ready once applied.
    pub target: Option<Target>,
    /// The object, as the server answered.
    pub value: Value,
}

/// Applies the objects in waves; an error ends the phase after its wave.
///
/// # Errors
/// A diagnosis for each object that could not be applied.
pub async fn apply_all(
    cluster: &Cluster,
    live: &Live,
    phase: Phase,
    objects: &[&Object],
    events: &Events,
) -> Result<Vec<Done>, Vec<Diagnosis>> {
    let mut done = Vec::new();
    let waves: BTreeSet<u8> = objects.iter().map(|object| object.wave()).collect();
    for wave in waves {
        let wave = objects.iter().filter(|object| object.wave() == wave);
        let answers: Vec<_> = futures::stream::iter(wave)
            .map(|object| async move { (*object, apply_one(cluster, live, object, phase, events).await) })
            .buffered(CONCURRENCY)
            .collect()
            .await;
        let mut failures = Vec::new();
        for (object, answer) in answers {
            match answer {
                Ok(one) => done.push(one),
                Err(fault) => failures.push(refused(phase, object, &fault)),
            }
        }
        if !failures.is_empty() {
            return Err(failures);
        }
    }
    Ok(done)
}

async fn apply_one(
    cluster: &Cluster,
    live: &Live,
    object: &Object,
    phase: Phase,
    events: &Events,
) -> Result<Done, Fault> {
    let before = live.get(&object.id);
    // A Job's template cannot change, and its name holds its hash: the one that is there is the same.
    if let Some(job) = before.filter(|_| object.id.kind == "Job") {
        return Ok(tell(phase, object, Some(job), job.clone(), events));
    }
    let applied = cluster.apply(object, false).await?;
    if !applied.taken.is_empty() {
        let fields = applied.taken.join("; ");
        events.notice(Some(phase), format!("{}: took back what others had set: {fields}", object.id));
    }
    Ok(tell(phase, object, before, applied.value, events))
}

fn tell(phase: Phase, object: &Object, before: Option<&Value>, after: Value, events: &Events) -> Done {
    let change = match before {
        None => Change::Created,
        Some(before) if differs(before, &after) => Change::Changed,
        Some(_) => Change::Unchanged,
    };
    events.emit(Event::Applied { phase, object: object.id.to_string(), change });
    let changed = before.is_none_or(|before| identity(before) != identity(&after));
    Done { change, target: seen::written(object, &after, changed), value: after }
}

/// An object that the server would not take.
fn refused(phase: Phase, object: &Object, fault: &Fault) -> Diagnosis {
    let mut message = format!("{} ({})", fault, object.source);
    if fault.is_denied() && matches!(object.id.kind.as_str(), "Role" | "RoleBinding") {
        message.push_str(
            "; nobody may grant more rights than they have: name an existing ServiceAccount or kubeconfig Secret in `clients`",
        );
    }
    Diagnosis::new(phase, object.id.to_string(), "ApplyFailed", message)
}
