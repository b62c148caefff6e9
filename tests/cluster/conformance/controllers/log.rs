//! The order in which controllers did what they did.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use kube::Client;
use kube::api::{Api, DynamicObject};
use kube::runtime::watcher::{Config, Event, watcher};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::super::{SPACE, resource};

/// An object that was seen before.
struct Known {
    app: String,
    name: String,
    state: Value,
}

/// What has happened to each app, as far as Kubernetes promises an order: a StatefulSet's pods come and go, a
/// Deployment's ReplicaSets are scaled.
pub struct Log {
    lines: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
    _tasks: JoinSet<()>,
}

impl Log {
    /// Begins to watch.
    pub fn start(client: &Client) -> Self {
        let lines = Arc::<Mutex<BTreeMap<String, Vec<String>>>>::default();
        let mut tasks = JoinSet::new();
        for (api_version, kind) in [("v1", "Pod"), ("apps/v1", "ReplicaSet")] {
            let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), SPACE, &resource(api_version, kind));
            let lines = Arc::clone(&lines);
            tasks.spawn(async move {
                let mut known = BTreeMap::new();
                watcher(api, Config::default())
                    .for_each(|event| {
                        if let Some((app, line)) = event.ok().and_then(|event| line(&event, &mut known)) {
                            lines.lock().unwrap().entry(app).or_default().push(line);
                        }
                        std::future::ready(())
                    })
                    .await;
            });
        }
        Self { lines, _tasks: tasks }
    }

    /// What has happened to one.
    pub fn of(&self, app: &str) -> Vec<String> {
        self.lines.lock().unwrap().get(app).cloned().unwrap_or_default()
    }
}

/// What an event says that the last one of the same object did not: its app, and a line.
fn line(event: &Event<DynamicObject>, known: &mut BTreeMap<String, Known>) -> Option<(String, String)> {
    let (Event::InitApply(object) | Event::Apply(object) | Event::Delete(object)) = event else {
        return None;
    };
    let is_gone = matches!(event, Event::Delete(_));
    let label = |label: &str| object.metadata.labels.as_ref().and_then(|labels| labels.get(label)).cloned();
    let app = label("app")?;
    let pod = label("statefulset.kubernetes.io/pod-name");
    let state = if pod.is_some() {
        let is_told = object.metadata.deletion_timestamp.is_some();
        if is_told && !is_gone && object.metadata.deletion_grace_period_seconds == Some(0) {
            // Its end: the rehearsal's server does not say so before the pod is gone.
            return None;
        }
        json!(if is_gone {
            "gone"
        } else if is_told {
            "told to go"
        } else {
            "made"
        })
    } else {
        object.data["spec"]["replicas"].as_u64().map(Value::from).filter(|_| !is_gone)?
    };
    // A ReplicaSet has a name that differs each time: it is called by its number.
    let number = known.values().filter(|known| known.app == app).count() + 1;
    let name = pod.unwrap_or_else(|| format!("ReplicaSet {number}"));
    let new = Known { app: app.clone(), name, state: Value::Null };
    let known = known.entry(object.metadata.uid.clone()?).or_insert(new);
    let is_news = known.state != state;
    known.state = state;
    is_news.then(|| (app, format!("{}: {}", known.name, known.state)))
}
