//! The waiting loop (RULES.md C8): it looks whenever something changes, and ends on the first failure
//! after a moment in which others are gathered.

use std::collections::BTreeMap;
use std::time::Duration;

use super::observer::Observer;
use super::{Blocker, Event, Events};
use crate::cluster::Clock;
use crate::readiness::{Failure, Memory, Progress, Readiness, Target, assess, worst};
use crate::render::Phase;

/// How long after the first failure others are gathered.
const GATHER: Duration = Duration::from_secs(2);
/// How often the worst blocker is told.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often grace windows are looked at when nothing changes.
const TICK: Duration = Duration::from_secs(1);

/// How a wait ended.
#[derive(Debug, PartialEq)]
pub enum Waited {
    /// Every target is ready.
    Ready,
    /// Some will never be.
    Failed(Vec<(Target, Failure)>),
    /// The time ran out; these are not ready.
    TimedOut(Vec<(Target, Progress)>),
}

/// Waits until every target is ready, one fails, or `deadline` (on `clock`) passes.
pub async fn wait(
    phase: Phase,
    targets: &[Target],
    observer: &impl Observer,
    memory: &mut Memory,
    clock: Clock,
    deadline: Duration,
    events: &Events,
) -> Waited {
    let mut told = Told { phase, events, last: BTreeMap::new() };
    let mut failed_at = None;
    let mut heartbeat = clock.elapsed() + HEARTBEAT;
    loop {
        let now = clock.elapsed();
        let answers = look(targets, observer, memory, now);
        // That the first list is not there yet is no news.
        if observer.is_complete() || observer.trouble().is_some() {
            told.transitions(&answers, now);
        }
        if answers.iter().all(|(_, readiness)| *readiness == Readiness::Ready) {
            return Waited::Ready;
        }
        let failures: Vec<(Target, Failure)> = answers
            .iter()
            .filter_map(|(target, readiness)| match readiness {
                Readiness::Failed(failure) => Some(((*target).clone(), failure.clone())),
                _ => None,
            })
            .collect();
        let gathered = match failures.is_empty() {
            true => None,
            false => Some(*failed_at.get_or_insert(now) + GATHER),
        };
        let undecided = answers.iter().any(|(_, readiness)| matches!(readiness, Readiness::InProgress(_)));
        if gathered.is_some_and(|end| now >= end || now >= deadline || !undecided) {
            return Waited::Failed(failures);
        }
        if now >= deadline {
            return Waited::TimedOut(unready(answers));
        }
        if now >= heartbeat {
            told.heartbeat(&answers, now, deadline);
            heartbeat = now + HEARTBEAT;
        }
        let next = [Some(now + TICK), gathered, Some(deadline), Some(heartbeat)].into_iter().flatten().min();
        tokio::select! {
            biased;
            () = observer.changed() => {}
            () = tokio::time::sleep_until(clock.at(next.unwrap_or(deadline))) => {}
        }
    }
}

fn look<'a>(
    targets: &'a [Target],
    observer: &impl Observer,
    memory: &mut Memory,
    now: Duration,
) -> Vec<(&'a Target, Readiness)> {
    if !observer.is_complete() {
        let why = observer.trouble().map_or_else(
            || "its state is being read".to_owned(),
            |trouble| format!("its state cannot be read: {trouble}"),
        );
        let unknown = Readiness::InProgress(Progress { why, done: 0, total: 1, suspicion: None });
        return targets.iter().map(|target| (target, unknown.clone())).collect();
    }
    let world = observer.world();
    targets.iter().map(|target| (target, assess(target, &world, memory, now))).collect()
}

fn unready(answers: Vec<(&Target, Readiness)>) -> Vec<(Target, Progress)> {
    answers
        .into_iter()
        .filter_map(|(target, readiness)| match readiness {
            Readiness::InProgress(progress) => Some((target.clone(), progress)),
            _ => None,
        })
        .collect()
}

/// What was said of each target, so that only transitions are told.
struct Told<'a> {
    phase: Phase,
    events: &'a Events,
    last: BTreeMap<String, String>,
}

impl Told<'_> {
    fn transitions(&mut self, answers: &[(&Target, Readiness)], now: Duration) {
        for (target, readiness) in answers {
            let object = target.to_string();
            let (words, event) = match readiness {
                Readiness::Ready => ("ready".to_owned(), Event::Ready { phase: self.phase, object: object.clone() }),
                Readiness::InProgress(progress) => (
                    progress.why.clone(),
                    Event::Waiting {
                        phase: self.phase,
                        object: object.clone(),
                        why: progress.why.clone(),
                        done: progress.done,
                        total: progress.total,
                        suspicious: progress.suspicion.is_some(),
                        fails_in_seconds: progress.fails_in(now).map(|left| left.as_secs()),
                    },
                ),
                // A failure is told with its evidence, by the diagnosis.
                Readiness::Failed(_) => continue,
            };
            if self.last.get(&object) != Some(&words) {
                self.last.insert(object, words);
                self.events.emit(event);
            }
        }
    }

    fn heartbeat(&self, answers: &[(&Target, Readiness)], now: Duration, deadline: Duration) {
        let ready = answers.iter().filter(|(_, readiness)| *readiness == Readiness::Ready).count();
        let worst = worst(answers.iter().map(|(target, readiness)| (target, readiness)));
        let worst = worst.map(|(target, readiness)| {
            let why = match readiness {
                Readiness::InProgress(progress) => progress.line(now),
                Readiness::Failed(failure) => failure.to_string(),
                Readiness::Ready => String::new(),
            };
            Blocker { object: target.to_string(), why }
        });
        self.events.emit(Event::Heartbeat {
            phase: self.phase,
            ready,
            total: answers.len(),
            worst,
            left_seconds: deadline.saturating_sub(now).as_secs(),
        });
    }
}
