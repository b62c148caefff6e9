//! The live picture: one line per phase, and under the running one what it waits for. Data to lines; it draws nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use console::{style, truncate_str};

use crate::pipeline::{Event, Outcome, PhaseSummary};
use crate::render::Phase;

use super::text;

/// How a running phase turns.
const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// The most objects that are shown as waited for; the others are counted.
const MOST_SHOWN: usize = 8;

/// What is known of every phase. All times are since the same start.
#[derive(Default)]
pub struct Board {
    phases: BTreeMap<Phase, State>,
    /// The rollback, once one has begun; it is the last row.
    rollback: Option<Running>,
    dry_run: bool,
}

enum State {
    Pending,
    Running(Running),
    Finished(PhaseSummary),
}

/// The phase at work.
struct Running {
    since: Duration,
    until: Duration,
    objects: usize,
    applied: usize,
    waiting: Vec<Wait>,
    /// The object that the last heartbeat called the worst blocker.
    worst: Option<String>,
}

/// An object that is waited for.
struct Wait {
    object: String,
    why: String,
    done: u32,
    total: u32,
    suspicious: bool,
}

impl Board {
    /// Whether there is nothing to show yet.
    pub fn is_empty(&self) -> bool {
        self.phases.is_empty()
    }

    /// Whether nothing will be written.
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// Takes an event into the picture.
    pub fn event(&mut self, event: &Event, now: Duration) {
        match event {
            Event::DeployStarted(started) => {
                self.dry_run = started.dry_run;
                self.phases = started.phases.iter().map(|phase| (*phase, State::Pending)).collect();
            }
            Event::PhaseStarted { phase, objects, timeout_seconds } => {
                let until = now + Duration::from_secs(*timeout_seconds);
                let running =
                    Running { since: now, until, objects: *objects, applied: 0, waiting: Vec::new(), worst: None };
                self.phases.insert(*phase, State::Running(running));
            }
            Event::PhaseFinished(summary) => {
                self.phases.insert(summary.phase, State::Finished(summary.clone()));
            }
            Event::Applied { phase, .. } => self.running(*phase, |running| running.applied += 1),
            Event::Waiting { phase, object, why, done, total, suspicious } => self.running(*phase, |running| {
                let (object, why) = (object.clone(), why.clone());
                running.forget(&object);
                running.waiting.push(Wait { object, why, done: *done, total: *total, suspicious: *suspicious });
            }),
            Event::Ready { phase, object } => self.running(*phase, |running| running.forget(object)),
            Event::Heartbeat { phase, worst, left_seconds, .. } => self.running(*phase, |running| {
                running.until = now + Duration::from_secs(*left_seconds);
                running.worst = worst.as_ref().map(|worst| worst.object.clone());
            }),
            Event::RollbackStarted { objects, timeout_seconds } => {
                let until = now + Duration::from_secs(*timeout_seconds);
                let running =
                    Running { since: now, until, objects: *objects, applied: 0, waiting: Vec::new(), worst: None };
                self.rollback = Some(running);
            }
            Event::Restored(_) => {
                if let Some(rollback) = &mut self.rollback {
                    rollback.applied = (rollback.applied + 1).min(rollback.objects);
                }
            }
            Event::RollbackFinished { .. } => self.rollback = None,
            Event::Notice { .. }
            | Event::Diagnosis(_)
            | Event::ResetPlanned(_)
            | Event::Deleted { .. }
            | Event::ResetFinished { .. }
            | Event::DeployFinished(_) => {}
        }
    }

    fn running(&mut self, phase: Phase, change: impl FnOnce(&mut Running)) {
        match (&mut self.rollback, self.phases.get_mut(&phase)) {
            (Some(rollback), _) => change(rollback),
            (None, Some(State::Running(running))) => change(running),
            _ => {}
        }
    }

    /// The picture at a time, for a terminal of a size.
    pub fn lines(&self, now: Duration, rows: usize, columns: usize) -> Vec<String> {
        let room = rows.saturating_sub(self.phases.len() + 2).clamp(1, MOST_SHOWN);
        let mut lines = Vec::new();
        for (phase, state) in &self.phases {
            lines.push(self.row(*phase, state, now));
            if let State::Running(running) = state {
                lines.extend(running.waits(room));
            }
        }
        if let Some(rollback) = &self.rollback {
            lines.push(rollback.row("Rollback", now));
            lines.extend(rollback.waits(room));
        }
        let fit = |line: String| truncate_str(line.trim_end(), columns.saturating_sub(1), "…").into_owned();
        lines.into_iter().map(fit).collect()
    }

    fn row(&self, phase: Phase, state: &State, now: Duration) -> String {
        let title = format!("{} {:<18}", phase.number(), phase.title());
        match state {
            State::Pending => style(format!("· {title}")).dim().to_string(),
            State::Running(running) => running.row(&title, now),
            State::Finished(summary) => {
                let (mark, is_timed) = match summary.outcome {
                    Outcome::Done => (style("✔").green(), true),
                    Outcome::Failed | Outcome::TimedOut | Outcome::Interrupted => (style("✘").red(), true),
                    Outcome::Skipped => (style("-").yellow(), false),
                    Outcome::NotReached => (style("·").dim(), false),
                };
                let time = if is_timed { text::measured(summary.seconds) } else { String::new() };
                let status = match (summary.outcome, &summary.reason) {
                    (Outcome::Done, _) => text::counts(std::slice::from_ref(summary), self.dry_run),
                    (outcome, Some(reason)) => format!("{}: {}", outcome.word(), text::on_one_line(reason)),
                    (outcome, None) => outcome.word().to_owned(),
                };
                format!("{mark} {title} {time:>6}  {status}")
            }
        }
    }
}

impl Running {
    fn row(&self, title: &str, now: Duration) -> String {
        let turn = FRAMES[(now.as_millis() / 200) as usize % FRAMES.len()];
        let time = text::whole(now.saturating_sub(self.since).as_secs());
        format!("{} {} {time:>6}  {}", style(turn).cyan(), style(format!("{title:<20}")).bold(), self.status(now))
    }

    fn forget(&mut self, object: &str) {
        self.waiting.retain(|wait| wait.object != object);
    }

    fn status(&self, now: Duration) -> String {
        let left = text::whole(self.until.saturating_sub(now).as_secs());
        if self.applied < self.objects {
            format!("{} of {} applied, {left} left", self.applied, text::objects(self.objects))
        } else if self.waiting.is_empty() {
            format!("{} applied, {left} left", text::objects(self.objects))
        } else {
            format!("waiting for {}, {left} left", self.waiting.len())
        }
    }

    /// What is waited for, worst first, on at most `room` lines.
    fn waits(&self, room: usize) -> Vec<String> {
        let mut waits: Vec<&Wait> = self.waiting.iter().collect();
        waits.sort_by_key(|wait| {
            let is_worst = self.worst.as_ref() == Some(&wait.object);
            let permille = u64::from(wait.done) * 1000 / u64::from(wait.total.max(1));
            (!wait.suspicious, !is_worst, permille, &wait.object)
        });
        let shown = if waits.len() > room { room - 1 } else { waits.len() };
        let mut lines: Vec<String> = waits[..shown]
            .iter()
            .map(|wait| {
                let line = text::waiting(&wait.object, &wait.why, wait.done, wait.total);
                if wait.suspicious {
                    style(format!("    ! {line}")).yellow().to_string()
                } else {
                    format!("      {line}")
                }
            })
            .collect();
        if shown < waits.len() {
            lines.push(style(format!("      and {} more", waits.len() - shown)).dim().to_string());
        }
        lines
    }
}
