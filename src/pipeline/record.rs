//! The record of the release that is under way.

use std::time::Duration;

use super::apply::Done;
use super::persist::persist;
use super::preconditions::identity;
use super::survey::Survey;
use super::{Change, Options, PhaseSummary, Prepared, seen};
use crate::cluster::{Clock, Cluster, Fault};
use crate::readiness::{Memory, Readiness, assess};
use crate::release::{Before, Intent, Journal, PhaseEntry, Snapshot, State, Written, content, kept, since_reset};
use crate::render::{Object, Phase, Plan};

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
    pub async fn begin(
        cluster: &Cluster,
        prepared: &Prepared,
        survey: &Survey,
        options: &Options,
        clock: &Clock,
    ) -> Result<Self, Fault> {
        let rendered = Snapshot::rendered(&prepared.request.plan);
        let journal = Journal { content: content(&rendered), ..blank(prepared, options, clock) };
        let snapshot = Snapshot { is_first: is_first(prepared), before: before(prepared, survey, options), rendered };
        persist(async || cluster.begin_record(&journal, &snapshot).await).await?;
        Ok(Self { cluster: cluster.clone(), journal, snapshot })
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

    /// Notes which writes a phase is about to make; nothing where it makes none.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn intend(&mut self, phase: Phase, objects: &[&Object], survey: &Survey) -> Result<(), Fault> {
        let changes = objects.iter().map(|object| (object, survey.of(&object.id)));
        let intents: Vec<Intent> = changes
            .filter(|(_, change)| *change != Change::Unchanged)
            .map(|(object, change)| Intent { phase, id: object.id.clone(), change: change.word().to_owned() })
            .collect();
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

/// The journal of the release that begins now.
pub fn blank(prepared: &Prepared, options: &Options, clock: &Clock) -> Journal {
    let environment = &prepared.request.environment;
    let images = environment.values.images.iter().map(|(name, image)| (name.clone(), image.reference()));
    let release = prepared.journals.last().map_or(1, |last| last.release + 1);
    Journal {
        environment: environment.name.clone(),
        commit: options.commit.clone(),
        images: images.collect(),
        ..Journal::new(release, options.action, clock.now(), options.author.clone())
    }
}

/// Whether there is nothing that could be gone back to: no release succeeded since the last reset, if there was one, and
/// where none was even tried, there is no Deployment (RULES.md T9).
fn is_first(prepared: &Prepared) -> bool {
    let mut releases = since_reset(&prepared.journals).peekable();
    let were_tried = releases.peek().is_some();
    let has_succeeded = releases.any(|journal| journal.state == State::Succeeded);
    let is_new = || deployments(&prepared.request.plan).all(|object| prepared.live.get(&object.id).is_none());
    !has_succeeded && (were_tried || is_new())
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
        before.push(Before { phase, id: object.id.clone(), live: live.map(kept), healthy });
    }
    before
}

fn is_healthy(object: &Object, live: &serde_json::Value) -> bool {
    let world = seen::world([live]);
    let ready = |target| assess(&target, &world, &mut Memory::default(), Duration::ZERO) == Readiness::Ready;
    seen::target(object, live).is_some_and(ready)
}
