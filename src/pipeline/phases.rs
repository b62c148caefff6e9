//! The eight phases, one after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::apply::{Done, Gate, NotApplied, apply_all};
use super::heard::Heard;
use super::record::Record;
use super::seen;
use super::survey::Survey;
use super::vacate::{gone, why_still_there};
use super::wait::{Waited, wait};
use super::{Change, Diagnosis, Event, Events, Options, Outcome, PhaseSummary, Prepared, Rival};
use crate::cluster::{Clock, Watch, evidence};
use crate::logs::Workload;
use crate::readiness::{Failure, Kind, Memory, Readiness, Target, World, assess, hpa_warning};
use crate::render::{Object, Phase};

/// The eight phases of one deploy.
pub struct Phases<'a> {
    prepared: &'a Prepared,
    survey: &'a Survey,
    record: Option<&'a mut Record>,
    options: &'a Options,
    events: &'a Events,
    clock: Clock,
    watch: Option<Watch>,
    /// Something was waited for.
    has_waited: bool,
    heard: Heard,
    memory: Memory,
    /// The autoscalers as they were applied.
    autoscalers: BTreeMap<String, serde_json::Value>,
}

/// How the phases went.
pub struct Run {
    /// Every phase.
    pub summaries: Vec<PhaseSummary>,
    /// What failed; None where all are done.
    pub failed: Option<String>,
    /// Where it failed, or the last one.
    pub phase: Phase,
    /// It was told to stop.
    pub interrupted: bool,
}

impl Run {
    /// A run of which nothing more can be said.
    pub fn nothing(phase: Phase) -> Self {
        Self { summaries: Vec::new(), failed: None, phase, interrupted: false }
    }
}

/// How a phase ended, with what people need to know.
struct Ended {
    outcome: Outcome,
    reason: Option<String>,
    done: Vec<Done>,
}

impl Ended {
    fn failed(outcome: Outcome, reason: String, done: Vec<Done>) -> Self {
        Self { outcome, reason: Some(reason), done }
    }
}

impl<'a> Phases<'a> {
    /// The phases of what was prepared. Without a record nothing is written.
    pub fn new(
        prepared: &'a Prepared,
        survey: &'a Survey,
        record: Option<&'a mut Record>,
        options: &'a Options,
        clock: Clock,
        events: &'a Events,
    ) -> Self {
        let (memory, heard, autoscalers) = (Memory::default(), Heard::new(prepared, clock), BTreeMap::new());
        let (watch, has_waited) = (None, false);
        Self { prepared, survey, record, options, events, clock, watch, has_waited, heard, memory, autoscalers }
    }

    /// Runs them, until one fails.
    pub async fn run(mut self) -> Run {
        let mut run = Run::nothing(Phase::Config);
        // What is said from now on is told, so it has to be known what was said before.
        if self.record.is_some() && self.will_wait() {
            self.start_watch();
        }
        for phase in self.prepared.phases_asked_for() {
            let began = self.clock.elapsed();
            let ended = match (&run.failed, self.prepared.skipped.get(&phase).cloned()) {
                (Some(_), _) => Ended { outcome: Outcome::NotReached, reason: None, done: Vec::new() },
                (None, _) if self.options.stop.is_told() => {
                    let (outcome, reason) = interrupted();
                    Ended::failed(outcome, reason, Vec::new())
                }
                (None, Some(reason)) => Ended { outcome: Outcome::Skipped, reason: Some(reason), done: Vec::new() },
                (None, None) => self.phase(phase, began).await,
            };
            if let Some(how) = ended.outcome.failure() {
                run.failed = Some(format!("phase {} {} {how}", phase.number(), phase.title()));
                run.phase = phase;
                run.interrupted = ended.outcome == Outcome::Interrupted;
            }
            let summary = summary(phase, &ended, self.clock.elapsed() - began);
            if ended.outcome != Outcome::NotReached {
                self.events.emit(Event::PhaseFinished(summary.clone()));
            }
            run.summaries.push(summary);
        }
        self.warn_about_autoscalers();
        run
    }

