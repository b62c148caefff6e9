//! Every query of every panel is valid and asks for what is there.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::rendered::{config, named, objects, rules, tool};

const UIDS: [&str; 3] = ["keyboss-business-health", "keyboss-platform-reliability", "keyboss-infra"];

/// What the other exporters publish, as far as a dashboard or a rule may ask for it: postgres_exporter 0.11 (with
/// manifests/7-monitoring/postgres-queries.yml), redis_exporter 1.45, kube-state-metrics 2.13 and Traefik.
const OF_OTHERS: [&str; 41] = [
    "pg_up",
    "pg_replication_is_replica",
    "pg_replication_lag_seconds",
    "pg_stat_database_numbackends",
    "pg_stat_database_blks_hit",
    "pg_stat_database_blks_read",
    "pg_stat_database_xact_commit",
    "pg_stat_database_xact_rollback",
    "redis_up",
    "redis_connected_clients",
    "redis_memory_used_bytes",
    "redis_mem_fragmentation_ratio",
    "redis_keyspace_hits_total",
    "redis_keyspace_misses_total",
    "redis_uptime_in_seconds",
    "kube_deployment_status_replicas_available",
    "kube_statefulset_status_replicas_ready",
    "kube_statefulset_replicas",
    "kube_pod_status_phase",
    "kube_pod_container_status_waiting_reason",
    "kube_pod_container_resource_limits",
    "kube_horizontalpodautoscaler_spec_max_replicas",
    "kube_horizontalpodautoscaler_status_current_replicas",
    "kube_job_status_start_time",
    "kube_job_status_failed",
    "kube_job_status_completion_time",
    "kube_job_status_succeeded",
    "kube_cronjob_created",
    "kube_cronjob_status_last_successful_time",
    "traefik_service_requests_total",
    "traefik_service_request_duration_seconds_bucket",
    "keyboss_watchdog_up",
    "keyboss_watchdog_leader",
    "keyboss_watchdog_postgres_synchronous",
    "keyboss_deploy_lock_held",
    "keyboss_deploy_lock_renewed_timestamp_seconds",
    "keyboss_container_cpu_cores",
    "keyboss_container_memory_bytes",
    "keyboss_celery_queue_length",
    "keyboss_backup_last_success_timestamp_seconds",
    "keyboss_probe_latency_seconds_bucket",
];

fn dashboards() -> Vec<Value> {
    let objects = objects("local", &[]);
    let read =
        |uid: &&str| serde_json::from_str(&config(&objects, "keyboss-dashboards", &format!("{uid}.json"))).unwrap();
    UIDS.iter().map(read).collect()
}

fn panels(dashboard: &Value) -> &[Value] {
    dashboard["panels"].as_array().unwrap()
}

/// Every query, with where it stands.
fn queries() -> Vec<(String, String)> {
    let mut queries = Vec::new();
    for dashboard in dashboards() {
        for panel in panels(&dashboard) {
            for target in panel["targets"].as_array().unwrap() {
                let place = format!("{}: {}", dashboard["uid"], panel["title"]);
                queries.push((place, target["expr"].as_str().unwrap().to_owned()));
            }
        }
    }
    queries
}

/// The words of an expression that can only be metrics.
fn metrics(expression: &str) -> BTreeSet<String> {
    let mut plain = String::new();
    let mut depth = 0;
    for character in expression.chars() {
        match character {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ if depth == 0 => plain.push(character),
            _ => plain.push(' '),
        }
    }
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let prefixes = ["keyboss", "kube_", "pg_", "redis_", "traefik_"];
    let words = plain.split(|c| !is_word(c)).filter(|word| prefixes.iter().any(|prefix| word.starts_with(prefix)));
    words.map(str::to_owned).collect()
}

#[test]
#[ignore = "needs promtool"]
fn promtool_takes_every_query() {
    let rules: Vec<Value> = queries()
        .iter()
        .enumerate()
        .map(|(number, (_, query))| json!({"record": format!("query:{number}"), "expr": query}))
        .collect();
    let document = serde_yaml::to_string(&json!({"groups": [{"name": "queries", "rules": rules}]})).unwrap();
    tool(&["promtool", "check", "rules", "queries.yaml"], &[("queries.yaml", &document)]);
}

#[test]
fn queries_and_rules_name_only_what_somebody_publishes() {
    let text = rules(&objects("local", &[]));
    let mut known = named(&text, "record");
    known.extend(OF_OTHERS.map(str::to_owned));
    // What the exporter's own registry says.
    let exporter = keyboss::exporter::Metrics::new("local");
    for endpoint in keyboss::exporter::Endpoint::ALL {
        exporter.expect(endpoint);
        exporter.probed(endpoint, true, Some(200), std::time::Duration::from_secs(1), false);
    }
    exporter.graphql(Some((1, std::time::Duration::from_secs(1))));
    let text_of_exporter = exporter.text();
    let lines = text_of_exporter.lines().filter(|line| !line.starts_with('#'));
    known.extend(lines.filter_map(|line| line.split(['{', ' ']).next()).map(str::to_owned));

    let document: Value = serde_yaml::from_str(&text).unwrap();
    let groups = document["groups"].as_array().unwrap().iter();
    let in_rules = groups
        .flat_map(|group| group["rules"].as_array().unwrap())
        .map(|rule| (format!("{}{}", rule["alert"], rule["record"]), rule["expr"].as_str().unwrap().to_owned()));
    for (place, expression) in queries().into_iter().chain(in_rules) {
        let asked = metrics(&expression);
        assert!(!asked.is_empty() || expression.starts_with("vector("), "{place} asks for nothing: {expression}");
        let unknown: Vec<_> = asked.difference(&known).collect();
        assert!(unknown.is_empty(), "{place} asks for {unknown:?}, which nobody publishes");
    }
}

#[test]
fn every_panel_has_a_unit_a_place_and_the_datasource_that_is_chosen() {
    for (dashboard, uid) in dashboards().iter().zip(UIDS) {
        assert_eq!(dashboard["uid"], uid);
        assert_eq!(dashboard["templating"]["list"][0]["type"], "datasource");
        let mut taken = BTreeSet::new();
        for panel in panels(dashboard) {
            let title = &panel["title"];
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{uid}: {title} has no unit");
            let targets = panel["targets"].as_array().unwrap();
            for source in targets.iter().chain([panel]) {
                assert_eq!(source["datasource"]["uid"], "${datasource}", "{uid}: {title}");
            }
            // Of now: of a time range the last value would be shown, which may be long past.
            let is_of_now = |target: &Value| target["instant"] == true && target["range"] == false;
            assert!(panel["type"] != "stat" || targets.iter().all(is_of_now), "{uid}: {title}");
            let at = |field: &str| panel["gridPos"][field].as_u64().unwrap();
            assert!(at("x") + at("w") <= 24, "{uid}: {title} is too wide");
            // As much as a screen of 1366 x 768 shows without being scrolled far.
            assert!(at("y") + at("h") <= 18, "{uid}: {title} is too far down");
            for x in at("x")..at("x") + at("w") {
                for y in at("y")..at("y") + at("h") {
                    assert!(taken.insert((x, y)), "{uid}: {title} lies on another panel");
                }
            }
        }
    }
}
