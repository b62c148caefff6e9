//! What a pod is told: everything in which it can read an address.

use keyboss::watchdog;
use serde_json::Value;

use crate::shop::{Shop, Workload};

/// What a pod is told.
#[derive(Debug)]
pub enum Text {
    /// A variable, its value.
    Variable(String, String),
    /// An argument, or a file that is mounted.
    Plain(String),
    /// A file that is mounted, if it is Prometheus' configuration.
    Prometheus(Value),
}

/// All of it. Values of Secrets are not known, and hold no address of ours.
pub fn told(shop: &Shop, workload: &Workload) -> Vec<Text> {
    let mut all = Vec::new();
    for container in workload.containers() {
        let list = |field: &str| container[field].as_array().cloned().unwrap_or_default();
        assert!(list("envFrom").is_empty(), "{}: envFrom is not read here", workload.name);
        all.extend(list("env").iter().filter_map(|variable| self::variable(shop, variable)));
        let words = [list("command"), list("args")].concat();
        all.extend(words.iter().map(|word| Text::Plain(word.as_str().unwrap().to_owned())));
        // It knows its servers by itself.
        if runs_watchdog(container) {
            all.extend(watchdog::servers().into_iter().map(Text::Plain));
        }
        for mount in list("volumeMounts") {
            let volumes = workload.template["spec"]["volumes"].as_array().unwrap();
            let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]);
            // A claim of a StatefulSet is not among them.
            all.extend(volume.into_iter().flat_map(|volume| files(shop, volume)).map(|file| self::file(&file)));
        }
    }
    all
}

/// Whether a container is a watchdog.
pub fn runs_watchdog(container: &Value) -> bool {
    container["args"][0] == "watchdog"
}

fn variable(shop: &Shop, variable: &Value) -> Option<Text> {
    let name = variable["name"].as_str().unwrap().to_owned();
    if let Some(value) = variable["value"].as_str() {
        return Some(Text::Variable(name, value.to_owned()));
    }
    let key = &variable["valueFrom"]["configMapKeyRef"];
    let map = shop.get("ConfigMap", key["name"].as_str()?).unwrap();
    Some(Text::Variable(name, map["data"][key["key"].as_str().unwrap()].as_str().unwrap().to_owned()))
}

/// The files of a volume that is a ConfigMap: those that it lists, or all.
fn files(shop: &Shop, volume: &Value) -> Vec<String> {
    assert!(volume["projected"].is_null(), "projected volumes are not read here");
    let Some(name) = volume["configMap"]["name"].as_str() else { return Vec::new() };
    let data = shop.get("ConfigMap", name).unwrap()["data"].as_object().unwrap();
    let items = volume["configMap"]["items"].as_array();
    let is_mounted = |key: &str| items.is_none_or(|items| items.iter().any(|item| item["key"] == key));
    let mounted = data.iter().filter(|(key, _)| is_mounted(key));
    mounted.map(|(_, text)| text.as_str().unwrap().to_owned()).collect()
}

fn file(text: &str) -> Text {
    match serde_yaml::from_str::<Value>(text) {
        Ok(value) if value["scrape_configs"].is_array() => Text::Prometheus(value),
        _ => Text::Plain(text.to_owned()),
    }
}
