//! What a deploy would change, before anything is written: an unchanged deploy writes nothing, and what the server refuses
//! is known before the first phase. The server is asked about every object that is not there as it was applied last.

use std::collections::BTreeMap;

use futures::StreamExt;

use serde_json::Value;

use super::{Change, Prepared, Refused, seen};
use crate::cluster::Fault;
use crate::readiness::{Memory, Readiness, assess, way_round};
use crate::render::{Object, ObjectId};

const CONCURRENCY: usize = 8;

/// What would become of one object.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What an apply would do.
    pub change: Change,
    /// The object as the server would have it, less initial fields; None where nothing would be written, or the server
    /// was not asked.
    pub after: Option<Value>,
}

/// What would become of every object of the phases that run.
#[derive(Clone, Debug, Default)]
pub struct Survey(BTreeMap<ObjectId, Answer>);

impl Survey {
    /// What would become of one; nothing for one that was not asked about.
    pub fn of(&self, id: &ObjectId) -> Change {
        self.0.get(id).map_or(Change::Unchanged, |answer| answer.change)
    }

    /// An object that would be written, as the server would have it.
    pub fn after(&self, id: &ObjectId) -> Option<&Value> {
        self.0.get(id)?.after.as_ref()
    }

    /// Whether anything would be written.
    pub fn is_change(&self) -> bool {
        self.0.values().any(|answer| answer.change != Change::Unchanged)
    }
}

/// Asks about every object of the phases that run.
///
/// # Errors
/// Every object that the server would not take, with a remedy where there is one.
pub async fn survey(prepared: &Prepared) -> Result<Survey, Refused> {
    match ask(prepared).await {
        (survey, refused) if refused.is_empty() => Ok(survey),
        (_, refused) => Err(Refused::Because(refused)),
    }
}

/// The same for whoever wants to know of the others when the server would not take some: what would become of those, and
/// why these are refused.
pub async fn ask(prepared: &Prepared) -> (Survey, Vec<String>) {
    let mut survey = Survey::default();
    let mut reasons = Vec::new();
    for (object, answer) in of_objects(prepared, prepared.all_objects().map(|(_, object)| object)).await {
        match answer {
            Ok(answer) => drop(survey.0.insert(object.id.clone(), answer)),
            Err(fault) => reasons.push(refused(object, &fault)),
        }
    }
    (survey, reasons)
}

/// Asks about these objects.
pub async fn of_objects<'a>(
    prepared: &Prepared,
    objects: impl IntoIterator<Item = &'a Object>,
) -> Vec<(&'a Object, Result<Answer, Fault>)> {
    futures::stream::iter(objects)
        .map(|object| async move { (object, of_object(prepared, object).await) })
        .buffered(CONCURRENCY)
        .collect()
        .await
}

async fn of_object(prepared: &Prepared, object: &Object) -> Result<Answer, Fault> {
    if !prepared.namespace_exists {
        return Ok(Answer { change: Change::Created, after: None });
    }
    let Some(live) = prepared.live.get(&object.id) else {
        let after = match prepared.cluster.apply(object, true).await {
            // KEDA's webhook refuses a second autoscaler beside one that is there now and gone by then
            // (https://keda.sh/docs/latest/concepts/admission-webhooks/).
            Err(fault) if fault.is_denied() && prepared.rivals_of(&object.id).next().is_some() => None,
            answer => Some(answer?.value),
        };
        return Ok(Answer { change: Change::Created, after });
    };
    if object.id.kind == "Job" {
        // Its template cannot change, and its name holds its hash: the one that is there is the same. One that
        // failed is made again.
        let change = if has_failed(object, live) { Change::Created } else { Change::Unchanged };
        return Ok(Answer { change, after: None });
    }
    let missing = object.initial.iter().any(|field| live.pointer(&field.pointer).is_none());
    let after = prepared.cluster.would_become(object, live).await?.or_else(|| missing.then(|| live.clone()));
    let change = if after.is_some() { Change::Changed } else { Change::Unchanged };
    Ok(Answer { change, after })
}

fn has_failed(object: &Object, live: &Value) -> bool {
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
