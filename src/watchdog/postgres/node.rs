//! Asks one server again and again, and keeps the last answer.

use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};

use super::server::{Answer, Session, State};
use crate::watchdog::Context;

/// The port of PostgreSQL.
const PORT: u16 = 5432;

/// One server, as it answered last.
#[derive(Clone, Default)]
pub struct View {
    /// The answer; None before the first.
    pub answer: Option<Answer>,
    /// So many probes in a row failed.
    pub failures: u32,
    /// When the first of them began.
    pub failing_since: Option<Instant>,
    /// The session that it was asked by.
    pub session: Option<Session>,
    heard: Changed,
    reported: Changed,
}

/// When a value was last seen to change, by our own clock: the servers' clocks are their own.
#[derive(Clone, Default)]
struct Changed(Option<(String, Instant)>);

impl Changed {
    fn see(&mut self, value: Option<&String>) {
        match (value, &self.0) {
            (None, _) => self.0 = None,
            (Some(value), Some((known, _))) if known == value => {}
            (Some(value), _) => self.0 = Some((value.clone(), Instant::now())),
        }
    }

    fn ago(&self) -> Option<Duration> {
        self.0.as_ref().map(|(_, at)| at.elapsed())
    }
}

impl View {
    /// How long ago its WAL receiver heard of its primary.
    pub fn heard(&self) -> Option<Duration> {
        self.heard.ago()
    }

    /// How long ago its standby reported.
    pub fn reported(&self) -> Option<Duration> {
        self.reported.ago()
    }

    fn answered(&mut self, state: State) {
        self.heard.see(state.heard.as_ref());
        self.reported.see(state.standby.as_ref().and_then(|standby| standby.reported.as_ref()));
        self.answer = Some(Answer::Up(state));
        self.failures = 0;
        self.failing_since = None;
    }

    fn failed(&mut self, answer: Answer, began: Instant) {
        self.answer = Some(answer);
        self.failures += 1;
        self.failing_since.get_or_insert(began);
        self.session = None;
    }
}

fn host(name: &str) -> String {
    format!("{name}.postgres")
}

/// Where the pod `name` is asked: host and port.
pub fn address(name: &str) -> String {
    format!("{}:{PORT}", host(name))
}

/// Asks the pod `name`, whose peer is `peer`, until it is dropped; at once where somebody wants to know.
pub async fn probe(context: &Context, name: &str, peer: &str, views: &watch::Sender<View>, wanted: &Notify) {
    let settings = &context.settings;
    let host = host(name);
    // Shorter than the interval: so many probes that hang take no longer than as many intervals.
    let limit = settings.probe_interval * 3 / 4;
    let mut session: Option<Session> = None;
    loop {
        let began = Instant::now();
        let mut answer = match &session {
            Some(open) => open.look(peer, limit).await,
            None => Err(Answer::Hung),
        };
        // On a connection that failed, a fresh one decides: the held one may have been ended by somebody.
        if session.is_none() || matches!(answer, Err(Answer::Crashed(_))) {
            session = None;
            answer = match Session::open(&host, PORT, &settings.postgres_password, limit).await {
                Ok(open) => {
                    let answer = open.look(peer, limit).await;
                    session = Some(open);
                    answer
                }
                Err(answer) => Err(answer),
            };
        }
        if matches!(answer, Err(Answer::Hung)) {
            session = None;
        }
        let pause = match &answer {
            Ok(_) => settings.probe_interval,
            // A hung server has taken its time already; one that refuses is asked soon again.
            Err(Answer::Hung) => limit.saturating_sub(began.elapsed()),
            Err(_) => settings.probe_interval / 5,
        };
        views.send_modify(|view| match answer {
            Ok(state) => {
                view.answered(state);
                view.session.clone_from(&session);
            }
            Err(answer) => view.failed(answer, began),
        });
        match &session {
            Some(open) => tokio::select! {
                () = sleep(pause) => {}
                () = open.closed() => {}
                () = wanted.notified() => {}
            },
            None => sleep(pause).await,
        }
    }
}
