//! PostgreSQL: who is primary, and who may become it (HA.md).
//!
//! A commit is acknowledged when the recorded standby has it on its disk. So that standby may be promoted at once when the
//! primary is lost: the old one, wherever it is, can acknowledge nothing without it. Without a recorded standby nobody is
//! promoted.

mod act;
mod decide;
mod node;
mod pods;
mod server;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Service;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use self::decide::{Pod, Seen, Side, Step};
use self::node::View;
use self::server::{Answer, Session, State};
use super::lead::led;
use super::{Context, Record, Stored, System, in_time};

/// The two pods.
const PODS: [&str; 2] = ["postgres-0", "postgres-1"];
/// The StatefulSet that Events are about.
const SET: &str = "postgres";
/// Why a watchdog promotes that has not begun to.
const UNFINISHED: &str = "a failover was begun and not finished";
/// Both servers report to each other at least every second, or are asked to after 2.5 s: half of `wal_receiver_timeout`.
const SILENCE: Duration = Duration::from_millis(2900);
/// The pause after a step that failed.
const PAUSE: Duration = Duration::from_millis(200);
/// The pause before a standby that did not become a synchronous one is tried again.
const ENLIST_AGAIN: Duration = Duration::from_secs(5);

/// Where both are asked.
pub fn addresses() -> [String; 2] {
    PODS.map(node::address)
}

/// Watches both pods as long as this watchdog leads.
pub async fn guard(context: &Context) {
    let views: [watch::Sender<View>; 2] = Default::default();
    let wanted: [Notify; 2] = Default::default();
    let [zero, one] = &views;
    let pods = watch::Sender::new(None);
    let mut guard = Guard {
        context,
        views: PODS.into_iter().zip([zero.subscribe(), one.subscribe()]).collect(),
        wanted: PODS.into_iter().zip(&wanted).collect(),
        pods: pods.subscribe(),
        said: String::new(),
        first_sign: None,
        promoted: None,
        not_before: Instant::now(),
    };
    tokio::select! {
        () = node::probe(context, PODS[0], PODS[1], zero, &wanted[0]) => {}
        () = node::probe(context, PODS[1], PODS[0], one, &wanted[1]) => {}
        () = pods::follow(context, pods.clone()) => {}
        () = guard.run() => {}
    }
}

struct Guard<'a> {
    context: &'a Context,
    views: BTreeMap<&'static str, watch::Receiver<View>>,
    wanted: BTreeMap<&'static str, &'a Notify>,
    pods: watch::Receiver<Option<pods::Pods>>,
    /// The last alarm: each is said once.
    said: String,
    /// When a failover's reason was first seen.
    first_sign: Option<Instant>,
    /// The failover that this watchdog has promoted for: its number, and what there is to tell of it.
    promoted: Option<(u64, String)>,
    /// When a standby may be enlisted again.
    not_before: Instant,
}

