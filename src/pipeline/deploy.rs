//! A deploy as one transaction (RULES.md D): survey, lock, record, eight phases, and back again when one of them fails.

use std::time::Duration;

use super::begin::resumed;
use super::persist::persist;
use super::phases::{Phases, Run};
use super::record::Record;
use super::rollback::{is_complete, roll_back};
use super::started::started;
use super::survey::{Survey, survey};
use super::{Event, Events, Finished, Planned, Prepared, Refused, RestoreOutcome, Restored, Stop, lock, tidy};
use crate::cluster::{Clock, Lock};
use crate::release::{Action, Author, Before, Journal, State};
use crate::render::Phase;

/// How a deploy is to be run.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long all phases may take.
    pub timeout: Duration,
    /// Who deploys.
    pub author: Author,
    /// The git commit that is deployed, where it is known.
    pub commit: Option<String>,
    /// What is done.
    pub action: Action,
    /// Whether a failure is rolled back.
    pub rolls_back: bool,
    /// Whether objects are deleted that an earlier release had and this one has not.
    pub prunes: bool,
    /// What was there before a release that was broken off and is resumed by this one.
    pub carried: Vec<Before>,
    /// Told when somebody wants it to end.
    pub stop: Stop,
    /// The cluster is simulated.
    pub rehearsal: bool,
    /// What it is to do and nothing else.
    pub planned: Option<Planned>,
}

impl Options {
    /// A deploy that is rolled back when it fails, and prunes nothing.
    pub fn new(timeout: Duration, author: Author) -> Self {
        Self {
            timeout,
            author,
            commit: None,
            action: Action::Deploy,
            rolls_back: true,
            prunes: false,
            carried: Vec::new(),
            stop: Stop::default(),
            rehearsal: false,
            planned: None,
        }
    }
}

/// How a deploy ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All phases are done.
    Done,
    /// It failed, and everything is as it was before; or was to be left as it is.
    Failed,
    /// It failed, and not everything could be rolled back.
    Incomplete,
    /// It was told to stop, and everything is as it was before.
    Interrupted,
}

/// Deploys what was prepared. An unchanged deploy takes no lock, leaves no record and writes nothing.
///
/// # Errors
/// Why nothing was touched.
pub async fn deploy(prepared: Prepared, options: &Options, events: &Events) -> Result<Ending, Refused> {
    let clock = prepared.request.clock.from_now();
    let survey = survey(&prepared).await?;
    if let Some(planned) = &options.planned {
        planned.hold(&prepared, &survey, &prepared.live, options).await?;
    }
    events.emit(started(&prepared, false, options.rehearsal));
    prepared.notices.iter().for_each(|notice| events.notice(None, notice));
    tidy::tell(&prepared, options.prunes, events);
    let is_change = survey.is_change() || !prepared.rivals.is_empty();
    if !(is_change || options.prunes && tidy::has_left_over(&prepared)) {
        let run = Phases::new(&prepared, &survey, None, options, clock, events).run().await;
        let (ending, message) = match &run.failed {
            None => (Ending::Done, "nothing changed".to_owned()),
            Some(what) => (run.failure(), format!("{what}; this deploy changed nothing")),
        };
        finish(
            &prepared,
            ending,
            events,
            Finished { message, seconds: clock.elapsed().as_secs_f64(), phases: run.summaries, ..Finished::default() },
        );
        return Ok(ending);
    }
    if options.stop.is_told() {
        let message = "it was told to stop before anything was touched".to_owned();
        finish(&prepared, Ending::Interrupted, events, Finished { message, ..Finished::default() });
        return Ok(Ending::Interrupted);
    }
    let mut prepared = prepared;
    if prepared.namespace_is_ours && !prepared.namespace_exists {
        ensure_namespace(&prepared).await?;
    }
    let values = prepared.request.environment.values.lock.clone();
    let lock = lock::take(&prepared.cluster, &prepared.lock, &options.author, &values, clock, events).await?;
    prepared.cluster = prepared.cluster.with_permit(lock.permit());
    if let Some(planned) = &options.planned
        && let Err(refused) = planned.still_holds(&prepared, &survey, options).await
    {
        lock.release().await;
        return Err(refused);
    }
    let record = match Record::begin(&prepared, &survey, options, &clock).await {
        Ok(record) => record,
        Err(fault) => {
            lock.release().await;
            return Err(Refused::because(format!("the record of this release cannot be written: {fault}")));
        }
    };
    for journal in resumed(&prepared) {
        let message = Some(format!("release {} goes on from it", record.release()));
        let ended = Journal { state: State::Kept, message, ..journal.clone() };
        if let Err(fault) = persist(async || prepared.cluster.write_journal(&ended).await).await {
            lock.release().await;
            let release = journal.release;
            return Err(Refused::because(format!("the record of release {release} cannot be written: {fault}")));
        }
    }
    let transaction = Transaction { prepared: &prepared, survey: &survey, options, clock, events };
    Ok(transaction.run(record, lock).await)
}

/// The lock and the record live in the namespace, so it comes before everything (RULES.md T0).
async fn ensure_namespace(prepared: &Prepared) -> Result<(), Refused> {
    let (cluster, objects) = (&prepared.cluster, prepared.objects(Phase::Config));
    let Some(namespace) = objects.into_iter().find(|object| !object.namespaced()) else {
        let name = cluster.namespace();
        return Err(Refused::because(format!("namespace {name} does not exist, and no manifest of phase 1 makes it")));
    };
    persist(async || cluster.apply(namespace, false).await).await?;
    Ok(())
}

struct Transaction<'a> {
    prepared: &'a Prepared,
    survey: &'a Survey,
    options: &'a Options,
    clock: Clock,
    events: &'a Events,
}

