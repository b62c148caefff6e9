//! The record of the release that is under way.

use std::time::Duration;

use super::apply::Done;
use super::autoscalers::DELETED;
use super::persist::persist;
use super::preconditions::{identity, is_ours};
use super::survey::Survey;
use super::{Change, Options, PhaseSummary, Prepared, Rival, seen};
use crate::cluster::{Clock, Cluster, Fault, next_release};
use crate::readiness::{Memory, Readiness, assess};
use crate::release::{
    Action, Before, Intent, Journal, PhaseEntry, Rendered, Snapshot, State, Written, applied_by, content, kept,
    since_reset,
};
use crate::render::{MANAGED_BY, Object, Phase, Plan};

/// A release that is under way: what it set out to do, and how far it is.
pub struct Record {
    cluster: Cluster,
    journal: Journal,
    snapshot: Snapshot,
}

impl Record {
    /// Writes what is there before the first change, and what is intended.
    ///
    /// # Errors
    /// When it cannot be written; then nothing may be changed.
    pub async fn begin(prepared: &Prepared, survey: &Survey, options: &Options, clock: &Clock) -> Result<Self, Fault> {
        let rendered = rendered(prepared);
        let journal = Journal { content: content(&rendered), ..blank(prepared, options, clock) };
        let snapshot = Snapshot { is_first: is_first(prepared), before: before(prepared, survey, options), rendered };
        let cluster = prepared.cluster.clone();
        persist(async || cluster.begin_record(&journal, &snapshot).await).await?;
        Ok(Self { cluster, journal, snapshot })
    }

    /// The release's number.
    pub fn release(&self) -> u64 {
        self.journal.release
    }

    /// What is known of it so far.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// What was there before.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Notes which writes and deletions a phase is about to make; nothing where it makes none.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn intend(
        &mut self,
        phase: Phase,
        objects: &[&Object],
        survey: &Survey,
        rivals: &[Rival],
    ) -> Result<(), Fault> {
        let changes = objects.iter().map(|object| (object, survey.of(&object.id)));
        let writes = changes.filter(|(_, change)| *change != Change::Unchanged).map(|(object, change)| Intent {
            phase,
            id: object.id.clone(),
            change: change.word().to_owned(),
        });
        let going = rivals.iter().filter(|rival| rival.phase == phase);
        let going = going.map(|rival| Intent { phase, id: rival.id.clone(), change: DELETED.to_owned() });
        let intents: Vec<Intent> = going.chain(writes).collect();
        if intents.is_empty() {
            return Ok(());
        }
        self.journal.intended.extend(intents);
        self.write().await
    }

    /// Notes what a phase's writes left behind.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn wrote(&mut self, objects: &[&Object], done: &[Done]) -> Result<(), Fault> {
        let mut is_news = false;
        for one in done {
            let (uid, generation) = identity(&one.value);
            let is = |object: &&&Object| {
                one.value["kind"] == object.id.kind.as_str() && one.value["metadata"]["name"] == object.id.name.as_str()
            };
            let Some(object) = objects.iter().find(is) else { continue };
            self.journal.objects.insert(object.id.to_string(), uid.clone());
            if one.change != Change::Unchanged {
                is_news = true;
                self.journal.written.push(Written { id: object.id.clone(), uid, generation });
            }
        }
        if is_news { self.write().await } else { Ok(()) }
    }

    /// Notes how it ended.
    ///
    /// # Errors
    /// When it cannot be written; then the next run takes it for one that was broken off.
    pub async fn end(
        &mut self,
        state: State,
        phases: &[PhaseSummary],
        message: &str,
        clock: &Clock,
    ) -> Result<(), Fault> {
        let entry = |summary: &PhaseSummary| PhaseEntry {
            phase: summary.phase,
            outcome: summary.outcome.word().to_owned(),
            seconds: (summary.seconds * 1000.0).round() / 1000.0,
        };
        self.journal.phases = phases.iter().map(entry).collect();
        self.journal.state = state;
        self.journal.finished = Some(clock.now());
        self.journal.message = Some(message.to_owned());
        self.write().await
    }

    async fn write(&self) -> Result<(), Fault> {
        persist(async || self.cluster.write_journal(&self.journal).await).await
    }
}

