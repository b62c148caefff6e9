//! Each part of a status in sentences, and whether it is well.

use super::super::history;
use super::super::text::{measured, objects};
use crate::cluster::Fault;
use crate::pipeline::{Outcome as Ended, Workload};
use crate::release::Journal;
use crate::status::{Alert, Autoscaler, Backups, Change, Drift, Drifted, Metric, Outcome, Run, Status};
use crate::watchdog::{Postgres, Redis, Roles};

/// So many fields of one object are named.
const FIELDS: usize = 3;

/// Whether something is well; what is not comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Somebody has to look at it.
    Wrong,
    /// Nobody knows.
    Unknown,
    /// It is well.
    Well,
}

impl Standing {
    /// How a line begins.
    pub fn word(self) -> &'static str {
        match self {
            Self::Wrong => "WRONG",
            Self::Unknown => "?",
            Self::Well => "ok",
        }
    }
}

/// A part.
#[derive(Debug)]
pub struct Part {
    /// Whether it is well.
    pub standing: Standing,
    /// What it is about.
    pub title: &'static str,
    /// What there is to say.
    pub said: Vec<String>,
}

impl Part {
    fn new(standing: Standing, title: &'static str, said: Vec<String>) -> Self {
        Self { standing, title, said }
    }

    fn unknown(title: &'static str, fault: &Fault) -> Self {
        Self::new(Standing::Unknown, title, vec![fault.to_string()])
    }

    fn well(title: &'static str, said: String) -> Self {
        Self::new(Standing::Well, title, vec![said])
    }
}

/// Every part of which there is something to say, those first that people look at first.
pub fn parts(status: &Status) -> Vec<Part> {
    let mut parts = Vec::new();
    match &status.alerts {
        Ok(None) => {}
        Ok(Some(alerts)) => parts.push(firing(alerts)),
        Err(fault) => parts.push(Part::unknown("alerts", fault)),
    }
    match &status.workloads {
        Ok(workloads) => parts.extend(ready(workloads)),
        Err(fault) => parts.push(Part::unknown("workloads", fault)),
    }
    match &status.roles {
        Ok(None) => {}
        Ok(Some(roles)) => parts.extend(leading(roles)),
        Err(fault) => parts.push(Part::unknown("who leads", fault)),
    }
    match &status.autoscalers {
        Ok(autoscalers) => parts.extend(scaling(autoscalers)),
        Err(fault) => parts.push(Part::unknown("autoscaled", fault)),
    }
    match &status.backups {
        Ok(backups) => parts.extend(backed_up(backups)),
        Err(fault) => parts.push(Part::unknown("backup", fault)),
    }
    match &status.drift {
        Ok(None) => {}
        Ok(Some(drift)) => parts.push(drifted(drift)),
        Err(fault) => parts.push(Part::unknown("drift", fault)),
    }
    match &status.locks {
        Ok(locks) if locks.is_empty() => {}
        Ok(locks) => parts.push(Part::new(Standing::Well, "deploying", locks.clone())),
        Err(fault) => parts.push(Part::unknown("lock", fault)),
    }
    parts.extend(status.in_place().map(phases));
    match &status.journals {
        Ok(_) => parts.extend(releases(status)),
        Err(fault) => parts.push(Part::unknown("releases", fault)),
    }
    parts
}

fn firing(alerts: &[Alert]) -> Part {
    let said = |Alert { name, severity, since, summary }: &Alert| {
        let severity = severity.as_ref().map_or_else(String::new, |severity| format!("{severity} "));
        let since = since.map_or_else(String::new, |since| format!(" since {} UTC", history::when(since)));
        let summary = summary.as_ref().map_or_else(String::new, |summary| format!(": {summary}"));
        format!("{severity}{name}{since}{summary}")
    };
    match alerts.is_empty() {
        true => Part::well("alerts", "none fires".to_owned()),
        false => Part::new(Standing::Wrong, "alerts", alerts.iter().map(said).collect()),
    }
}

