//! The objects that `keyboss render` prints, and tools that are run on them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

/// Everything, in this environment with these values.
pub fn objects(environment: &str, sets: &[&str]) -> Vec<Value> {
    let mut keyboss = Command::new(env!("CARGO_BIN_EXE_keyboss"));
    keyboss.args(["render", "--env", environment]).env_remove("RUST_LOG");
    for set in sets {
        keyboss.args(["--set", set]);
    }
    let output = keyboss.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let documents = serde_yaml::Deserializer::from_str(&text).map(|document| Value::deserialize(document).unwrap());
    documents.filter(Value::is_object).collect()
}

/// The text behind a key of a ConfigMap.
pub fn config(objects: &[Value], name: &str, key: &str) -> String {
    let is_it = |object: &&Value| object["kind"] == "ConfigMap" && object["metadata"]["name"] == name;
    let map = objects.iter().find(is_it).unwrap_or_else(|| panic!("there is no ConfigMap {name}"));
    map["data"][key].as_str().unwrap_or_else(|| panic!("ConfigMap {name} has no {key}")).to_owned()
}

/// The rules of the namespace's own Prometheus.
pub fn rules(objects: &[Value]) -> String {
    config(objects, "prometheus-rules", "keyboss.yaml")
}

/// The names of the rules of one kind (`alert`, `record`) in a document of groups.
pub fn named(rules: &str, kind: &str) -> BTreeSet<String> {
    let document: Value = serde_yaml::from_str(rules).unwrap();
    let groups = document["groups"].as_array().unwrap().iter();
    let all = groups.flat_map(|group| group["rules"].as_array().unwrap());
    all.filter_map(|rule| rule[kind].as_str()).map(str::to_owned).collect()
}

/// Runs a tool in a folder where these files are.
pub fn tool(command: &[&str], files: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    run(command, folder.path());
}

fn run(command: &[&str], folder: &Path) {
    let output = Command::new(command[0]).args(&command[1..]).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("{} (tests/packages installs it): {error}", command[0]));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    assert!(output.status.success(), "{said}");
}
