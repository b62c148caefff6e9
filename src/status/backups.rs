//! The last dump, its verification and its copy off site, as their Jobs tell it: a CronJob keeps its newest ones.

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobCondition};
use serde::Serialize;
use serde_json::Value;

use super::objects::Objects;
use crate::backup::{CHECKS, DUMPS, OFF_SITE};
use crate::cluster::Fault;
use crate::readiness::{Schedule, World};

/// What its CronJobs do, in the order in which it is told.
const CRON_JOBS: [(&str, &str); 3] = [(DUMPS, "backup"), (CHECKS, "verification"), (OFF_SITE, "copy off site")];

/// One of the CronJobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Backups {
    /// What it does: "backup", "verification" or "copy off site".
    pub what: &'static str,
    /// The CronJob.
    pub name: &'static str,
    /// When, in cron's words; None: only by hand.
    pub schedule: Option<String>,
    /// The next time; None where there is none, or cron's words are not understood.
    pub next: Option<Timestamp>,
    /// The newest run that is remembered.
    pub last: Option<Run>,
    /// When the newest run that succeeded ended, of those that are remembered.
    pub last_success: Option<Timestamp>,
}

/// One Job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Its name.
    pub job: String,
    /// When it began.
    pub began: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// What it came to.
    pub outcome: Outcome,
    /// Why it failed.
    pub why: Option<String>,
}

/// What a Job came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It runs.
    Running,
    /// It is done.
    Succeeded,
    /// It is not.
    Failed,
}

/// What is known of them; those of the CronJobs that are there.
///
/// # Errors
/// When the CronJobs cannot be read.
pub fn backups<'a>(objects: &'a Objects, world: &World, now: Timestamp) -> Result<Vec<Backups>, &'a Fault> {
    let crons = objects.of_kind("CronJob")?;
    let of = |(name, what): (&'static str, &'static str)| {
        let cron = crons.iter().find(|cron| cron["metadata"]["name"] == name)?;
        Some(read(cron, name, what, world, now))
    };
    Ok(CRON_JOBS.into_iter().filter_map(of).collect())
}

fn read(cron: &Value, name: &'static str, what: &'static str, world: &World, now: Timestamp) -> Backups {
    let spec = &cron["spec"];
    let schedule = spec["schedule"].as_str().filter(|_| spec["suspend"] != true);
    let mut runs: Vec<Run> = world.jobs.values().filter(|job| is_run(job, cron)).map(|job| run(job)).collect();
    runs.sort_by_key(|run| run.began);
    let succeeded = runs.iter().filter(|run| run.outcome == Outcome::Succeeded);
    Backups {
        what,
        name,
        next: schedule.and_then(Schedule::read).and_then(|schedule| schedule.after(now)),
        schedule: schedule.map(str::to_owned),
        last_success: succeeded.filter_map(|run| run.ended).max(),
        last: runs.pop(),
    }
}

/// Whether a Job does what the CronJob does, by the clock or by hand: lists and restores are Jobs of it too, with another
/// command.
fn is_run(job: &Job, cron: &Value) -> bool {
    let owners = job.metadata.owner_references.iter().flatten();
    let is_its = owners.into_iter().any(|owner| cron["metadata"]["uid"] == owner.uid.as_str());
    let pod = job.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let command =
        pod.and_then(|pod| pod.containers.first()).and_then(|first| first.command.clone()).unwrap_or_default();
    let wanted = &cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["command"];
    let wanted: Vec<&str> = wanted.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    // The backup to verify may be named behind it.
    is_its && !wanted.is_empty() && command.len() >= wanted.len() && wanted.iter().zip(&command).all(|(a, b)| a == b)
}

fn run(job: &Job) -> Run {
    let status = job.status.as_ref();
    let conditions = || status.and_then(|status| status.conditions.as_ref()).into_iter().flatten();
    let holds = |kind: &str| conditions().find(|condition| condition.type_ == kind && condition.status == "True");
    let time = |condition: &JobCondition| condition.last_transition_time.as_ref().map(|time| time.0);
    let began = status.and_then(|status| status.start_time.as_ref()).or(job.metadata.creation_timestamp.as_ref());
    let (outcome, ended, why) = match (holds("Failed"), holds("Complete")) {
        (Some(failed), _) => {
            let words = [&failed.reason, &failed.message];
            let words: Vec<&str> = words.into_iter().flatten().map(String::as_str).collect();
            (Outcome::Failed, time(failed), Some(words.join(": ")))
        }
        (None, Some(complete)) => {
            let ended = status.and_then(|status| status.completion_time.as_ref()).map(|time| time.0);
            (Outcome::Succeeded, ended.or_else(|| time(complete)), None)
        }
        (None, None) => (Outcome::Running, None, None),
    };
    Run { job: job.metadata.name.clone().unwrap_or_default(), began: began.map(|time| time.0), ended, outcome, why }
}
