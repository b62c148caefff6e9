//! `--reset`: everything that keyboss manages in a namespace is deleted, its data too, so that a deploy begins from
//! nothing.
//!
//! It is a release of its own, so that one that was broken off is known: only another reset may follow it.

mod choice;
mod going;

use std::collections::BTreeSet;

use choice::choose;
use going::{Going, Went};

use super::persist::persist;
use super::preconditions::find;
use super::record::blank;
use super::{Ending, Event, Events, Finished, Loss, Options, Prepared, Refused, Request, Volume, lock, recorded};
use crate::cluster::{Access, Clock, Cluster, Lock, denied, journals};
use crate::release::{Action, Journal, Snapshot, State};

pub use choice::{Choice, Doomed};

/// A reset that may begin.
pub struct Reset {
    /// What a deploy to the namespace will find, once everything is gone.
    prepared: Prepared,
    choice: Choice,
}

/// Refuses to go on from a reset that was broken off.
///
/// # Errors
/// Names it.
pub fn check_whole(journals: &[Journal]) -> Result<(), Refused> {
    let broken = journals.iter().rev().find(|journal| journal.is_reset() && journal.is_unfinished());
    let Some(Journal { release, author, started, .. }) = broken else { return Ok(()) };
    Err(Refused::because(format!(
        "release {release} of {}@{}, begun {}, is a reset that was broken off, so the shop is not whole: run `keyboss \
         deploy` with --reset again, which finishes it",
        author.user,
        author.host,
        started.strftime("%Y-%m-%d %H:%M:%SZ")
    )))
}

impl Reset {
    /// Looks at what is there, and chooses what goes. What would keep a deploy from following is found now, while there
    /// is everything to lose.
    ///
    /// # Errors
    /// Why nothing may be deleted.
    pub async fn plan(request: Request, with_backups: bool) -> Result<Self, Refused> {
        let mut found = find(request).await?;
        recorded::look_at_all(&found.request.plan, &mut found.cluster, &mut found.live).await?;
        let choice = choose(&found.request.plan, &found.live, &journals(&found.live), with_backups);
        check_rights(&found.cluster, &choice).await?;
        choice.doomed.iter().for_each(|doomed| found.live.remove(&doomed.id));
        Ok(Self { prepared: found.decide().await?, choice })
    }

    /// Whether anything is to be deleted.
    pub fn is_loss(&self) -> bool {
        !self.choice.doomed.is_empty()
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        self.prepared.cluster.namespace()
    }

    /// What will be deleted, to be told.
    pub fn planned(&self) -> Event {
        let Choice { doomed, kept } = &self.choice;
        let volume = |one: &Doomed| Some(Volume { object: one.id.to_string(), size: one.size.clone()? });
        let objects = doomed.iter().filter(|one| one.size.is_none()).map(|one| one.id.to_string());
        Event::ResetPlanned(Box::new(Loss {
            namespace: self.namespace().to_owned(),
            objects: objects.collect(),
            data: doomed.iter().filter_map(volume).collect(),
            kept: kept.iter().filter_map(volume).collect(),
        }))
    }

    /// Deletes it, and waits until it is gone. Without anything to delete it leaves no record.
    ///
    /// # Errors
    /// Why nothing was touched.
    pub async fn run(&self, options: &Options, events: &Events) -> Result<Ending, Refused> {
        let prepared = &self.prepared;
        let is_broken_off = check_whole(&prepared.journals).is_err();
        if !self.is_loss() && !is_broken_off {
            events.notice(None, format!("namespace {} holds nothing to delete", self.namespace()));
            return Ok(Ending::Done);
        }
        let clock = prepared.request.clock.from_now();
        let values = &prepared.request.environment.values.lock;
        let lock = lock::take(&prepared.cluster, &prepared.lock, &options.author, values, clock, events).await?;
        if options.stop.is_told() {
            lock.release().await;
            return Ok(self.finish(
                Ending::Interrupted,
                Finished { message: "it was told to stop, and nothing is deleted".to_owned(), ..Finished::default() },
                clock,
                events,
            ));
        }
        let cluster = prepared.cluster.with_permit(lock.permit());
        let options = Options { action: Action::Reset, ..options.clone() };
        let objects = self.choice.doomed.iter().map(|doomed| (doomed.id.to_string(), doomed.uid.clone()));
        let journal = Journal { objects: objects.collect(), ..blank(prepared, &options, &clock) };
        if let Err(fault) = persist(async || cluster.begin_record(&journal, &Snapshot::default()).await).await {
            lock.release().await;
            return Err(Refused::because(format!("the record of this reset cannot be written: {fault}")));
        }
        Ok(Begun { reset: self, cluster, journal, options, clock, events }.run(lock).await)
    }

