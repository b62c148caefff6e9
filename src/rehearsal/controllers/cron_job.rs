//! CronJobs make a Job whenever it is time
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/>).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::server::written;
use super::object::{is_true, name, owner_reference};
use super::turn::Turn;
use crate::readiness::Schedule;

/// How many moments may be missed before none of them is made up for.
const MISSED: usize = 100;
/// How many Jobs that succeeded and that failed stay where nothing is said.
const HISTORY: [(&str, &str, u64); 2] =
    [("successfulJobsHistoryLimit", "Complete", 3), ("failedJobsHistoryLimit", "Failed", 1)];

/// Takes every CronJob one step further (k8s:pkg/controller/cronjob/cronjob_controller.go, `syncOne`).
pub fn step(turn: &mut Turn) {
    for cron in turn.list("CronJob") {
        let jobs = turn.owned_by("Job", &cron);
        let mut status = cron["status"].as_object().cloned().unwrap_or_default();
        let is_active =
            |reference: &Value| jobs.iter().any(|job| job["metadata"]["uid"] == reference["uid"] && !has_ended(job));
        let mut active = status.remove("active").and_then(|active| active.as_array().cloned()).unwrap_or_default();
        active.retain(is_active);
        if let Some(time) = due(turn, &cron)
            && (cron["spec"]["concurrencyPolicy"] != "Forbid" || active.is_empty())
        {
            if cron["spec"]["concurrencyPolicy"] == "Replace" {
                let replaced = jobs.iter().filter(|job| !has_ended(job));
                replaced.for_each(|job| turn.delete(job));
                active.clear();
            }
            if let Some(job) = turn.create(job(&cron, time)) {
                active.push(reference(&job));
                status.insert("lastScheduleTime".to_owned(), json!(written(time)));
            }
        }
        if !active.is_empty() {
            status.insert("active".to_owned(), Value::Array(active));
        }
        turn.set_status(&cron, Value::Object(status));
        forget_oldest(turn, &cron, jobs);
    }
}

fn has_ended(job: &Value) -> bool {
    is_true(job, "Complete") || is_true(job, "Failed")
}

/// The last moment that has come since the Job before, unless it is too late for it; the controllers run again at the
/// next one (k8s:pkg/controller/cronjob/utils.go, `getRecentUnmetScheduleTimes`).
fn due(turn: &mut Turn, cron: &Value) -> Option<Timestamp> {
    let schedule = Schedule::read(cron["spec"]["schedule"].as_str()?)?;
    if cron["spec"]["suspend"] == true {
        return None;
    }
    let now: Timestamp = turn.time.parse().ok()?;
    let last = cron["status"]["lastScheduleTime"].as_str().or_else(|| cron["metadata"]["creationTimestamp"].as_str());
    let mut since: Timestamp = last?.parse().ok()?;
    if let Some(seconds) = cron["spec"]["startingDeadlineSeconds"].as_u64() {
        since = since.max(now.checked_sub(Duration::from_secs(seconds)).ok()?);
    }
    let mut found = None;
    for _ in 0..=MISSED {
        let next = schedule.after(found.unwrap_or(since))?;
        if !turn.is_due(turn.moment(&json!(written(next)))) {
            return found;
        }
        found = Some(next);
    }
    None
}

/// Named by its time, so that it is made once.
fn job(cron: &Value, time: Timestamp) -> Value {
    let template = &cron["spec"]["jobTemplate"];
    let mut metadata = json!({
        "name": format!("{}-{}", name(cron), time.as_second()),
        "namespace": cron["metadata"]["namespace"],
        "ownerReferences": [owner_reference(cron)],
    });
    for field in ["labels", "annotations"] {
        if let Some(value) = template["metadata"].get(field) {
            metadata[field] = value.clone();
        }
    }
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"], "status": {}})
}

fn reference(job: &Value) -> Value {
    let metadata = &job["metadata"];
    json!({"apiVersion": job["apiVersion"], "kind": job["kind"], "namespace": metadata["namespace"],
           "name": metadata["name"], "uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]})
}

/// Deletes the oldest Jobs that have ended, beyond the limits.
fn forget_oldest(turn: &mut Turn, cron: &Value, mut jobs: Vec<Arc<Value>>) {
    jobs.sort_by_cached_key(|job| job["status"]["startTime"].to_string());
    for (limit, end, default) in HISTORY {
        let limit = cron["spec"][limit].as_u64().unwrap_or(default);
        let ended: Vec<&Arc<Value>> = jobs.iter().filter(|job| is_true(job, end)).collect();
        let too_many = ended.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
        ended.into_iter().take(too_many).for_each(|job| turn.delete(job));
    }
}