impl Guard<'_> {
    async fn run(&mut self) {
        loop {
            let pause = match self.round().await {
                Ok(Step::Wait | Step::Alarm(_)) => self.context.settings.probe_interval,
                Ok(_) => continue,
                Err(why) => {
                    self.alarm("PostgresStepFailed", &why);
                    PAUSE
                }
            };
            self.changed(pause).await;
        }
    }

    /// Waits until something is seen anew, or for so long.
    async fn changed(&mut self, pause: Duration) {
        let mut views = self.views.values_mut();
        let (Some(zero), Some(one)) = (views.next(), views.next()) else { return };
        tokio::select! {
            () = sleep(pause) => {}
            _ = zero.changed() => {}
            _ = one.changed() => {}
            _ = self.pods.changed() => {}
        }
    }

    /// Looks at everything and takes one step.
    async fn round(&mut self) -> Result<Step, String> {
        let context = self.context;
        let (stored, service) = (Stored::read(&context.cluster), context.cluster.read(System::postgres.service()));
        let read = in_time(async { tokio::try_join!(stored, service) }).await;
        context.metrics.api(read.is_ok());
        let (stored, service): (Stored, Service) =
            read.map_err(|fault| format!("nobody is promoted, and no primary is stopped: {fault}"))?;
        let record = &stored.record;
        let Some(other) = PODS.into_iter().find(|pod| *pod != record.primary) else { return Ok(Step::Wait) };
        let Some(primary) = PODS.into_iter().find(|pod| *pod == record.primary) else {
            return Ok(self.alarmed(format!("POSTGRES_HOST names {}, which is neither {PODS:?}", record.primary)));
        };
        let (view, is_gone) = (self.view(primary), self.side(primary).pod != Pod::Running);
        if view.failures >= context.settings.failures || (is_gone && view.failures > 0) {
            // What it says of the primary, and of itself, is to be from now (HA.md, rule 6).
            self.look_anew(other).await;
        }
        let seen = Seen {
            record,
            primary: self.side(primary),
            other: self.side(other),
            led: led(&service),
            switchover: stored.is_switchover_asked(),
            patience: context.settings.failures,
            silence: SILENCE,
        };
        self.measure(record, &seen);
        let step = seen.step();
        tracing::trace!(?step, ?seen, "looked");
        self.take(&step, &stored, &service, primary, other).await?;
        Ok(step)
    }

    fn view(&self, pod: &str) -> View {
        self.views.get(pod).map(|view| view.borrow().clone()).unwrap_or_default()
    }

    fn side(&self, name: &str) -> Side {
        let view = self.view(name);
        let pod = self.pods.borrow().as_ref().map_or(Pod::Running, |pods| pods.get(name).copied().unwrap_or(Pod::Down));
        Side {
            name: name.to_owned(),
            pod,
            failures: view.failures,
            heard: view.heard(),
            reported: view.reported(),
            answer: view.answer,
        }
    }

    fn measure(&mut self, record: &Record, seen: &Seen<'_>) {
        let standby = match &seen.primary.answer {
            Some(Answer::Up(state)) => state.standby.as_ref(),
            _ => None,
        };
        self.context.metrics.replication(record.standby.is_some(), standby.map(|standby| standby.lag));
        let fails = !matches!(seen.primary.answer, Some(Answer::Up(_)) | None) || seen.primary.pod != Pod::Running;
        let since = self.view(&seen.primary.name).failing_since;
        match (fails, self.first_sign) {
            (true, None) => self.first_sign = since.or(Some(Instant::now())),
            (false, Some(_)) if seen.led == seen.primary.name => self.first_sign = None,
            _ => {}
        }
    }

    async fn take(
        &mut self,
        step: &Step,
        stored: &Stored,
        service: &Service,
        primary: &str,
        other: &str,
    ) -> Result<(), String> {
        let context = self.context;
        match step {
            Step::Wait => self.said.clear(),
            Step::Alarm(words) => self.alarm("PostgresAlarm", words),
            Step::FailOver(why) => {
                tracing::warn!("{why}: {other} becomes primary");
                self.first_sign.get_or_insert_with(Instant::now);
                let stored = act::appoint(context, stored, other, &self.state(other)?).await?;
                self.promote(&stored.record, service, primary, why).await?;
            }
            Step::Promote => self.promote(&stored.record, service, other, UNFINISHED).await?,
            Step::Settle => {
                let state = self.state(primary)?;
                if record_is_behind(&stored.record, &state) {
                    self.tell_of_failover(&stored.record).await;
                }
                act::settle(context, stored, &state, service).await?;
                tracing::info!("Service postgres-primary leads to {primary}");
            }
            Step::Enlist if Instant::now() < self.not_before => sleep(PAUSE).await,
            Step::Enlist => {
                self.not_before = Instant::now() + ENLIST_AGAIN;
                act::enlist(context, stored, &self.session(primary)?, other, &self.session(other)?).await?;
                let words = format!("{other} has every commit that {primary} acknowledges (synchronous)");
                context.teller.note(SET, "PostgresSynchronous", &words);
                self.look_anew(primary).await;
            }
            Step::Release(why) => {
                act::release(context, stored, &self.session(primary)?).await?;
                let words = format!("{primary} acknowledges alone (asynchronous): {why}");
                context.teller.warn(SET, "PostgresAsynchronous", &words);
                self.look_anew(primary).await;
            }
            Step::Unbind => {
                act::unbind(context, &self.session(primary)?).await?;
                self.look_anew(primary).await;
            }
            Step::Fence => {
                act::fence(context, &self.session(other)?).await?;
                tracing::warn!("{other} is primary no longer and has not noticed: its clients' sessions are ended");
                sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    /// Promotes the recorded primary, and cuts the old one off: in a switchover it is alive, and its clients are to notice
    /// at once.
    async fn promote(&mut self, record: &Record, service: &Service, old: &str, why: &str) -> Result<(), String> {
        let context = self.context;
        let new = &record.primary;
        self.first_sign.get_or_insert_with(Instant::now);
        act::promote(context, record, &self.session(new)?, service).await?;
        self.count_failover(record, why);
        if let Some(session) = self.view(old).session {
            // Tried again as long as it answers as a primary.
            let _ = act::fence(context, &session).await;
        }
        self.first_sign = None;
        self.look_anew(new).await;
        Ok(())
    }

    /// The recorded primary accepts writes since now: what there is to tell of it.
    fn count_failover(&mut self, record: &Record, why: &str) -> String {
        let took = self.first_sign.unwrap_or_else(Instant::now).elapsed();
        self.context.metrics.failed_over(System::postgres, took);
        let words = format!("{} is primary, {:.1} s after the first sign: {why}", record.primary, took.as_secs_f32());
        tracing::info!("{words}");
        self.promoted = Some((record.epoch, words.clone()));
        words
    }

    /// Tells of a failover before it is recorded as finished: one Event, whoever has promoted and whoever finishes it.
    async fn tell_of_failover(&mut self, record: &Record) {
        let known = self.promoted.clone().filter(|(epoch, _)| *epoch == record.epoch);
        let words = known.map_or_else(|| self.count_failover(record, UNFINISHED), |(_, words)| words);
        self.context.teller.note_once(SET, "PostgresFailover", &words, record.epoch).await;
    }

    /// Waits for the next answer of a pod, so that no step is taken on one from before.
    async fn look_anew(&mut self, pod: &str) {
        let (Some(view), Some(wanted)) = (self.views.get_mut(pod), self.wanted.get(pod)) else { return };
        view.mark_unchanged();
        wanted.notify_one();
        let _ = timeout(self.context.settings.probe_interval * 2, view.changed()).await;
    }

    fn session(&self, pod: &str) -> Result<Session, String> {
        self.view(pod).session.filter(|session| !session.is_closed()).ok_or_else(|| format!("{pod} does not answer"))
    }

    fn state(&self, pod: &str) -> Result<State, String> {
        match self.view(pod).answer {
            Some(Answer::Up(state)) => Ok(state),
            _ => Err(format!("{pod} does not answer")),
        }
    }

    fn alarmed(&mut self, words: String) -> Step {
        self.alarm("PostgresAlarm", &words);
        Step::Alarm(words)
    }

    fn alarm(&mut self, reason: &str, words: &str) {
        if self.said != words {
            self.context.teller.warn(SET, reason, words);
            words.clone_into(&mut self.said);
        }
    }
}

/// Whether a failover to the recorded primary, which accepts writes, is not yet recorded as finished.
fn record_is_behind(record: &Record, state: &State) -> bool {
    record.epoch > 0 && state.timeline != record.timeline
}