/// The journal of the release that begins now. A rollback brings back what that release was.
pub fn blank(prepared: &Prepared, options: &Options, clock: &Clock) -> Journal {
    let environment = &prepared.request.environment;
    let named = environment.values.images.iter().map(|(name, image)| (name.clone(), image.reference()));
    let then = match options.action {
        Action::Rollback { to } => prepared.journals.iter().find(|journal| journal.release == to),
        Action::Deploy | Action::Reset => None,
    };
    let release = next_release(&prepared.live);
    Journal {
        environment: environment.name.clone(),
        commit: then.map_or_else(|| options.commit.clone(), |then| then.commit.clone()),
        images: then.map_or_else(|| named.collect(), |then| then.images.clone()),
        ..Journal::new(release, options.action, clock.now(), options.author.clone())
    }
}

/// What this release is: what the phases that run apply, and what was applied before by those that do not.
fn rendered(prepared: &Prepared) -> Vec<Rendered> {
    let phases: Vec<Phase> = prepared.phases().collect();
    // What was set aside as well: which autoscaler is used is settled anew by a rollback to this release.
    let mut rendered = Snapshot::rendered(&prepared.request.plan.whole());
    rendered.retain_mut(|one| {
        if phases.contains(&one.phase) {
            return true;
        }
        let applied = prepared.live.get(&one.id).and_then(|live| applied_by(live, MANAGED_BY));
        applied.map(|applied| one.value = applied).is_some()
    });
    rendered
}

/// Whether there is nothing that could be gone back to: no release succeeded since the last reset, if there was one, and
/// where none was even tried, there is no Deployment (RULES.md T9). Deployments that are being taken over can be gone
/// back to, however often that is tried.
fn is_first(prepared: &Prepared) -> bool {
    let mut releases = since_reset(&prepared.journals).peekable();
    let were_tried = releases.peek().is_some();
    let has_succeeded = releases.any(|journal| journal.state == State::Succeeded);
    let mut living = deployments(&prepared.request.plan).filter_map(|object| prepared.live.get(&object.id));
    let is_there = match were_tried {
        false => living.next().is_some(),
        true => living.any(|live| !is_ours(live)),
    };
    !has_succeeded && !is_there
}

fn deployments(plan: &Plan) -> impl Iterator<Item = &Object> {
    plan.objects().map(|(_, object)| object).filter(|object| object.id.kind == "Deployment")
}

/// Every object that is about to be touched, as it is; where a release that was broken off is resumed, as it was before
/// that one.
fn before(prepared: &Prepared, survey: &Survey, options: &Options) -> Vec<Before> {
    let mut before = options.carried.clone();
    for (phase, object) in prepared.request.plan.objects() {
        let is_known = before.iter().any(|known| known.id == object.id);
        if is_known || !object.namespaced() || survey.of(&object.id) == Change::Unchanged {
            continue;
        }
        let live = prepared.live.get(&object.id);
        let healthy = live.filter(|_| object.id.kind == "Deployment").map(|live| is_healthy(object, live));
        before.push(Before { phase, id: object.id.clone(), live: live.map(kept), healthy, displaced: false });
    }
    for rival in prepared.rivals.iter().filter(|rival| rival.is_applied) {
        match before.iter_mut().find(|known| known.id == rival.id) {
            Some(known) => known.displaced = true,
            None => before.push(Before {
                phase: rival.phase,
                id: rival.id.clone(),
                live: prepared.live.get(&rival.id).map(kept),
                healthy: None,
                displaced: true,
            }),
        }
    }
    before
}

fn is_healthy(object: &Object, live: &serde_json::Value) -> bool {
    let world = seen::world([live]);
    let ready = |target| assess(&target, &world, &mut Memory::default(), Duration::ZERO) == Readiness::Ready;
    seen::target(object, live).is_some_and(ready)
}
