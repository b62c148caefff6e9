//! Applies the objects of one phase, wave by wave.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt;
use serde_json::Value;
use tokio::time::Instant;

use super::preconditions::identity;
use super::survey::Survey;
use super::{Change, Diagnosis, Event, Events, Prepared, Stop, seen};
use crate::cluster::{Applied, Fault};
use crate::readiness::Target;
use crate::render::{Object, Phase};

/// Applies in flight at once: enough to hide the network, few enough for a small API server.
const CONCURRENCY: usize = 8;
/// How long an admission webhook may still see what is gone, and how often it is asked again.
const CACHED: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(500);

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

/// When no further write begins.
#[derive(Clone, Copy)]
pub struct Gate<'a> {
    /// Not after this.
    pub until: Instant,
    /// Nor once this was told.
    pub stop: &'a Stop,
}

/// Why not every object was applied.
pub enum NotApplied {
    /// The server would not take some.
    Refused(Vec<Diagnosis>),
    /// Time ran out.
    OutOfTime,
    /// It was told to stop.
    Interrupted,
}

/// Applies those objects that the survey found changed, in waves. Writes that have begun are waited for, whatever
/// happens; an error ends the phase after its wave.
///
/// # Errors
/// Why some were not applied, beside those that were.
pub async fn apply_all(
    prepared: &Prepared,
    survey: &Survey,
    phase: Phase,
    objects: &[&Object],
    gate: Gate<'_>,
    events: &Events,
) -> (Vec<Done>, Result<(), NotApplied>) {
    let mut done = Vec::new();
    let waves: BTreeSet<u8> = objects.iter().map(|object| object.wave()).collect();
    for wave in waves {
        let wave = objects.iter().filter(|object| object.wave() == wave);
        let answers: Vec<_> = futures::stream::iter(wave)
            .map(|object| async move {
                if gate.is_shut() {
                    return (*object, None);
                }
                (*object, Some(apply_one(prepared, survey.of(&object.id), object, phase, gate, events).await))
            })
            .buffered(CONCURRENCY)
            .collect()
            .await;
        let mut failures = Vec::new();
        let mut is_cut_short = false;
        for (object, answer) in answers {
            match answer {
                Some(Ok(one)) => done.push(one),
                Some(Err(fault)) => failures.push(refused(phase, object, &fault)),
                None => is_cut_short = true,
            }
        }
        if !failures.is_empty() {
            return (done, Err(NotApplied::Refused(failures)));
        }
        if is_cut_short {
            let why = if gate.stop.is_told() { NotApplied::Interrupted } else { NotApplied::OutOfTime };
            return (done, Err(why));
        }
    }
    (done, Ok(()))
}

impl Gate<'_> {
    fn is_shut(self) -> bool {
        self.stop.is_told() || Instant::now() >= self.until
    }
}

async fn apply_one(
    prepared: &Prepared,
    change: Change,
    object: &Object,
    phase: Phase,
    gate: Gate<'_>,
    events: &Events,
) -> Result<Done, Fault> {
    let before = prepared.live.get(&object.id);
    let after = match (change, before) {
        (Change::Unchanged, Some(live)) => live.clone(),
        _ => {
            let applied = applied(prepared, object, gate).await?;
            if !applied.taken.is_empty() {
                let fields = applied.taken.join("; ");
                events.notice(Some(phase), format!("{}: took back what others had set: {fields}", object.id));
            }
            applied.value
        }
    };
    events.emit(Event::Applied { phase, object: object.id.to_string(), change });
    let is_new = before.is_none_or(|before| identity(before) != identity(&after));
    Ok(Done { change, target: seen::written(&object.id, &after, is_new), value: after })
}

/// Applies one. An autoscaler whose rival has just gone may be refused for a moment still: KEDA's webhook looks at others
/// through a cache (<https://keda.sh/docs/latest/concepts/admission-webhooks/>).
async fn applied(prepared: &Prepared, object: &Object, gate: Gate<'_>) -> Result<Applied, Fault> {
    let until = gate.until.min(Instant::now() + CACHED);
    loop {
        match prepared.cluster.apply(object, false).await {
            Err(fault) if fault.is_denied() && prepared.rivals_of(&object.id).next().is_some() => {
                if gate.stop.is_told() || Instant::now() >= until {
                    return Err(fault);
                }
                tokio::time::sleep(AGAIN).await;
            }
            answer => return answer,
        }
    }
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