    /// Whether an object will be written that takes time to be ready.
    fn will_wait(&self) -> bool {
        let mut objects = self.prepared.phases().flat_map(|phase| self.prepared.objects(phase));
        objects.any(|object| {
            let takes_time = Kind::of(&object.id.api_version, &object.id.kind).is_some();
            takes_time && self.survey.of(&object.id) != Change::Unchanged
        })
    }

    async fn phase(&mut self, phase: Phase, began: Duration) -> Ended {
        let prepared = self.prepared;
        let objects = prepared.objects(phase);
        let deadline = (began + phase.timeout()).min(self.options.timeout);
        self.events.emit(Event::PhaseStarted {
            phase,
            objects: objects.len(),
            timeout_seconds: deadline.saturating_sub(began).as_secs(),
        });
        let mut done = Vec::new();
        let ended = match self.stages(phase, &objects, deadline, &mut done).await {
            Ok(()) => (Outcome::Done, None),
            Err((outcome, reason)) => (outcome, Some(reason)),
        };
        if let Some(record) = &mut self.record
            && let Err(fault) = record.wrote(&objects, &done).await
        {
            return Ended::failed(Outcome::Failed, format!("the record cannot be written: {fault}"), done);
        }
        Ended { outcome: ended.0, reason: ended.1, done }
    }

    async fn stages(
        &mut self,
        phase: Phase,
        objects: &[&Object],
        deadline: Duration,
        done: &mut Vec<Done>,
    ) -> Result<(), (Outcome, String)> {
        if let Some(record) = &mut self.record {
            let intended = record.intend(phase, objects, self.survey, &self.prepared.rivals).await;
            intended.map_err(|fault| (Outcome::Failed, format!("the record cannot be written: {fault}")))?;
        }
        let (first, after): (Vec<&Object>, Vec<&Object>) = objects.iter().partition(|object| object.after.is_none());
        for stage in [first, after].iter().filter(|stage| !stage.is_empty()) {
            self.stage(phase, stage, deadline, done).await?;
        }
        Ok(())
    }