/// The workloads that are not ready, each with what it lacks; and how many are.
fn ready(workloads: &[Workload]) -> Option<Part> {
    let unready = workloads.iter().filter_map(|Workload { kind, name, ready, wanted, why }| {
        why.as_ref().map(|why| format!("{kind} {name} {ready}/{wanted}: {why}"))
    });
    let mut said: Vec<String> = unready.collect();
    let well = workloads.iter().filter(|workload| workload.why.is_none());
    let (count, pods) = (well.clone().count(), well.map(|workload| workload.ready).sum::<i32>());
    let total = workloads.len();
    if said.is_empty() {
        return (total > 0).then(|| Part::well("workloads", format!("{count} of {total} are ready, {pods} pods")));
    }
    said.push(format!("{count} of {total} are ready"));
    Some(Part::new(Standing::Wrong, "workloads", said))
}

/// Who leads, and how the other one keeps up.
fn leading(roles: &Roles) -> [Part; 3] {
    let Roles { watchdog, unknown, postgres, redis } = roles;
    let watchdog = match (watchdog, unknown) {
        (Some(pod), _) => (Standing::Well, format!("{pod} leads")),
        (None, Some(why)) => (Standing::Unknown, format!("it is not known which one leads: {why}")),
        (None, None) => (Standing::Wrong, "none leads: nothing fails over".to_owned()),
    };
    [("PostgreSQL", of_postgres(postgres)), ("Redis", of_redis(redis)), ("watchdog", watchdog)]
        .map(|(title, (standing, said))| Part::new(standing, title, vec![said]))
}

fn of_postgres(postgres: &Postgres) -> (Standing, String) {
    let Postgres { primary, synchronous_standby, timeline, failovers, lag_bytes } = postgres;
    let (standing, standby) = match synchronous_standby {
        Some(standby) => (Standing::Well, format!("{standby} is its synchronous standby")),
        None => (Standing::Wrong, "no standby has everything, so nobody can take over".to_owned()),
    };
    let behind = behind(*lag_bytes);
    (standing, format!("{primary} is primary, {standby}{behind}; timeline {timeline}, failovers {failovers}"))
}

fn of_redis(redis: &Redis) -> (Standing, String) {
    let (standing, replica) = match redis.replica_attached {
        Some(true) => (Standing::Well, ", a replica is attached"),
        Some(false) => (Standing::Wrong, ", no replica is attached, so nobody can take over"),
        None => (Standing::Well, ""),
    };
    (standing, format!("{} is master{replica}{}", redis.master, behind(redis.lag_bytes)))
}

fn behind(bytes: Option<i64>) -> String {
    bytes.map_or_else(String::new, |bytes| format!(" ({bytes} bytes behind)"))
}

fn scaling(autoscalers: &[Autoscaler]) -> Option<Part> {
    let is_unwell = |one: &&Autoscaler| one.at_most || one.why.is_some();
    let said = |one: &Autoscaler| {
        let Autoscaler { target, now, min, max, at_most, metrics, why, .. } = one;
        let target = target.split_once(' ').map_or(target.as_str(), |(_, name)| name);
        let now = now.map_or_else(|| "?".to_owned(), |now| now.to_string());
        let most = if *at_most { ", at its most" } else { "" };
        let metric = |Metric { name, current, target }: &Metric| {
            format!("{name} {}/{target}", current.as_deref().unwrap_or("?"))
        };
        let metrics: Vec<String> = metrics.iter().map(metric).collect();
        let metrics = if metrics.is_empty() { String::new() } else { format!(" ({})", metrics.join(", ")) };
        let why = why.as_ref().map_or_else(String::new, |why| format!("; it cannot scale: {why}"));
        format!("{target} {now} of {min} to {max}{most}{metrics}{why}")
    };
    if autoscalers.is_empty() {
        return None;
    }
    let mut sorted: Vec<&Autoscaler> = autoscalers.iter().collect();
    sorted.sort_by_key(|one| !is_unwell(one));
    let standing = if sorted.iter().any(is_unwell) { Standing::Wrong } else { Standing::Well };
    Some(Part::new(standing, "autoscaled", sorted.into_iter().map(said).collect()))
}

