//! The live picture: one line per phase, and under the running one what it waits for. Data to lines; it draws nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use console::{style, truncate_str};

use crate::pipeline::{Event, Outcome, PhaseSummary};
use crate::render::Phase;

use super::glyphs::{Glyphs, UNICODE};
use super::text;
use super::waits::{Wait, Waits};

/// What waits are to have room for; with fewer rows the phases that do not run are counted, not listed.
const ROOM: usize = 4;

/// A terminal with fewer columns has no room for columns.
const NARROW: usize = 72;

/// What is known of every phase. All times are since the same start.
pub struct Board {
    glyphs: &'static Glyphs,
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
    waits: Waits,
}

/// What a picture has to fit into.
#[derive(Clone, Copy)]
struct Frame {
    now: Duration,
    is_narrow: bool,
}

impl Default for Board {
    fn default() -> Self {
        Self::new(&UNICODE)
    }
}

impl Board {
    /// One that knows nothing yet.
    pub fn new(glyphs: &'static Glyphs) -> Self {
        Self { glyphs, phases: BTreeMap::new(), rollback: None, dry_run: false }
    }

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
                self.phases.insert(*phase, State::Running(Running::new(now, *objects, *timeout_seconds)));
            }
            Event::PhaseFinished(summary) => {
                self.phases.insert(summary.phase, State::Finished(summary.clone()));
            }
            Event::Applied { phase, .. } => self.running(*phase, |running| running.applied += 1),
            Event::Waiting { phase, object, why, done, total, suspicious, fails_in_seconds } => {
                self.running(*phase, |running| {
                    running.waits.add(Wait {
                        object: object.clone(),
                        why: why.clone(),
                        done: *done,
                        total: *total,
                        suspicious: *suspicious,
                        since: now,
                        fails_after: fails_in_seconds.map(Duration::from_secs),
                    });
                });
            }
            Event::Ready { phase, object } => self.running(*phase, |running| running.waits.forget(object)),
            Event::Heartbeat { phase, worst, left_seconds, .. } => self.running(*phase, |running| {
                running.until = now + Duration::from_secs(*left_seconds);
                running.waits.worst = worst.as_ref().map(|worst| worst.object.clone());
            }),
            Event::RollbackStarted { objects, timeout_seconds } => {
                self.rollback = Some(Running::new(now, *objects, *timeout_seconds));
            }
            Event::Restored(_) => {
                if let Some(rollback) = &mut self.rollback {
                    rollback.applied = (rollback.applied + 1).min(rollback.objects);
                }
            }
            Event::RollbackFinished { .. } => self.rollback = None,
            Event::Notice { .. }
            | Event::LogLine { .. }
            | Event::Warning { .. }
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
        let (rows, width) = (rows.saturating_sub(1), columns.saturating_sub(1));
        let frame = Frame { now, is_narrow: columns < NARROW };
        let heads = self.phases.len() + usize::from(self.rollback.is_some());
        let (before, running, after) = match heads + ROOM > rows {
            true => self.counted(frame),
            false => self.listed(frame),
        };
        let used = before.len() + after.len() + usize::from(running.is_some());
        let mut lines = before;
        if let Some((title, running)) = running {
            lines.push(running.row(&title, frame, self.glyphs));
            let room = rows.saturating_sub(used);
            lines.extend(running.waits.lines(now, room, width, frame.is_narrow, self.glyphs));
        }
        lines.extend(after);
        let fit = |line: String| truncate_str(line.trim_end(), width, self.glyphs.cut).into_owned();
        lines.into_iter().map(fit).collect()
    }

    /// Every phase on a line: those before what runs, that, and those after it.
    fn listed(&self, frame: Frame) -> (Vec<String>, Option<(String, &Running)>, Vec<String>) {
        let (mut before, mut running, mut after) = (Vec::new(), None, Vec::new());
        for (phase, state) in &self.phases {
            match (state, running.is_none()) {
                (State::Running(now), _) => running = Some((title(*phase), now)),
                (state, true) => before.push(self.row(*phase, state, frame)),
                (state, false) => after.push(self.row(*phase, state, frame)),
            }
        }
        match &self.rollback {
            Some(rollback) => (before, Some(("Rollback".to_owned(), rollback)), Vec::new()),
            None => (before, running, after),
        }
    }

    /// What runs and what has failed on a line each, what is done or to come in a number.
    fn counted(&self, frame: Frame) -> (Vec<String>, Option<(String, &Running)>, Vec<String>) {
        let (mut before, mut running, mut pending) = (Vec::new(), None, 0);
        let (mut done, mut seconds) = (0, 0.0);
        for (phase, state) in &self.phases {
            match state {
                State::Running(now) => running = Some((title(*phase), now)),
                State::Finished(summary) if summary.outcome.failure().is_some() => {
                    before.push(self.row(*phase, state, frame));
                }
                State::Finished(summary) => {
                    done += 1;
                    seconds += summary.seconds;
                }
                State::Pending => pending += 1,
            }
        }
        if done > 0 {
            let words = format!("{} done in {}", phases(done), text::measured(seconds));
            before.insert(0, format!("{} {words}", style(self.glyphs.done).green()));
        }
        if let Some(rollback) = &self.rollback {
            running = Some(("Rollback".to_owned(), rollback));
        }
        let rest = style(format!("{} {} to come", self.glyphs.pending, phases(pending))).dim().to_string();
        let after = if pending > 0 && self.rollback.is_none() { vec![rest] } else { Vec::new() };
        (before, running, after)
    }

    fn row(&self, phase: Phase, state: &State, frame: Frame) -> String {
        let title = title(phase);
        match state {
            State::Pending => style(format!("{} {title}", self.glyphs.pending)).dim().to_string(),
            State::Running(running) => running.row(&title, frame, self.glyphs),
            State::Finished(summary) => {
                let (mark, is_timed) = match summary.outcome {
                    Outcome::Done => (style(self.glyphs.done).green(), true),
                    Outcome::Failed | Outcome::TimedOut | Outcome::Interrupted => {
                        (style(self.glyphs.failed).red(), true)
                    }
                    Outcome::Skipped => (style("-").yellow(), false),
                    Outcome::NotReached => (style(self.glyphs.pending).dim(), false),
                };
                let time = if is_timed { text::measured(summary.seconds) } else { String::new() };
                let status = match (summary.outcome, &summary.reason) {
                    (Outcome::Done, _) => text::counts(std::slice::from_ref(summary), self.dry_run),
                    (outcome, Some(reason)) => format!("{}: {}", outcome.word(), text::on_one_line(reason)),
                    (outcome, None) => outcome.word().to_owned(),
                };
                format!("{mark} {}", in_columns(&title, &time, &status, frame))
            }
        }
    }
}

