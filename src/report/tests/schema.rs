//! That the JSON Schema of the output describes all of it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::backup::{Backup, Catalogue, Spans};
use crate::doctor::Finding;
use crate::report::Redactor;
use crate::report::json::Json;

use super::described::{SCHEMA, assert_described, faults};
use super::{Paper, clock, samples, show};

const DESCRIPTION: &str = include_str!("../../../docs/json-output.md");

fn lines() -> Vec<Value> {
    let paper = Paper::default();
    let events = [samples::every(), samples::succeeded(), samples::failed_and_rolled_back(), samples::interrupted()];
    show(&mut Json::new(paper.clone(), clock()), &Redactor::default(), events.concat());
    paper.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn it_is_a_schema() {
    assert!(jsonschema::meta::is_valid(&SCHEMA));
    assert_eq!(SCHEMA["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

#[test]
fn every_line_and_every_example_is_described() {
    lines().iter().for_each(|line| assert_described("line", line));
    let examples = DESCRIPTION.lines().filter(|line| line.starts_with('{'));
    let examples: Vec<Value> = examples.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(examples.len() > 10);
    examples.iter().for_each(|example| assert_described("line", example));
}

#[test]
fn what_is_not_told_is_not_described() {
    let events = lines().iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    // What `deploy --diff` would change is no event of the deploy's.
    let told: BTreeSet<String> = events.into_iter().chain(["diff".to_owned()]).collect();
    let parts = SCHEMA["$defs"].as_object().unwrap().values();
    let described = parts.filter_map(|part| part["properties"]["event"]["const"].as_str()).map(str::to_owned);
    assert_eq!(described.collect::<BTreeSet<String>>(), told);
}

#[test]
fn the_answers_of_commands_are_described() {
    let manifest = json!({"time": "2026-01-02T02:00:00Z", "database": "saleor", "server": "15.4", "timeline": 2, "lsn": "0/1",
        "source": "postgres-1.postgres", "seconds": 63, "bytes": 2_097_152, "sha256": "ab", "tables": {"public.sale": 7}});
    let read = [json!({"name": "keyboss-20260102T020000Z", "bytes": 7, "manifest": manifest}), json!({"free": 9})];
    let copy = serde_json::to_string(&Backup::off_site("keyboss-20260101T020000Z".into(), 7, None)).unwrap();
    let catalogue = Catalogue::read(&read.map(|line| line.to_string())).unwrap().with_off_site(&[copy]).unwrap();
    assert_eq!(catalogue.backups.len(), 2);
    assert_described("backups", &serde_json::to_value(catalogue).unwrap());

    let span = r#"{"from": "2026-01-02T02:00:00.5Z", "until": "2026-01-03T02:00:00Z", "bases": 2, "bytes": 7}"#;
    assert_described("spans", &serde_json::to_value(Spans::read(&[span.to_owned()]).unwrap()).unwrap());

    let findings = [Finding::ok("server", "v1"), Finding::warn("pull secrets", "a", "b"), Finding::fail("quota", "a", "")];
    assert_described("doctor", &json!({"environment": "a", "namespace": "b", "verdict": "fail", "findings": findings}));
}

#[test]
fn what_is_wrong_or_not_listed_is_found() {
    let notice = json!({"time": "2026-01-02T12:00:00.000Z", "event": "notice", "phase": null, "message": "a"});
    assert!(faults("line", &notice).is_empty());
    let changed = |change: fn(&mut Value)| {
        let mut line = notice.clone();
        change(&mut line);
        line
    };
    for wrong in [
        changed(|line| line["event"] = json!("notices")),
        changed(|line| line["new"] = json!(1)),
        changed(|line| line["time"] = json!("noon")),
        changed(|line| line["phase"] = json!("configuration")),
        changed(|line| drop(line.as_object_mut().unwrap().remove("message"))),
    ] {
        assert!(!faults("line", &wrong).is_empty(), "{wrong}");
        let is_listed = wrong.get("new").is_none();
        // Others may know more fields, and nothing else.
        assert_eq!(!jsonschema::is_valid(&SCHEMA, &wrong), is_listed, "{wrong}");
    }
}
