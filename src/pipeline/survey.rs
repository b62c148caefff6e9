//! What a deploy would change, asked of the server object by object before anything is written: an unchanged deploy
//! writes nothing, and what the server refuses is known before the first phase.

use std::collections::BTreeMap;

use futures::StreamExt;

use super::preconditions::would_differ;
use super::{Change, Prepared, Refused};
use crate::cluster::Fault;
use crate::readiness::{Memory, Readiness, assess, way_round};
use crate::render::{Object, ObjectId, Phase};

use super::seen;

const CONCURRENCY: usize = 8;

/// What would become of every object of the phases that run.
#[derive(Clone, Debug, Default)]
pub struct Survey(BTreeMap<ObjectId, Change>);

impl Survey {
    /// What would become of one; nothing for one that was not asked about.
    pub fn of(&self, id: &ObjectId) -> Change {
        self.0.get(id).copied().unwrap_or(Change::Unchanged)
    }

    /// Whether anything would be written.
    pub fn is_change(&self) -> bool {
        self.0.values().any(|change| *change != Change::Unchanged)
    }
}

/// Asks about every object of the phases that run.
///
/// # Errors
/// Every object that the server would not take, with a remedy where there is one.
pub async fn survey(prepared: &Prepared) -> Result<Survey, Refused> {
    let mut survey = Survey::default();
    let mut reasons = Vec::new();
    for phase in prepared.phases() {
        for (object, answer) in of_phase(prepared, phase).await {
            match answer {
                Ok(change) => drop(survey.0.insert(object.id.clone(), change)),
                Err(fault) => reasons.push(refused(object, &fault)),
            }
        }
    }
    if reasons.is_empty() { Ok(survey) } else { Err(Refused::Because(reasons)) }
}

/// Asks about every object of one phase.
pub async fn of_phase(prepared: &Prepared, phase: Phase) -> Vec<(&Object, Result<Change, Fault>)> {
    futures::stream::iter(prepared.objects(phase))
        .map(|object| async move { (object, of_object(prepared, object).await) })
        .buffered(CONCURRENCY)
        .collect()
        .await
}

async fn of_object(prepared: &Prepared, object: &Object) -> Result<Change, Fault> {
    if !prepared.namespace_exists {
        return Ok(Change::Created);
    }
    let Some(live) = prepared.live.get(&object.id) else {
        match prepared.cluster.apply(object, true).await {
            // KEDA's webhook refuses a second autoscaler beside one that is there now and gone by then
            // (https://keda.sh/docs/latest/concepts/admission-webhooks/).
            Err(fault) if fault.is_denied() && prepared.rivals_of(&object.id).next().is_some() => {}
            answer => drop(answer?),
        }
        return Ok(Change::Created);
    };
    if object.id.kind == "Job" {
        // Its template cannot change, and its name holds its hash: the one that is there is the same. One that
        // failed is made again.
        return Ok(if has_failed(object, live) { Change::Created } else { Change::Unchanged });
    }
    let missing = object.initial.iter().any(|field| live.pointer(&field.pointer).is_none());
    let differs = would_differ(&prepared.cluster, object, Some(live)).await?;
    Ok(if missing || differs { Change::Changed } else { Change::Unchanged })
}

fn has_failed(object: &Object, live: &serde_json::Value) -> bool {
    let world = seen::world([live]);
    let ready = |target| assess(&target, &world, &mut Memory::default(), std::time::Duration::ZERO);
    matches!(seen::target(object, live).map(ready), Some(Readiness::Failed(_)))
}

/// An object that the server would not take. 422 on an object that exists is nearly always a field that cannot change.
fn refused(object: &Object, fault: &Fault) -> String {
    let way = way_round(&object.id.kind).filter(|_| fault.code() == Some(422));
    let remedy = way.map_or_else(String::new, |way| format!("; {way}"));
    format!("{}: {fault} ({}){remedy}", object.id, object.source)
}
