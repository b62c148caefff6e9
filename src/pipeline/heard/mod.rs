//! What the cluster says while a phase waits: Kubernetes' warnings, what Jobs write, and the last words of containers
//! that crash. Each is told once. It is told beside the wait: what cannot be read is left out, and fails nothing.

mod crashes;
mod flood;
mod jobs;
mod ours;
mod warnings;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use futures::TryStreamExt;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use self::crashes::{Crash, Crashes};
use self::ours::Ours;
use self::warnings::Warnings;
use super::{Event, Events, Prepared};
use crate::cluster::{Clock, Cluster, Fault, LogLine, LogRequest, Watch};
use crate::logs::Workload;
use crate::readiness::World;
use crate::render::Phase;

/// How often is looked whether there is something to tell.
const LOOK: Duration = Duration::from_millis(250);
/// So many lines of a container that crashed are told.
const LAST_WORDS: i64 = 10;
/// How long the log of a container that crashed may take to be read.
const READ: Duration = Duration::from_secs(5);
/// How long after a wait what was said during it may still come.
const LATE: Duration = Duration::from_secs(1);

/// Listens during one deploy.
pub struct Heard {
    cluster: Cluster,
    clock: Clock,
    /// Kind and name of every object of the plan.
    plan: BTreeSet<(String, String)>,
    warnings: Warnings,
    crashes: Crashes,
    /// Those whose last words are not told yet.
    crashed: Vec<Crash>,
    /// Ends with the reason why a Job's output cannot be read, if there is one.
    jobs: JoinSet<Option<String>>,
    /// The names of the Jobs whose output is told as it comes.
    followed: BTreeSet<String>,
    /// What was there before the deploy is known.
    has_begun: bool,
    /// What may not be read, of which people were told.
    noted: BTreeSet<&'static str>,
}

impl Heard {
    /// Listens for what is said of the plan's objects.
    pub fn new(prepared: &Prepared, clock: Clock) -> Self {
        let ids = prepared.request.plan.objects().map(|(_, object)| &object.id);
        Self {
            cluster: prepared.cluster.clone(),
            clock,
            plan: ids.map(|id| (id.kind.clone(), id.name.clone())).collect(),
            warnings: Warnings::default(),
            crashes: Crashes::default(),
            crashed: Vec::new(),
            jobs: JoinSet::new(),
            followed: BTreeSet::new(),
            has_begun: false,
            noted: BTreeSet::new(),
        }
    }

    /// Whatever is known by now is from before the deploy, and is not told. To be called before the first object is
    /// applied that takes time; no clock of a node is asked.
    pub fn begin(&mut self, watch: &Watch) {
        if !self.has_begun && watch.is_complete() {
            self.has_begun = true;
            let world = watch.world();
            self.warnings.pass_over(&world);
            self.crashes.pass_over(&world);
        }
    }

    /// Tells what a Job writes, from its beginning.
    pub fn follow(&mut self, phase: Phase, job: Workload, events: &Events) {
        if self.followed.insert(job.name.clone()) {
            self.jobs.spawn(jobs::follow(self.cluster.clone(), job, phase, self.clock, events.clone()));
        }
    }

    /// Tells what is said, for ever; may be dropped at any time.
    pub async fn listen(&mut self, phase: Phase, watch: &Watch, events: &Events) -> Infallible {
        loop {
            self.look(phase, watch, events).await;
            sleep(LOOK).await;
        }
    }

    /// Tells what was said by the end of a wait, but does not hold the deploy up for it.
    pub async fn end(&mut self, phase: Phase, watch: &Watch, events: &Events) {
        let until = Instant::now() + LATE;
        // What is not told by then is in the diagnosis.
        let _ = timeout_at(until, self.look(phase, watch, events)).await;
        while let Ok(Some(ended)) = timeout_at(until, self.jobs.join_next()).await {
            self.job_ended(phase, ended.ok().flatten(), events);
        }
    }

    async fn look(&mut self, phase: Phase, watch: &Watch, events: &Events) {
        self.begin(watch);
        while let Some(ended) = self.jobs.try_join_next() {
            self.job_ended(phase, ended.ok().flatten(), events);
        }
        if !watch.is_complete() {
            return;
        }
        if watch.is_denied("Event") {
            self.note(phase, "events", "you may not read events, so no warnings of Kubernetes are shown", events);
        }
        self.news(phase, &watch.world(), events);
        while let Some(crash) = self.crashed.first() {
            let lines = self.last_words(crash).await;
            let Crash { pod, container, how, .. } = self.crashed.remove(0);
            events.notice(Some(phase), format!("pod {pod}, container {container}: {how}"));
            match lines {
                Ok(lines) => lines.into_iter().for_each(|line| {
                    let (pod, container) = (pod.clone(), container.clone());
                    events.emit(Event::LogLine { phase, pod, container, line: line.text });
                }),
                Err(fault) if fault.is_denied() => {
                    self.note(phase, "logs", "you may not read logs, so what containers write is not shown", events);
                }
                Err(fault) => tracing::info!(pod, container, %fault, "the last words cannot be read"),
            }
        }
    }

    /// What is new in a world.
    fn news(&mut self, phase: Phase, world: &World, events: &Events) {
        let ours = Ours { plan: &self.plan, world };
        for warning in self.warnings.news(&ours) {
            let warnings::Warning { object, reason, message, count } = warning;
            events.emit(Event::Warning { phase, object, reason, message, count });
        }
        self.crashed.extend(self.crashes.news(&ours, &self.followed));
    }

    async fn last_words(&self, crash: &Crash) -> Result<Vec<LogLine>, Fault> {
        let request = LogRequest {
            container: Some(crash.container.clone()),
            previous: crash.is_previous,
            tail: Some(LAST_WORDS),
            ..LogRequest::default()
        };
        let read = async {
            let lines = self.cluster.log(&crash.pod, &request).await?;
            lines.try_collect().await.map_err(|error| Fault::Unreachable(error.to_string()))
        };
        timeout(READ, read).await.unwrap_or(Err(Fault::TimedOut))
    }

    fn job_ended(&mut self, phase: Phase, why: Option<String>, events: &Events) {
        if let Some(why) = why {
            self.note(phase, "logs", &format!("what Jobs write is not shown: {why}"), events);
        }
    }

    fn note(&mut self, phase: Phase, what: &'static str, words: &str, events: &Events) {
        if self.noted.insert(what) {
            events.notice(Some(phase), words);
        }
    }
}
