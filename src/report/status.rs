//! How a shop stands, for people: functions from what was found to lines.

use super::history::when;
use super::text::columns;
use crate::pipeline::Workload;
use crate::release::Journal;
use crate::watchdog::{Postgres, Redis, Roles};

/// Which release is in place, and what is unfinished.
pub fn releases(in_place: Option<&Journal>, unfinished: &[&Journal], namespace: &str) -> Vec<String> {
    let first = in_place.map_or_else(
        || format!("namespace {namespace}: no release is in place"),
        |Journal { release, environment, started, author, .. }| {
            format!(
                "namespace {namespace}: release {release} of environment {environment}, {} UTC, by {}@{}",
                when(*started),
                author.user,
                author.host
            )
        },
    );
    let unfinished = unfinished.iter().map(|journal| {
        format!("release {} is unfinished: under way, or broken off (the next deploy rolls it back)", journal.release)
    });
    std::iter::once(first).chain(unfinished).collect()
}

/// A line for each workload, what is not ready first.
pub fn workloads(workloads: &[Workload]) -> Vec<String> {
    let mut sorted: Vec<&Workload> = workloads.iter().collect();
    sorted.sort_by_key(|workload| workload.why.is_none());
    let rows: Vec<[String; 3]> = sorted
        .into_iter()
        .map(|Workload { kind, name, ready, wanted, why }| {
            let why = why.clone().unwrap_or_else(|| "ready".to_owned());
            [format!("  {kind} {name}"), format!("{ready}/{wanted}"), why]
        })
        .collect();
    columns(&rows)
}

/// Who leads, and how the other one keeps up.
pub fn roles(roles: &Roles) -> Vec<String> {
    let Roles { watchdog, unknown, postgres, redis } = roles;
    let watchdog = match (watchdog, unknown) {
        (Some(pod), _) => format!("{pod} leads"),
        (None, Some(why)) => format!("it is not known which one leads: {why}"),
        (None, None) => "none leads: nothing fails over".to_owned(),
    };
    let rows = [("PostgreSQL", of_postgres(postgres)), ("Redis", of_redis(redis)), ("watchdog", watchdog)];
    columns(&rows.map(|(system, words)| [format!("  {system}"), words]))
}

fn of_postgres(postgres: &Postgres) -> String {
    let Postgres { primary, synchronous_standby, timeline, failovers, lag_bytes } = postgres;
    let standby = match synchronous_standby {
        Some(standby) => format!("{standby} is its synchronous standby"),
        None => "no standby has everything, so nobody can take over".to_owned(),
    };
    format!("{primary} is primary, {standby}{}; timeline {timeline}, failovers {failovers}", behind(*lag_bytes))
}

fn of_redis(redis: &Redis) -> String {
    let replica = match redis.replica_attached {
        Some(true) => ", a replica is attached",
        Some(false) => ", no replica is attached, so nobody can take over",
        None => "",
    };
    format!("{} is master{replica}{}", redis.master, behind(redis.lag_bytes))
}

fn behind(bytes: Option<i64>) -> String {
    bytes.map_or_else(String::new, |bytes| format!(" ({bytes} bytes behind)"))
}
