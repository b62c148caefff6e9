//! What a deploy would change, object by object: a function from what the API server answered to a dry run of each.
//!
//! Both sides of a difference are answers of the server, so what it fills in is on both and no difference.

mod noise;
mod restarts;
mod secrets;
mod unified;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::cluster::is_owned;
use crate::pipeline::{Change, Deletion, Prepared, Survey, deletions, left_over};
use crate::render::{Object, Phase, insert, read_by, unstamp};

pub use restarts::Restart;

/// What a deploy would change.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Comparison {
    /// Things to know beside it.
    pub notices: Vec<String>,
    /// What would be written or deleted, in the order of the phases.
    pub objects: Vec<Difference>,
    /// How many objects stay as they are.
    pub unchanged: usize,
    /// What the server would not take, and why.
    pub refused: Vec<String>,
}

/// What would become of one object.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Kind and name.
    pub object: String,
    /// Its phase; None for what no phase of this deploy has.
    pub phase: Option<Phase>,
    /// The manifest it comes from; None for what goes.
    pub source: Option<String>,
    /// What is done.
    pub change: Kind,
    /// Why, where the lines do not say so.
    pub why: Option<String>,
    /// Which of its pods restart.
    pub restarts: Restart,
    /// A unified diff, secrets masked.
    pub lines: Vec<String>,
}

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It is new.
    Created,
    /// It is changed in place.
    Changed,
    /// It is deleted, and made anew under the same name.
    Recreated,
    /// It is deleted.
    Deleted,
}

impl Comparison {
    /// Compares what was prepared with what the server answered; `refused` is what it would not take.
    pub fn of(prepared: &Prepared, survey: &Survey, refused: Vec<String>, prunes: bool) -> Self {
        let mut comparison = Self { refused, notices: notices(prepared, prunes), ..Self::default() };
        let written = prepared.all_objects().filter(|(_, object)| survey.of(&object.id) != Change::Unchanged);
        let kinds_and_names = written.map(|(_, object)| (object.id.kind.clone(), object.id.name.clone()));
        let written: BTreeSet<(String, String)> = kinds_and_names.collect();
        for (phase, object) in prepared.all_objects() {
            let live = prepared.live.get(&object.id);
            let difference = match (survey.of(&object.id), live) {
                (Change::Unchanged, _) => None,
                (Change::Created, Some(_)) => Some(recreated(phase, object)),
                (_, None) => Some(created(phase, object)),
                (_, Some(live)) => survey.after(&object.id).map(|after| changed(phase, object, live, after, &written)),
            };
            comparison.objects.extend(difference);
        }
        let seen = comparison.objects.len() + comparison.refused.len();
        comparison.unchanged = prepared.all_objects().count().saturating_sub(seen);
        comparison.objects.extend(deletions(prepared, survey, prunes).into_iter().map(deleted));
        comparison
    }

    /// Whether a deploy would change anything.
    pub fn is_change(&self) -> bool {
        !self.objects.is_empty()
    }

    /// How many objects something is done to.
    pub fn count(&self, kind: Kind) -> usize {
        self.objects.iter().filter(|difference| difference.change == kind).count()
    }

    /// The names of the workloads whose pods restart, all or some of them.
    pub fn restarting(&self) -> Vec<&str> {
        let restarting = self.objects.iter().filter(|difference| difference.restarts.is_restart());
        restarting.map(|difference| difference.object.split(' ').next_back().unwrap_or_default()).collect()
    }
}

/// What people should know of a deploy that changes this.
fn notices(prepared: &Prepared, prunes: bool) -> Vec<String> {
    let mut notices = prepared.notices.clone();
    if !prepared.namespace_exists {
        let namespace = prepared.cluster.namespace();
        notices.push(format!("namespace {namespace} does not exist yet: the server was not asked, and all is new"));
    }
    let skipped =
        prepared.skipped.iter().filter(|(phase, _)| prepared.phases_asked_for().any(|asked| asked == **phase));
    notices.extend(skipped.map(|(phase, why)| format!("phase {} {} is skipped: {why}", phase.number(), phase.name())));
    notices.extend(left_over(prepared, prunes));
    notices
}

/// A new object is shown as it was rendered: what the server fills in is noise.
fn created(phase: Phase, object: &Object) -> Difference {
    let mut after = with_initial(object, &object.value, |_| true);
    unstamp(&mut after);
    secrets::mask(None, Some(&mut after));
    let lines = unified::lines("", &unified::yaml(&noise::without(&after)));
    difference(phase, object, Kind::Created, lines)
}

/// A Job that failed: nothing of it changes, for its name holds the hash of its template.
fn recreated(phase: Phase, object: &Object) -> Difference {
    let why = Some("it failed, and is deleted and run again".to_owned());
    Difference { why, ..difference(phase, object, Kind::Recreated, Vec::new()) }
}

fn changed(
    phase: Phase,
    object: &Object,
    live: &Value,
    after: &Value,
    written: &BTreeSet<(String, String)>,
) -> Difference {
    let restarts = restarts::of(&object.id.kind, live, after);
    let [mut before, mut after] = [live.clone(), with_initial(object, after, |pointer| !is_owned(after, pointer))];
    let is_config = unstamp(&mut before) != unstamp(&mut after);
    let template = object.pod_template().filter(|_| is_config);
    let read = template.map(read_by).unwrap_or_default();
    let named: Vec<String> = read.intersection(written).map(|(kind, name)| format!("{kind} {name}")).collect();
    let why = is_config.then(|| match named.is_empty() {
        true => "what it reads has changed since it was deployed".to_owned(),
        false => format!("it reads {}", named.join(", ")),
    });
    secrets::mask(Some(&mut before), Some(&mut after));
    let [before, after] = [before, after].map(|side| unified::yaml(&noise::without(&side)));
    Difference { why, restarts, ..difference(phase, object, Kind::Changed, unified::lines(&before, &after)) }
}

fn deleted(Deletion { id, why, .. }: Deletion) -> Difference {
    Difference {
        object: id.to_string(),
        phase: None,
        source: None,
        change: Kind::Deleted,
        why: Some(why),
        restarts: Restart::None,
        lines: Vec::new(),
    }
}

fn difference(phase: Phase, object: &Object, change: Kind, lines: Vec<String>) -> Difference {
    Difference {
        object: object.id.to_string(),
        phase: Some(phase),
        source: Some(object.source.clone()),
        change,
        why: None,
        restarts: Restart::None,
        lines,
    }
}

/// An object with those of its initial fields that are written.
fn with_initial(object: &Object, value: &Value, is_written: impl Fn(&str) -> bool) -> Value {
    let mut value = value.clone();
    for field in object.initial.iter().filter(|field| is_written(&field.pointer)) {
        insert(&mut value, &field.pointer, &field.value);
    }
    value
}
