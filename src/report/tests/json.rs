//! The JSON lines, and that their description is complete and true.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::report::Redactor;
use crate::report::json::Json;

use super::samples::every;
use super::{Paper, clock, show};

const DESCRIPTION: &str = include_str!("../../../docs/json-output.md");

fn lines() -> Vec<Value> {
    let paper = Paper::default();
    show(&mut Json::new(paper.clone(), clock()), &Redactor::default(), every());
    paper.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The names of all fields, those of inner objects by their path.
fn fields(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                found.push(path.clone());
                fields(value, &path, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| fields(value, path, found)),
        _ => {}
    }
}

fn fields_of(line: &Value) -> Vec<String> {
    let mut found = Vec::new();
    fields(line, "", &mut found);
    // Those of a list are the same for each of its items.
    let mut seen = BTreeSet::new();
    found.retain(|field| seen.insert(field.clone()));
    found
}

#[test]
fn every_event_is_one_object_with_its_time_and_kind_first() {
    let lines = lines();
    assert_eq!(lines.len(), every().len());
    for line in &lines {
        let keys: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys[..2], ["time", "event"], "{line}");
    }
    assert_eq!(lines[0]["time"], "2026-01-02T12:00:00.000Z");
}

#[test]
fn the_description_has_every_event_with_every_field() {
    let examples: BTreeMap<String, Value> = DESCRIPTION
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .map(|line| (line["event"].as_str().unwrap().to_owned(), line))
        .collect();
    for line in lines() {
        let kind = line["event"].as_str().unwrap();
        let section = DESCRIPTION.split("\n## ").find(|section| section.starts_with(&format!("`{kind}`\n")));
        let section = section.unwrap_or_else(|| panic!("no section on {kind}"));
        let example = examples.get(kind).unwrap_or_else(|| panic!("no example of {kind}"));
        assert_eq!(fields_of(example), fields_of(&line), "the example of {kind}");
        for field in line.as_object().unwrap().keys().filter(|field| !matches!(field.as_str(), "time" | "event")) {
            assert!(section.contains(&format!("| `{field}` |")), "{kind} does not describe {field}");
        }
    }
    assert_eq!(examples.len(), every().len(), "an example of an event that does not exist");
}
