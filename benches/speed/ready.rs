//! How long after an object's last change keyboss says that it is ready.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;

use futures::{StreamExt, pin_mut};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::NamespaceResourceScope;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Config, Resource, ResourceExt};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::contenders::Contenders;
use crate::measure::{Run, spread};

/// When each object changed, as a watch of its own saw it, by kind and name.
type Changes = Arc<Mutex<BTreeMap<String, Vec<Timestamp>>>>;

/// How long after its last change a workload was told ready.
pub struct Lag {
    milliseconds: f64,
    object: String,
}

/// A first deploy by keyboss, and the lag of each workload.
pub fn deploy(contenders: &Contenders) -> (Run, Vec<Lag>) {
    let changes = Changes::default();
    watch(&contenders.cluster, &changes);
    let (run, said) = contenders.deploy(None).told(&contenders.cluster);
    let lags = said.lines().filter_map(|line| lag(&serde_json::from_str(line).unwrap(), &changes)).collect();
    (run, lags)
}

/// The median and the most of them.
pub fn summary(lags: &[Lag]) -> String {
    let [_, median, _] = spread(lags.iter().map(|lag| lag.milliseconds).collect());
    let most = lags.iter().max_by(|one, other| one.milliseconds.total_cmp(&other.milliseconds));
    let most = most.map(|lag| format!("{:.0} ({})", lag.milliseconds, lag.object)).unwrap_or_default();
    format!("median {median:.0}, most {most}, of {}", lags.len())
}

/// From a workload's last change before keyboss says that it is ready, until it says so.
fn lag(event: &Value, changes: &Changes) -> Option<Lag> {
    if event["event"] != "ready" {
        return None;
    }
    let told: Timestamp = event["time"].as_str()?.parse().unwrap();
    let changes = changes.lock().unwrap();
    let object = event["object"].as_str()?.to_owned();
    // The time that is told is cut to milliseconds.
    let before = changes.get(&object)?.iter().rfind(|at| at.as_millisecond() <= told.as_millisecond())?;
    Some(Lag { milliseconds: (told.as_millisecond() - before.as_millisecond()) as f64, object })
}

fn watch(cluster: &Cluster, changes: &Changes) {
    let (kubeconfig, namespace) = (cluster.kubeconfig.clone(), cluster.namespace.clone());
    let changes = Arc::clone(changes);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
            let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
            let client = Client::try_from(config).unwrap();
            tokio::join!(
                note::<Deployment>(client.clone(), &namespace, "Deployment", &changes),
                note::<StatefulSet>(client.clone(), &namespace, "StatefulSet", &changes),
                note::<Job>(client.clone(), &namespace, "Job", &changes),
            );
        });
    });
}

/// Notes each change of a kind's objects, as long as the cluster is there.
async fn note<K>(client: Client, namespace: &str, kind: &str, changes: &Changes)
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    let stream = watcher(Api::<K>::namespaced(client, namespace), watcher::Config::default()).default_backoff();
    let stream = stream.touched_objects();
    pin_mut!(stream);
    while let Some(object) = stream.next().await {
        if let Ok(object) = object {
            let name = format!("{kind} {}", object.name_any());
            changes.lock().unwrap().entry(name).or_default().push(Timestamp::now());
        }
    }
}
