//! When a CronJob's jobs begin, and which of them stay.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::object::name;
use super::cluster::{Cluster, template};
use crate::readiness::Schedule;

#[test]
fn a_schedule_is_read_as_cron_does() {
    // 1 January 2026 is a Thursday.
    for (schedule, after, next) in [
        ("* * * * *", "2026-01-01T00:00:00", "2026-01-01T00:01"),
        ("* * * * *", "2026-01-01T00:00:59", "2026-01-01T00:01"),
        ("0 2 * * *", "2026-01-01T01:59:59", "2026-01-01T02:00"),
        ("0 2 * * *", "2026-01-01T02:00:00", "2026-01-02T02:00"),
        ("*/15 * * * *", "2026-01-01T00:46:00", "2026-01-01T01:00"),
        ("5/20 3,4 * * *", "2026-01-01T03:45:00", "2026-01-01T04:05"),
        ("30 6-8/2 * * *", "2026-01-01T06:30:00", "2026-01-01T08:30"),
        ("0 0 29 2 *", "2026-01-01T00:00:00", "2028-02-29T00:00"),
        ("59 23 31 * *", "2026-02-01T00:00:00", "2026-03-31T23:59"),
        ("0 0 * * 0", "2026-01-01T00:00:00", "2026-01-04T00:00"),
        ("0 0 1-7 * 1", "2026-01-08T00:00:00", "2026-01-12T00:00"),
        ("0 0 */10 * 1", "2026-01-01T00:00:00", "2026-05-11T00:00"),
    ] {
        let after: Timestamp = format!("{after}Z").parse().unwrap();
        let found = Schedule::read(schedule).unwrap().after(after).unwrap();
        assert_eq!(found.to_string(), format!("{next}:00Z"), "{schedule} after {after}");
    }
    for wrong in ["", "* * * *", "60 * * * *", "* * 0 * *", "* * * * 7", "5-1 * * * *", "*/0 * * * *", "a * * * *"] {
        assert!(Schedule::read(wrong).is_none(), "{wrong}");
    }
    assert!(Schedule::read("0 0 31 2 *").unwrap().after(Timestamp::UNIX_EPOCH).is_none(), "it never comes");
}

fn cron(spec: Value) -> Cluster {
    let mut cluster = Cluster::new();
    let mut object = json!({"apiVersion": "batch/v1beta1", "kind": "CronJob", "metadata": {"name": "x"}, "spec": {
        "schedule": "*/2 * * * *",
        "jobTemplate": {"metadata": {"labels": {"app": "x"}}, "spec": {"template": template("Never", None)}},
    }});
    json_patch::merge(&mut object["spec"], &spec);
    cluster.create(object);
    cluster
}

#[test]
fn a_job_is_made_at_its_time_and_the_oldest_go() {
    let mut cluster = cron(json!({"successfulJobsHistoryLimit": 2}));
    cluster.pass(119);
    assert!(cluster.list("Job").is_empty());
    cluster.pass(1);
    assert_eq!(name(&cluster.one("Job")), "x-1767225720", "named by its time");
    let status = cluster.one("CronJob")["status"].clone();
    assert_eq!(status["active"][0]["name"], "x-1767225720");
    assert_eq!(status["lastScheduleTime"], "2026-01-01T00:02:00Z");
    cluster.pass(10);
    assert!(cluster.one("CronJob")["status"]["active"].is_null(), "it has ended");
    cluster.pass(600);
    let jobs = cluster.list("Job");
    assert_eq!(jobs.iter().map(|job| name(job)).collect::<Vec<_>>(), ["x-1767226200", "x-1767226320"]);
    assert_eq!(cluster.list("Pod").len(), 2);
    cluster.change("CronJob", |cron| cron["spec"]["suspend"] = json!(true));
    let last = cluster.list("Job");
    cluster.pass(600);
    assert_eq!(cluster.list("Job"), last);
}

#[test]
fn jobs_that_overlap_are_forbidden_replaced_or_allowed() {
    // Jobs that never end: those that are left after the third time.
    let times = ["x-1767225720", "x-1767225840", "x-1767225960"];
    for (policy, left) in [("Forbid", &times[..1]), ("Replace", &times[2..]), ("Allow", &times[..])] {
        let endless = json!({"spec": {"template": template("Never", Some("none"))}});
        let mut cluster = cron(json!({"concurrencyPolicy": policy, "jobTemplate": endless}));
        cluster.pass(370);
        assert_eq!(cluster.list("Job").iter().map(|job| name(job)).collect::<Vec<_>>(), left, "{policy}");
        let active = cluster.one("CronJob")["status"]["active"].as_array().cloned().unwrap_or_default();
        assert_eq!(active.iter().map(|job| job["name"].as_str().unwrap()).collect::<Vec<_>>(), left, "{policy}");
    }
}
