//! Jobs run pods until enough of them have succeeded
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/job/>).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::object::{is_active, is_in_phase, is_terminating, is_true, name, set_counts, uid};
use super::template;
use super::turn::Turn;

/// The first pause after a failure, and the longest
/// (<https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-backoff-failure-policy>).
const BACKOFF: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(360));
/// How many failures are forgiven where nothing is said.
const LIMIT: i64 = 6;

/// How many pods of a Job (by its uid) had failed, and when the last of them did.
pub type Backoffs = BTreeMap<String, (usize, Duration)>;

/// Takes every Job that has not ended one step further.
pub fn step(turn: &mut Turn, backoffs: &mut Backoffs) {
    for job in turn.list("Job") {
        if !is_true(&job, "Complete") && !is_true(&job, "Failed") && !is_terminating(&job) {
            sync(turn, &job, backoffs);
        }
    }
}

fn sync(turn: &mut Turn, job: &Value, backoffs: &mut Backoffs) {
    let spec = &job["spec"];
    let pods = turn.owned_by("Pod", job);
    let mut active: Vec<&Arc<Value>> = pods.iter().filter(|pod| is_active(pod)).collect();
    let failed = pods.iter().filter(|pod| is_in_phase(pod, "Failed")).count();
    let succeeded = number(pods.iter().filter(|pod| is_in_phase(pod, "Succeeded")).count());
    let started = job["status"]["startTime"].clone();
    let started = if started.is_null() { json!(turn.time) } else { started };

    let wanted = spec["completions"].as_i64().unwrap_or(1);
    let end = if succeeded >= wanted {
        Some(("Complete", "", ""))
    } else if number(failed) > spec["backoffLimit"].as_i64().unwrap_or(LIMIT) {
        Some(("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"))
    } else if is_too_late(turn, spec, &started) {
        Some(("Failed", "DeadlineExceeded", "Job was active longer than specified deadline"))
    } else {
        None
    };
    let mut running = number(active.len());
    let mut lost = 0;
    if let Some((kind, ..)) = end {
        // What was still running when a Job failed counts as failed.
        lost = if kind == "Failed" { running } else { 0 };
        active.drain(..).for_each(|pod| turn.delete(pod));
        running = 0;
    } else if spec["suspend"] != true && may_try(turn, job, failed, backoffs) {
        let parallel = spec["parallelism"].as_i64().unwrap_or(1).min(wanted - succeeded);
        running += (running..parallel).map(|_| i64::from(create(turn, job))).sum::<i64>();
    }

    let mut status = Map::new();
    set_counts(&mut status, &[("active", running), ("succeeded", succeeded), ("failed", number(failed) + lost)]);
    status.insert("startTime".to_owned(), started);
    if let Some((kind, reason, message)) = end {
        status.insert("conditions".to_owned(), json!([condition(turn, kind, reason, message)]));
        if kind == "Complete" {
            status.insert("completionTime".to_owned(), json!(turn.time));
        }
    }
    turn.set_status(job, Value::Object(status));
}

fn is_too_late(turn: &mut Turn, spec: &Value, started: &Value) -> bool {
    let since = turn.moment(started);
    spec["activeDeadlineSeconds"].as_u64().is_some_and(|seconds| turn.is_due(since + Duration::from_secs(seconds)))
}

/// After a failure the next pod comes later, each time twice as much.
fn may_try(turn: &mut Turn, job: &Value, failed: usize, backoffs: &mut Backoffs) -> bool {
    if failed == 0 {
        return true;
    }
    let (known, since) = backoffs.entry(uid(job)).or_default();
    if *known != failed {
        (*known, *since) = (failed, turn.now());
    }
    let doubled = u32::try_from(failed - 1).ok().and_then(|times| 2_u32.checked_pow(times));
    let pause = doubled.and_then(|times| BACKOFF.0.checked_mul(times)).unwrap_or(BACKOFF.1).min(BACKOFF.1);
    turn.is_due(*since + pause)
}

fn create(turn: &mut Turn, job: &Value) -> bool {
    let mut pod = template::pod(job, &job["spec"]["template"]);
    let suffix = template::letters(&format!("{} {}", name(job), turn.version()), 5);
    pod["metadata"]["generateName"] = json!(format!("{}-", name(job)));
    pod["metadata"]["name"] = json!(format!("{}-{suffix}", name(job)));
    pod["metadata"]["labels"]["controller-uid"] = job["metadata"]["uid"].clone();
    pod["metadata"]["labels"]["job-name"] = json!(name(job));
    turn.create(pod).is_some()
}

fn condition(turn: &Turn, kind: &str, reason: &str, message: &str) -> Value {
    let mut condition = json!({"type": kind, "status": "True", "lastProbeTime": turn.time,
                               "lastTransitionTime": turn.time});
    if !reason.is_empty() {
        condition["reason"] = json!(reason);
        condition["message"] = json!(message);
    }
    condition
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
