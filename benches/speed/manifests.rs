//! What keyboss has deployed, as files for kubectl.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keyboss::environment::{Environment, Project};
use keyboss::render::{Object, Phase, insert, plan, stamp};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::contenders::Contenders;

/// The older version of a kind, of the same schema, which a server that serves it may be asked for.
const OLDER: [(&str, &str); 3] = [
    ("CronJob", "batch/v1beta1"),
    ("HorizontalPodAutoscaler", "autoscaling/v2beta2"),
    ("PodDisruptionBudget", "policy/v1beta1"),
];

/// The file of everything.
const ALL: &str = "all.json";

/// The files of one shop.
pub struct Manifests {
    folder: tempfile::TempDir,
    /// In order: a file to apply, and then the workloads to wait for, as `kind/name`. What comes after another object of
    /// its phase has a file of its own.
    pub stages: Vec<(PathBuf, Vec<String>)>,
    pub objects: usize,
}

impl Manifests {
    /// The manifests of a shop that is deployed, for this namespace: with the values that its deploy has generated, and
    /// without the phase that only a cluster with a Prometheus operator has.
    pub fn of(contenders: &Contenders, namespace: &str) -> Self {
        let project =
            contenders.project.as_ref().map_or(Project::BuiltIn, |folder| Project::folder(folder.path()).unwrap());
        let sets = [format!("namespace={namespace}")];
        let environment = Environment::load(&project, "local", &sets).unwrap();
        let mut plan = plan(&project, &environment).unwrap();
        let secrets = secrets(&contenders.cluster);
        stamp(&mut plan, &texts(&secrets));
        let served = kubectl(&contenders.cluster, &["api-versions"]);
        let served: Vec<&str> = served.lines().collect();

        let folder = tempfile::tempdir().unwrap();
        let (mut all, mut stages) = (Vec::new(), Vec::new());
        for phase in Phase::ALL.into_iter().filter(|phase| *phase != Phase::ServiceMonitors) {
            let mut objects: Vec<&Object> = plan.phase(phase).iter().collect();
            objects.sort_by_key(|object| object.wave());
            let (first, after): (Vec<&Object>, Vec<&Object>) =
                objects.iter().partition(|object| object.after.is_none());
            for (name, objects) in [("first", first), ("after", after)] {
                if objects.is_empty() {
                    continue;
                }
                let every: Vec<Value> = objects.iter().map(|object| applied(object, &secrets, &served)).collect();
                let whole = objects.iter().zip(&every).map(|(object, value)| whole(object, value.clone()));
                let file = write(&folder, &format!("{}-{name}.json", phase.number()), whole.collect());
                stages.push((file, objects.iter().filter_map(|object| workload(object)).collect()));
                all.extend(every);
            }
        }
        let objects = all.len();
        write(&folder, ALL, all);
        Self { folder, stages, objects }
    }

    /// The file of what every deploy applies.
    pub fn all(&self) -> OsString {
        self.folder.path().join(ALL).into()
    }
}

fn write(folder: &tempfile::TempDir, name: &str, items: Vec<Value>) -> PathBuf {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    let file = folder.path().join(name);
    fs::write(&file, list.to_string()).unwrap();
    file
}

/// What every deploy applies of an object.
fn applied(object: &Object, secrets: &BTreeMap<String, Value>, served: &[&str]) -> Value {
    let mut value = object.value.clone();
    if let Some(data) = object.secret.as_ref().and_then(|_| secrets.get(&object.id.name)) {
        value["data"] = data.clone();
    }
    let older = OLDER.iter().find(|(kind, older)| object.id.kind == *kind && served.contains(older));
    if let Some((_, older)) = older {
        value["apiVersion"] = json!(older);
    }
    value
}

/// The same, with what is written once.
fn whole(object: &Object, mut value: Value) -> Value {
    for field in &object.initial {
        insert(&mut value, &field.pointer, &field.value);
    }
    value
}

fn workload(object: &Object) -> Option<String> {
    let kind = object.id.kind.to_lowercase();
    ["deployment", "statefulset", "job"].contains(&kind.as_str()).then(|| format!("{kind}/{}", object.id.name))
}

/// The data of every Secret, by name.
fn secrets(cluster: &Cluster) -> BTreeMap<String, Value> {
    let list = kubectl(cluster, &["get", "secrets", "-o", "json", "-n", &cluster.namespace]);
    let list: Value = serde_json::from_str(&list).unwrap();
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| (item["metadata"]["name"].as_str().unwrap().to_owned(), item["data"].clone())).collect()
}

/// The same, decoded.
fn texts(secrets: &BTreeMap<String, Value>) -> BTreeMap<String, BTreeMap<String, String>> {
    let text = |value: &Value| String::from_utf8(STANDARD.decode(value.as_str().unwrap()).unwrap()).ok();
    let texts = |data: &Value| {
        let data = data.as_object().into_iter().flatten();
        data.filter_map(|(key, value)| Some((key.clone(), text(value)?))).collect()
    };
    secrets.iter().map(|(name, data)| (name.clone(), texts(data))).collect()
}

/// What kubectl prints; it has to succeed.
pub fn kubectl(cluster: &Cluster, arguments: &[&str]) -> String {
    let output = Command::new("kubectl").args(arguments).env("KUBECONFIG", &cluster.kubeconfig).output().unwrap();
    assert!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