impl Transaction<'_> {
    async fn run(self, mut record: Record, lock: Lock) -> Ending {
        let release = record.release();
        let permit = lock.permit().clone();
        let phases = Phases::new(self.prepared, self.survey, Some(&mut record), self.options, self.clock, self.events);
        let run = tokio::select! {
            biased;
            reason = permit.lost() => return self.abandon(release, &reason),
            run = phases.run() => run,
        };
        if let Err(fault) = permit.check() {
            return self.abandon(release, &fault.to_string());
        }
        let (ending, state, message, restored) = match run.failed.clone() {
            None => (Ending::Done, State::Succeeded, self.deployed(), Vec::new()),
            Some(what) => tokio::select! {
                biased;
                reason = permit.lost() => return self.abandon(release, &reason),
                back = self.back(&record, &run, what) => back,
            },
        };
        if let Err(fault) = record.end(state, &run.summaries, &message, &self.clock).await {
            let words = "the next deploy takes it for one that was broken off";
            self.events.notice(None, format!("the end of release {release} could not be recorded ({fault}): {words}"));
        }
        if ending == Ending::Done {
            tidy::tidy(self.prepared, record.journal(), self.options.prunes, self.events).await;
        }
        lock.release().await;
        self.finish(ending, release, Finished { message, phases: run.summaries, restored, ..Finished::default() })
    }

    fn finish(&self, ending: Ending, release: u64, finished: Finished) -> Ending {
        let seconds = self.clock.elapsed().as_secs_f64();
        finish(self.prepared, ending, self.events, Finished { seconds, release: Some(release), ..finished });
        ending
    }

    fn deployed(&self) -> String {
        let namespace = self.prepared.cluster.namespace();
        match self.options.action {
            Action::Rollback { to } => format!("namespace {namespace} is back at release {to}"),
            Action::Deploy | Action::Reset => format!("deployed to namespace {namespace}"),
        }
    }

    /// What a failure comes to.
    async fn back(&self, record: &Record, run: &Run, what: String) -> (Ending, State, String, Vec<Restored>) {
        let namespace = self.prepared.cluster.namespace();
        let ended = run.failure();
        if !self.options.rolls_back {
            let message = format!("{what}; as asked (--no-rollback), it stays as it is in namespace {namespace}");
            return (ended, State::Kept, message, Vec::new());
        }
        let snapshot = record.snapshot();
        let mut table = roll_back(&self.prepared.cluster, snapshot, run.phase, self.clock, self.events).await;
        table.extend(self.untouched(&table));
        if snapshot.is_first {
            let message = format!(
                "{what}; it was the first install, so there is nothing to go back to: what was applied stays in \
                 namespace {namespace}"
            );
            return (ended, State::Kept, message, table);
        }
        if !is_complete(&table) {
            let message = format!("{what}; not everything could be rolled back");
            return (Ending::Incomplete, State::Incomplete, message, table);
        }
        (ended, State::RolledBack, format!("{what}; rolled back: {}", counts(&table)), table)
    }

    /// The Deployments that the release did not touch (RULES.md T10).
    fn untouched(&self, table: &[Restored]) -> Vec<Restored> {
        let objects = self.prepared.request.plan.objects().map(|(_, object)| object);
        let names = objects.filter(|object| object.id.kind == "Deployment").map(|object| object.id.to_string());
        let untouched = names.filter(|name| !table.iter().any(|restored| restored.object == *name));
        let outcome = RestoreOutcome::Unchanged;
        untouched.map(|object| Restored { object, outcome, reason: None, was_unhealthy: false }).collect()
    }

    /// The lock is another's: nothing more is written, not even a rollback.
    fn abandon(&self, release: u64, reason: &str) -> Ending {
        let message = format!(
            "the lock is lost ({reason}): nothing more is written; release {release} is unfinished, and the next deploy \
             rolls it back first"
        );
        self.finish(Ending::Incomplete, release, Finished { message, ..Finished::default() })
    }
}

impl Run {
    /// What it ended in, given that it failed and is as it was before.
    fn failure(&self) -> Ending {
        if self.interrupted { Ending::Interrupted } else { Ending::Failed }
    }
}

/// "3 as before, 1 deleted".
fn counts(table: &[Restored]) -> String {
    let of = |outcome| table.iter().filter(|restored| restored.outcome == outcome).count();
    let restored = of(RestoreOutcome::RolledBack);
    let deleted = of(RestoreOutcome::Deleted);
    let parts = [(restored, "as before"), (deleted, "new and deleted")];
    let told: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}")).collect();
    if told.is_empty() { "nothing had changed yet".to_owned() } else { told.join(", ") }
}

/// Tells the end.
fn finish(prepared: &Prepared, ending: Ending, events: &Events, finished: Finished) {
    events.emit(Event::DeployFinished(Box::new(Finished {
        succeeded: ending == Ending::Done,
        api_requests: prepared.request.connection.requests(),
        next_steps: next_steps(prepared, ending),
        ..finished
    })));
}

fn next_steps(prepared: &Prepared, ending: Ending) -> Vec<String> {
    let namespace = prepared.cluster.namespace();
    let look = format!("look: kubectl -n {namespace} get pods");
    match ending {
        Ending::Done => Vec::new(),
        Ending::Interrupted => vec!["run the same deploy again when you are ready".to_owned()],
        Ending::Failed => vec![
            look,
            "mend what the diagnosis names, then run the same deploy again: what is done already is left alone"
                .to_owned(),
        ],
        Ending::Incomplete => vec![
            look,
            "mend what the table names, then run a deploy: it rolls this release back first (or goes on from what is \
             there, with --resume)"
                .to_owned(),
        ],
    }
}
