//! The eight phases, one after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use super::apply::{Done, apply_all};
use super::seen;
use super::wait::{Waited, wait};
use super::{Change, Diagnosis, Event, Events, Outcome, PhaseSummary, Prepared};
use crate::cluster::{Clock, Watch, evidence};
use crate::readiness::{Failure, Memory, Readiness, Target, World, assess, hpa_warning};
use crate::render::{Object, Phase};

/// Deploys what was prepared; the answer is whether every phase succeeded.
pub async fn deploy(prepared: Prepared, timeout: Duration, events: &Events) -> bool {
    let mut deploy = Deploy {
        prepared,
        events,
        clock: Clock::start(),
        timeout,
        watch: None,
        memory: Memory::default(),
        autoscalers: BTreeMap::new(),
    };
    deploy.run().await
}

struct Deploy<'a> {
    prepared: Prepared,
    events: &'a Events,
    clock: Clock,
    timeout: Duration,
    watch: Option<Watch>,
    memory: Memory,
    /// The autoscalers as they were applied.
    autoscalers: BTreeMap<String, serde_json::Value>,
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

impl Deploy<'_> {
    async fn run(&mut self) -> bool {
        let mut summaries = Vec::new();
        let mut failed: Option<String> = None;
        let phases: Vec<Phase> =
            Phase::ALL.into_iter().filter(|phase| self.prepared.request.selection.includes(*phase)).collect();
        for phase in phases {
            let began = self.clock.elapsed();
            let ended = match (&failed, self.prepared.skipped.get(&phase).cloned()) {
                (Some(_), _) => Ended { outcome: Outcome::NotReached, reason: None, done: Vec::new() },
                (None, Some(reason)) => Ended { outcome: Outcome::Skipped, reason: Some(reason), done: Vec::new() },
                (None, None) => self.phase(phase, began).await,
            };
            if matches!(ended.outcome, Outcome::Failed | Outcome::TimedOut) {
                failed = Some(format!(
                    "phase {} {} {}",
                    phase.number(),
                    phase.title(),
                    if ended.outcome == Outcome::TimedOut { "timed out" } else { "failed" }
                ));
            }
            let summary = summary(phase, &ended, self.clock.elapsed() - began);
            if ended.outcome != Outcome::NotReached {
                self.events.emit(Event::PhaseFinished(summary.clone()));
            }
            summaries.push(summary);
        }
        self.warn_about_autoscalers();
        self.finish(failed, summaries)
    }

    async fn phase(&mut self, phase: Phase, began: Duration) -> Ended {
        let ours = self.prepared.namespace_is_ours;
        let objects: Vec<Object> = self
            .prepared
            .request
            .plan
            .phase(phase)
            .iter()
            .filter(|object| object.namespaced() || ours)
            .cloned()
            .collect();
        let deadline = (began + phase.timeout()).min(self.timeout);
        self.events.emit(Event::PhaseStarted {
            phase,
            objects: objects.len(),
            timeout_seconds: deadline.saturating_sub(began).as_secs(),
        });
        let (first, after): (Vec<&Object>, Vec<&Object>) = objects.iter().partition(|object| object.after.is_none());
        let mut done = Vec::new();
        for stage in [first, after] {
            if stage.is_empty() {
                continue;
            }
            match self.stage(phase, &stage, deadline, &mut done).await {
                Ok(()) => {}
                Err((outcome, reason)) => return Ended::failed(outcome, reason, done),
            }
        }
        Ended { outcome: Outcome::Done, reason: None, done }
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
        let out_of_time = |what: &str| (Outcome::TimedOut, format!("time ran out while {what}"));
        let cleared = tokio::time::timeout_at(until, self.clear_failed_jobs(phase, objects)).await;
        cleared.map_err(|_| out_of_time("a failed Job was being deleted"))??;
        let apply = apply_all(&self.prepared.cluster, &self.prepared.live, phase, objects, self.events);
        let applied =
            tokio::time::timeout_at(until, apply).await.map_err(|_| out_of_time("objects were being applied"))?;
        let applied = applied.map_err(|failures| {
            let reason =
                failures.iter().map(|one| format!("{}: {}", one.object, one.message)).collect::<Vec<_>>().join("; ");
            failures.into_iter().for_each(|one| self.events.emit(Event::Diagnosis(Box::new(one))));
            (Outcome::Failed, reason)
        })?;
        for one in &applied {
            if one.value["kind"] == "HorizontalPodAutoscaler" {
                let name = one.value["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                self.autoscalers.insert(name, one.value.clone());
            }
        }
        let targets: Vec<Target> = applied.iter().filter_map(|one| one.target.clone()).collect();
        let answered = seen::world(applied.iter().map(|one| &one.value));
        done.extend(applied);
        if !all_ready(&targets, &answered) {
            self.wait_for(phase, &targets, deadline).await?;
        }
        Ok(())
    }

    async fn wait_for(
        &mut self,
        phase: Phase,
        targets: &[Target],
        deadline: Duration,
    ) -> Result<(), (Outcome, String)> {
        let (clock, events) = (self.clock, self.events);
        self.start_watch();
        let Some(watch) = &self.watch else { return Ok(()) };
        match wait(phase, targets, watch, &mut self.memory, clock, deadline, events).await {
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
        let cluster = &self.prepared.cluster;
        self.watch.get_or_insert_with(|| Watch::start(cluster.client(), cluster.namespace()));
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
            self.prepared.live.remove(&object.id);
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

    fn finish(&self, failed: Option<String>, phases: Vec<PhaseSummary>) -> bool {
        let succeeded = failed.is_none();
        let nothing = phases.iter().all(|phase| phase.created == 0 && phase.changed == 0);
        let namespace = self.prepared.cluster.namespace();
        let message = match &failed {
            Some(what) => format!("{what}; what was applied before stays in namespace {namespace}"),
            None if nothing => "nothing changed".to_owned(),
            None => format!("deployed to namespace {namespace}"),
        };
        let next_steps = match &failed {
            None => Vec::new(),
            Some(_) => vec![
                format!("look: kubectl -n {namespace} get pods"),
                "mend what the diagnosis names, then run the same deploy again: what is done already is left alone"
                    .to_owned(),
            ],
        };
        self.events.emit(Event::DeployFinished {
            succeeded,
            message,
            seconds: self.clock.elapsed().as_secs_f64(),
            phases,
            api_requests: self.prepared.request.connection.requests(),
            next_steps,
        });
        succeeded
    }
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