    /// Tells an end after which no deploy follows.
    fn finish(&self, ending: Ending, finished: Finished, clock: Clock, events: &Events) -> Ending {
        events.emit(Event::DeployFinished(Box::new(Finished {
            seconds: clock.elapsed().as_secs_f64(),
            api_requests: self.prepared.request.connection.requests(),
            ..finished
        })));
        ending
    }
}

/// A reset whose record is written.
struct Begun<'a> {
    reset: &'a Reset,
    cluster: Cluster,
    journal: Journal,
    options: Options,
    clock: Clock,
    events: &'a Events,
}

impl Begun<'_> {
    async fn run(mut self, lock: Lock) -> Ending {
        let permit = lock.permit().clone();
        let went = tokio::select! {
            biased;
            reason = permit.lost() => Went::Stuck(abandoned(&reason)),
            went = self.go() => went,
        };
        if let Err(fault) = permit.check() {
            return self.finish(Ending::Incomplete, abandoned(&fault.to_string()));
        }
        let namespace = self.cluster.namespace();
        let (ending, state, message) = match went {
            Went::All => {
                let count = self.reset.choice.doomed.len();
                (Ending::Done, State::Succeeded, format!("namespace {namespace} is reset: {count} objects are deleted"))
            }
            Went::Interrupted => {
                let message = format!("the reset of namespace {namespace} was told to stop, and is not finished");
                (Ending::Interrupted, State::Incomplete, message)
            }
            Went::Stuck(why) => {
                let message = format!("the reset of namespace {namespace} is not finished: {why}");
                (Ending::Incomplete, State::Incomplete, message)
            }
        };
        self.journal =
            Journal { state, finished: Some(self.clock.now()), message: Some(message.clone()), ..self.journal };
        let ended = persist(async || self.cluster.write_journal(&self.journal).await).await;
        lock.release().await;
        match ended {
            // What is not recorded as over cannot be deployed to.
            Err(fault) if ending == Ending::Done => {
                self.finish(Ending::Incomplete, format!("{message}, but that could not be recorded: {fault}"))
            }
            _ => self.finish(ending, message),
        }
    }

    async fn go(&self) -> Went {
        for journal in self.reset.prepared.journals.iter().filter(|journal| journal.is_unfinished()) {
            let message = Some(format!("release {} resets the namespace", self.journal.release));
            let ended = Journal { state: State::Kept, message, ..journal.clone() };
            if let Err(fault) = persist(async || self.cluster.write_journal(&ended).await).await {
                return Went::Stuck(format!("the record of release {} cannot be written: {fault}", journal.release));
            }
        }
        let (cluster, stop, events) = (&self.cluster, &self.options.stop, self.events);
        Going { cluster, stop, events, clock: self.clock }.go(&self.reset.choice.doomed).await
    }

    /// Tells the end; of one that succeeded a deploy follows, which has an end of its own.
    fn finish(&self, ending: Ending, message: String) -> Ending {
        let (complete, seconds) = (ending == Ending::Done, self.clock.elapsed().as_secs_f64());
        self.events.emit(Event::ResetFinished { complete, seconds });
        if !complete {
            let again = "run the same deploy again, with --reset: it finishes the reset, and only then deploys";
            let step = match ending {
                Ending::Interrupted => again.to_owned(),
                _ => format!("mend what is named above, then {again}"),
            };
            let (release, next_steps) = (Some(self.journal.release), vec![step]);
            let finished = Finished { message, release, next_steps, ..Finished::default() };
            self.reset.finish(ending, finished, self.clock, self.events);
        }
        ending
    }
}

fn abandoned(reason: &str) -> String {
    format!("the lock is lost ({reason}): nothing more is deleted")
}

/// The rights that a deploy does not need: to delete StatefulSets, claims and Secrets.
async fn check_rights(cluster: &Cluster, choice: &Choice) -> Result<(), Refused> {
    let of = |doomed: &Doomed| {
        let resource = cluster.served().get(&doomed.id)?;
        Some(Access {
            verb: "delete".to_owned(),
            group: resource.group.clone(),
            resource: resource.plural.clone(),
            namespace: cluster.namespace().to_owned(),
            name: String::new(),
        })
    };
    let needed: BTreeSet<Access> = choice.doomed.iter().filter_map(of).collect();
    let lacking = denied(cluster.client(), needed.into_iter().collect()).await?;
    let words = |access: Access| format!("you may not {access} in namespace {}; --reset needs it", cluster.namespace());
    let reasons: Vec<String> = lacking.into_iter().map(words).collect();
    if reasons.is_empty() { Ok(()) } else { Err(Refused::Because(reasons)) }
}