fn title(phase: Phase) -> String {
    format!("{} {}", phase.number(), phase.title())
}

/// "1 phase", "3 phases".
fn phases(count: usize) -> String {
    format!("{count} phase{}", if count == 1 { "" } else { "s" })
}

fn in_columns(title: &str, time: &str, status: &str, frame: Frame) -> String {
    match frame.is_narrow {
        true => [title, time, status].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "),
        false => format!("{title:<20} {time:>6}  {status}"),
    }
}

impl Running {
    fn new(since: Duration, objects: usize, timeout_seconds: u64) -> Self {
        let until = since + Duration::from_secs(timeout_seconds);
        Self { since, until, objects, applied: 0, waits: Waits::default() }
    }

    fn row(&self, title: &str, frame: Frame, glyphs: &Glyphs) -> String {
        let turn = glyphs.turns[(frame.now.as_millis() / 200) as usize % glyphs.turns.len()];
        let time = text::whole(frame.now.saturating_sub(self.since).as_secs());
        let words = in_columns(title, &time, &self.status(frame.now), frame);
        let (title, rest) = words.split_at(title.len());
        format!("{} {}{rest}", style(turn).cyan(), style(title).bold())
    }

    fn status(&self, now: Duration) -> String {
        let left = text::whole(self.until.saturating_sub(now).as_secs());
        let waits = self.waits.len();
        if waits > 0 {
            format!("waiting for {waits}, {left} left")
        } else if self.applied < self.objects {
            format!("{} of {} applied, {left} left", self.applied, text::objects(self.objects))
        } else {
            format!("{} applied, {left} left", text::objects(self.objects))
        }
    }
}