    /// Applies some objects of a phase and waits for them.
    async fn stage(
        &mut self,
        phase: Phase,
        objects: &[&Object],
        deadline: Duration,
        done: &mut Vec<Done>,
    ) -> Result<(), (Outcome, String)> {
        let until = self.clock.at(deadline);
        let cleared = tokio::time::timeout_at(until, self.clear_failed_jobs(phase, objects)).await;
        cleared.map_err(|_| (Outcome::TimedOut, "time ran out while a failed Job was being deleted".to_owned()))??;
        self.make_way(phase, objects, until).await?;
        if let Some(watch) = &self.watch {
            self.heard.begin(watch);
        }
        let gate = Gate { until, stop: &self.options.stop };
        let (applied, ended) = apply_all(self.prepared, self.survey, phase, objects, gate, self.events).await;
        for one in &applied {
            if one.value["kind"] == "HorizontalPodAutoscaler" {
                let name = one.value["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                self.autoscalers.insert(name, one.value.clone());
            }
        }
        let targets: Vec<Target> = applied.iter().filter_map(|one| one.target.clone()).collect();
        let answered = seen::world(applied.iter().map(|one| &one.value));
        let jobs: Vec<Workload> = applied.iter().filter(|one| is_under_way(one, &answered)).filter_map(job).collect();
        done.extend(applied);
        match ended {
            Ok(()) => {}
            Err(NotApplied::Interrupted) => return Err(interrupted()),
            Err(NotApplied::OutOfTime) => {
                return Err((Outcome::TimedOut, "time ran out while objects were being applied".to_owned()));
            }
            Err(NotApplied::Refused(failures)) => {
                let words = failures.iter().map(|one| format!("{}: {}", one.object, one.message));
                let reason = words.collect::<Vec<_>>().join("; ");
                failures.into_iter().for_each(|one| self.events.emit(Event::Diagnosis(Box::new(one))));
                return Err((Outcome::Failed, reason));
            }
        }
        // What was read before this deploy changed anything says little of now.
        if self.has_waited || !all_ready(&targets, &answered) {
            self.wait_for(phase, &targets, jobs, deadline).await?;
        }
        Ok(())
    }

    async fn wait_for(
        &mut self,
        phase: Phase,
        targets: &[Target],
        jobs: Vec<Workload>,
        deadline: Duration,
    ) -> Result<(), (Outcome, String)> {
        let (clock, events) = (self.clock, self.events);
        self.start_watch();
        self.has_waited = true;
        let Some(watch) = &self.watch else { return Ok(()) };
        jobs.into_iter().for_each(|job| self.heard.follow(phase, job, events));
        let waited = tokio::select! {
            biased;
            () = self.options.stop.told() => return Err(interrupted()),
            waited = wait(phase, targets, watch, &mut self.memory, clock, deadline, events) => waited,
            never = self.heard.listen(phase, watch, events) => match never {},
        };
        self.heard.end(phase, watch, events).await;
        match waited {
            Waited::Ready => Ok(()),
            Waited::Failed(failures) => {
                let reason =
                    failures.iter().map(|(target, failure)| format!("{target}: {failure}")).collect::<Vec<_>>();
                for (target, failure) in &failures {
                    self.diagnose(phase, target, Some(failure), None).await;
                }
                Err((Outcome::Failed, reason.join("; ")))
            }
            Waited::TimedOut(unready) => {
                let reason =
                    unready.iter().map(|(target, progress)| format!("{target}: {}", progress.why)).collect::<Vec<_>>();
                for (target, progress) in &unready {
                    self.diagnose(phase, target, None, Some(&progress.why)).await;
                }
                Err((Outcome::TimedOut, reason.join("; ")))
            }
        }
    }

    fn start_watch(&mut self) {
        let (cluster, plan) = (&self.prepared.cluster, &self.prepared.request.plan);
        let (client, namespace) = (cluster.client(), cluster.namespace());
        let is_keda = plan.objects().any(|(_, object)| object.id.kind == "ScaledObject");
        self.watch.get_or_insert_with(|| match Watch::start(client, namespace) {
            watch if is_keda => watch.with_scaled_objects(client, namespace),
            watch => watch,
        });
    }

    /// A Job that failed under the same hash is shown, deleted and created again (RULES.md T14).
    async fn clear_failed_jobs(&mut self, phase: Phase, objects: &[&Object]) -> Result<(), (Outcome, String)> {
        for object in objects.iter().filter(|object| object.id.kind == "Job") {
            let Some(job) = self.prepared.live.get(&object.id).cloned() else { continue };
            let Some(target) = seen::target(object, &job) else { continue };
            let world = seen::world([&job]);
            let Readiness::Failed(failure) = assess(&target, &world, &mut Memory::default(), Duration::ZERO) else {
                continue;
            };
            self.start_watch();
            while !self.watch.as_ref().is_none_or(Watch::is_complete) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            self.diagnose(phase, &target, Some(&failure), None).await;
            self.events
                .notice(Some(phase), format!("{} failed in an earlier deploy; it is deleted and run again", object.id));
            let deleted = self.prepared.cluster.delete(&object.id, &target.write.uid).await;
            deleted.map_err(|fault| {
                (Outcome::Failed, format!("{}: the failed one cannot be deleted: {fault}", object.id))
            })?;
        }
        Ok(())
    }

    /// Deletes the autoscalers that would steer what an object of this phase is about to, and sees them gone.
    async fn make_way(&self, phase: Phase, objects: &[&Object], until: Instant) -> Result<(), (Outcome, String)> {
        let (cluster, stop) = (&self.prepared.cluster, &self.options.stop);
        for rival in objects.iter().flat_map(|object| self.prepared.rivals_of(&object.id)) {
            if stop.is_told() {
                return Err(interrupted());
            }
            let Rival { id, uid, .. } = rival;
            self.events.notice(Some(phase), format!("{id} is deleted: {}", rival.why()));
            let cannot = |fault| (Outcome::Failed, format!("{id} cannot be deleted: {fault}"));
            cluster.begin_delete(id, uid).await.map_err(cannot)?;
            let gone = tokio::select! {
                biased;
                () = stop.told() => return Err(interrupted()),
                gone = tokio::time::timeout_at(until, gone(cluster, id, uid)) => gone,
            };
            match gone {
                Ok(gone) => gone.map_err(|fault| (Outcome::Failed, format!("{id} cannot be seen to go: {fault}")))?,
                Err(_) => {
                    let why = why_still_there(cluster, id).await;
                    let diagnosis = Diagnosis::new(phase, id.to_string(), "NotGone", why.clone());
                    self.events.emit(Event::Diagnosis(Box::new(diagnosis)));
                    return Err((Outcome::TimedOut, why));
                }
            }
            self.events.emit(Event::Deleted { object: id.to_string() });
        }
        Ok(())
    }

    async fn diagnose(&self, phase: Phase, target: &Target, failure: Option<&Failure>, why: Option<&str>) {
        let world = self.watch.as_ref().map_or_else(World::default, Watch::world);
        let evidence = evidence(&self.prepared.cluster, target, &world, failure).await;
        self.events.emit(Event::Diagnosis(Box::new(Diagnosis {
            phase,
            object: target.to_string(),
            reason: failure.map_or_else(|| "TimedOut".to_owned(), |failure| failure.reason.to_string()),
            message: failure.map_or_else(|| why.unwrap_or_default().to_owned(), |failure| failure.message.clone()),
            pod: evidence.pod,
            container: evidence.container,
            image: evidence.image,
            events: evidence.events,
            log: evidence.log,
        })));
    }

    fn warn_about_autoscalers(&self) {
        for (name, autoscaler) in &self.autoscalers {
            let created = autoscaler["metadata"]["creationTimestamp"].as_str().and_then(|time| time.parse().ok());
            let age = created.map_or(Duration::ZERO, |created| self.clock.age(created));
            if let Some(warning) = hpa_warning(autoscaler, age) {
                self.events.notice(Some(Phase::Availability), format!("HorizontalPodAutoscaler {name}: {warning}"));
            }
        }
    }
}

/// A Job, as what writes a log.
fn job(done: &Done) -> Option<Workload> {
    Workload::of(&done.value).ok().filter(|workload| workload.kind == "Job")
}

/// Whether an object is not ready by the answer of its apply.
fn is_under_way(done: &Done, answered: &World) -> bool {
    done.target.as_ref().is_some_and(|target| !all_ready(std::slice::from_ref(target), answered))
}

fn interrupted() -> (Outcome, String) {
    (Outcome::Interrupted, "it was told to stop".to_owned())
}

/// Whether the answers of the applies alone show that everything is ready: an unchanged deploy needs no
/// watch.
fn all_ready(targets: &[Target], answered: &World) -> bool {
    let mut memory = Memory::default();
    targets.iter().all(|target| assess(target, answered, &mut memory, Duration::ZERO) == Readiness::Ready)
}

fn summary(phase: Phase, ended: &Ended, took: Duration) -> PhaseSummary {
    let count = |change| ended.done.iter().filter(|one| one.change == change).count();
    PhaseSummary {
        phase,
        outcome: ended.outcome,
        reason: ended.reason.clone(),
        seconds: took.as_secs_f64(),
        created: count(Change::Created),
        changed: count(Change::Changed),
        unchanged: count(Change::Unchanged),
    }
}