fn backed_up(backups: &[Backups]) -> Option<Part> {
    let is_unwell = |one: &&Backups| one.last.as_ref().is_some_and(|run| run.outcome == Outcome::Failed);
    let said = |one: &Backups| {
        let Backups { what, schedule, next, last, last_success, .. } = one;
        let ended = |run: &Run| run.ended.or(run.began).map_or_else(String::new, |at| format!(" {}", minute(at)));
        let good = || last_success.map_or_else(String::new, |at| format!(", the last good one {}", minute(at)));
        let told = match last {
            None => "has no run that is known".to_owned(),
            Some(run @ Run { outcome: Outcome::Succeeded, .. }) => format!("ok{}", ended(run)),
            Some(run @ Run { outcome: Outcome::Running, .. }) => format!("runs since{}{}", ended(run), good()),
            Some(run @ Run { outcome: Outcome::Failed, job, why, .. }) => {
                let why = why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
                format!("failed{} (Job {job}{why}){}", ended(run), good())
            }
        };
        let next = match (next, schedule) {
            (Some(next), _) => format!("next {} UTC", minute(*next)),
            (None, Some(schedule)) => format!("next at {schedule}"),
            (None, None) => "only by hand".to_owned(),
        };
        format!("{what} {told}, {next}")
    };
    if backups.is_empty() {
        return None;
    }
    let mut sorted: Vec<&Backups> = backups.iter().collect();
    sorted.sort_by_key(|one| !is_unwell(one));
    let standing = if sorted.iter().any(is_unwell) { Standing::Wrong } else { Standing::Well };
    Some(Part::new(standing, "backup", sorted.into_iter().map(said).collect()))
}

/// A time to the minute, which is enough for what happens once a day.
fn minute(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M").to_string()
}

fn drifted(drift: &Drift) -> Part {
    let Drift { release, looked_at, objects: drifted, unknown } = drift;
    let one = |Drifted { object, change, by, at, fields }: &Drifted| {
        let by: Vec<&str> = by.iter().map(String::as_str).collect();
        let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ")) };
        let at = at.map_or_else(String::new, |at| format!(", {} UTC", history::when(at)));
        match change {
            Change::Deleted => format!("{object} was deleted"),
            Change::Replaced => format!("{object} was deleted and made anew{by}{at}"),
            Change::Changed => {
                let more = match fields.len().saturating_sub(FIELDS) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let named: Vec<&str> = fields.iter().take(FIELDS).map(String::as_str).collect();
                format!("{object} was changed{by}{at}: {}{more}", named.join(", "))
            }
        }
    };
    let unseen = unknown.iter().map(|(kind, why)| format!("{kind}s cannot be compared: {why}"));
    let compared = objects(*looked_at);
    match (drifted.is_empty(), unknown.is_empty()) {
        (true, true) => Part::well("drift", format!("{compared} are as release {release} left them")),
        (true, false) => Part::new(Standing::Unknown, "drift", unseen.collect()),
        (false, _) => Part::new(Standing::Wrong, "drift", drifted.iter().map(one).chain(unseen).collect()),
    }
}

/// How each phase of the release in place ended, and how long it took.
fn phases(journal: &Journal) -> Part {
    let is_well = |word: &str| [Ended::Done, Ended::Skipped].iter().any(|outcome| outcome.word() == word);
    let all_well = journal.phases.iter().all(|entry| is_well(&entry.outcome));
    let told = journal.phases.iter().map(|entry| {
        let name = entry.phase.name();
        match entry.outcome == Ended::Done.word() {
            true => format!("{name} {}", measured(entry.seconds)),
            false => format!("{name} {}", entry.outcome),
        }
    });
    let told: Vec<String> = told.collect();
    let standing = if all_well { Standing::Well } else { Standing::Wrong };
    let told = if told.is_empty() { "none is recorded".to_owned() } else { told.join(", ") };
    Part::new(standing, "phases", vec![told])
}

/// The last releases; what is unfinished is for somebody to look at.
fn releases(status: &Status) -> Option<Part> {
    let last = status.last().map(|journal| {
        let Journal { release, started, author, .. } = journal;
        let (what, outcome) = (history::what(journal.action), history::outcome(journal, false));
        format!("{release}, {} UTC: {what} by {}@{}, {outcome}", minute(*started), author.user, author.host)
    });
    let last: Vec<String> = last.collect();
    let unfinished = status.unfinished().map(|journal| {
        format!("release {} is under way, or was broken off: the next deploy rolls it back then", journal.release)
    });
    let unfinished: Vec<String> = unfinished.collect();
    let standing = if unfinished.is_empty() { Standing::Well } else { Standing::Wrong };
    let said: Vec<String> = unfinished.into_iter().chain(last).collect();
    (!said.is_empty()).then(|| Part::new(standing, "releases", said))
}
