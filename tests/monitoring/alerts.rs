//! Every rule is valid, every alert fires when it should and only then, and says where to read on.

use std::collections::BTreeSet;
use std::path::Path;

use keyboss::environment::{Environment, Project};
use serde_json::{Value, json};

use crate::cases::{ALERTS, Case, Series};
use crate::rendered::{named, objects, rules, tool};

const TRAEFIK: &str = "monitoring.traefik.target=traefik-metrics.kube-system:9100";
/// A store for copies of the dumps.
const STORE: [&str; 2] = ["backup.offSite.endpoint=https://s3.example", "backup.offSite.bucket=dumps"];

const ARCHIVE: &str = "backup.pointInTime.enabled=true";

/// The rules that the cluster's own Prometheus gets on `deti`.
fn for_the_operator(objects: &[Value]) -> String {
    let rule = objects.iter().find(|object| object["kind"] == "PrometheusRule").expect("there is no PrometheusRule");
    serde_yaml::to_string(&json!({"groups": rule["spec"]["groups"]})).unwrap()
}

#[test]
#[ignore = "needs promtool"]
fn promtool_takes_the_rules_of_every_environment() {
    for (environment, sets) in
        [("local", &[][..]), ("deti", &[]), ("local", &[TRAEFIK]), ("local", &STORE), ("local", &[ARCHIVE])]
    {
        let text = rules(&objects(environment, sets));
        tool(&["promtool", "check", "rules", "rules.yaml"], &[("rules.yaml", &text)]);
    }
    let text = for_the_operator(&objects("deti", &[]));
    tool(&["promtool", "check", "rules", "rules.yaml"], &[("rules.yaml", &text)]);
}

/// A promtool test: how many series of the alert fire, at one time, on these series.
fn unit(case: &Case, name: &str, series: &[Series], firing: usize) -> Value {
    let series: Vec<Value> =
        series.iter().map(|(series, values)| json!({"series": series, "values": values})).collect();
    let samples = if firing == 0 { json!([]) } else { json!([{"labels": "{}", "value": firing}]) };
    json!({
        "name": format!("{} {name}", case.alert),
        "interval": "1m",
        "input_series": series,
        "promql_expr_test": [{
            "expr": format!("count(ALERTS{{alertname=\"{}\",alertstate=\"firing\"}})", case.alert),
            "eval_time": case.at,
            "exp_samples": samples,
        }],
    })
}

fn document(cases: &[Case]) -> String {
    let units = cases
        .iter()
        .flat_map(|case| [unit(case, "fires", case.fires, case.count), unit(case, "does not fire", case.calm, 0)]);
    let units: Vec<Value> = units.collect();
    serde_yaml::to_string(&json!({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": units})).unwrap()
}

#[test]
#[ignore = "needs promtool"]
fn every_alert_fires_when_it_should_and_only_then() {
    let text = rules(&objects("local", &[]));
    tool(&["promtool", "test", "rules", "tests.yaml"], &[("rules.yaml", &text), ("tests.yaml", &document(&ALERTS))]);
}

#[test]
#[ignore = "needs promtool"]
fn with_traefik_the_same_is_said_of_real_requests() {
    let tests = document(&crate::cases::TRAEFIK);
    let text = rules(&objects("local", &[TRAEFIK]));
    tool(&["promtool", "test", "rules", "tests.yaml"], &[("rules.yaml", &text), ("tests.yaml", &tests)]);
    let text = for_the_operator(&objects("deti", &["namespace=keyboss", "contexts=[]", "expect.namespace=keyboss"]));
    tool(&["promtool", "test", "rules", "tests.yaml"], &[("rules.yaml", &text), ("tests.yaml", &tests)]);
}

#[test]
#[ignore = "needs promtool"]
fn copies_off_site_are_watched_where_there_is_a_store() {
    let text = rules(&objects("local", &STORE));
    let tests = document(&crate::cases::OFF_SITE);
    tool(&["promtool", "test", "rules", "tests.yaml"], &[("rules.yaml", &text), ("tests.yaml", &tests)]);
}

#[test]
fn every_alert_has_its_cases() {
    let alerts = named(&rules(&objects("local", &[])), "alert");
    let cases: BTreeSet<String> = ALERTS.iter().map(|case| case.alert.to_owned()).collect();
    assert_eq!(alerts, cases);
}

#[test]
fn every_alert_says_how_bad_it_is_and_has_a_runbook() {
    for (environment, sets) in [("local", &[][..]), ("deti", &[]), ("local", &[TRAEFIK])] {
        let objects = objects(environment, sets);
        let mut documents = vec![rules(&objects)];
        if environment == "deti" {
            documents.push(for_the_operator(&objects));
        }
        for text in documents {
            let document: Value = serde_yaml::from_str(&text).unwrap();
            for group in document["groups"].as_array().unwrap() {
                for rule in group["rules"].as_array().unwrap().iter().filter(|rule| rule["alert"].is_string()) {
                    let alert = rule["alert"].as_str().unwrap();
                    assert!(rule["for"].is_string(), "{alert}");
                    assert!(["critical", "warning"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{alert}");
                    for field in ["summary", "description"] {
                        assert!(
                            !rule["annotations"][field].as_str().unwrap_or_default().is_empty(),
                            "{alert}: {field}"
                        );
                    }
                    let page = format!("docs/runbooks/{alert}.md");
                    assert_eq!(rule["annotations"]["runbook_url"], page);
                    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(&page).is_file(), "{page} is missing");
                }
            }
        }
    }
}

#[test]
fn an_alert_without_a_source_is_not_rendered_and_known_to_be_missing() {
    let no_server = "monitoring.exporter.apiServer=false";
    let no_probe = "monitoring.exporter.probes.graphqlApi.url=";
    let table: [(&[&str], &[&str]); 5] = [
        (&[], &[]),
        (&[no_server], &["HighMemoryUsage", "HighCPUUsage", "DeployLockStuck"]),
        (&[no_probe], &["HighAPIErrorRate", "HighAPILatency"]),
        (
            &[no_probe, no_server],
            &["HighMemoryUsage", "HighCPUUsage", "DeployLockStuck", "HighAPIErrorRate", "HighAPILatency"],
        ),
        (&[no_probe, TRAEFIK], &[]),
    ];
    let all = named(&rules(&objects("local", &[])), "alert");
    for (sets, gone) in table {
        let left = named(&rules(&objects("local", sets)), "alert");
        let missing: BTreeSet<&str> = all.difference(&left).map(String::as_str).collect();
        assert_eq!(missing, gone.iter().copied().collect(), "{sets:?}");
        let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
        let values = Environment::load(&Project::BuiltIn, "local", &sets).unwrap().values;
        let unwatched = values.monitoring.unwatched();
        let told: BTreeSet<&str> = unwatched.iter().flat_map(|one| one.alerts).copied().collect();
        assert_eq!(told, missing, "{sets:?}");
    }
}

#[test]
#[ignore = "needs promtool"]
fn the_archive_is_watched_where_there_is_one() {
    let text = rules(&objects("local", &[ARCHIVE]));
    let tests = document(&crate::cases::POINT_IN_TIME);
    tool(&["promtool", "test", "rules", "tests.yaml"], &[("rules.yaml", &text), ("tests.yaml", &tests)]);
}
