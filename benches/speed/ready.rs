//! How long after an object is ready keyboss says so.

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

/// When each workload was first seen ready by a watch of its own, by kind and name.
type Seen = Arc<Mutex<BTreeMap<String, Timestamp>>>;

/// How long after it was ready a workload was told to be; less than nothing where the other watch saw it later.
pub struct Lag {
    milliseconds: f64,
    object: String,
}

/// A first deploy by keyboss, and the lag of each workload.
pub fn deploy(contenders: &Contenders) -> (Run, Vec<Lag>) {
    let seen = Seen::default();
    watch(&contenders.cluster, &seen);
    let (run, said) = contenders.deploy(None).told(&contenders.cluster);
    let lags = said.lines().filter_map(|line| lag(&serde_json::from_str(line).unwrap(), &seen)).collect();
    (run, lags)
}

/// The median and the most of them.
pub fn summary(lags: &[Lag]) -> String {
    let [_, median, _] = spread(lags.iter().map(|lag| lag.milliseconds).collect());
    let most = lags.iter().max_by(|one, other| one.milliseconds.total_cmp(&other.milliseconds));
    let most = most.map(|lag| format!("{:.0} ({})", lag.milliseconds, lag.object)).unwrap_or_default();
    format!("median {median:.0}, most {most}, of {}", lags.len())
}

/// From when a workload was seen ready until keyboss says that it is.
fn lag(event: &Value, seen: &Seen) -> Option<Lag> {
    if event["event"] != "ready" {
        return None;
    }
    let told: Timestamp = event["time"].as_str()?.parse().unwrap();
    let object = event["object"].as_str()?.to_owned();
    let ready = *seen.lock().unwrap().get(&object)?;
    // The time that is told is cut to milliseconds.
    Some(Lag { milliseconds: (told.as_millisecond() - ready.as_millisecond()) as f64, object })
}

fn watch(cluster: &Cluster, seen: &Seen) {
    let (kubeconfig, namespace) = (cluster.kubeconfig.clone(), cluster.namespace.clone());
    let seen = Arc::clone(seen);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
            let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
            let client = Client::try_from(config).unwrap();
            tokio::join!(
                note(client.clone(), &namespace, "Deployment", &seen, deployment),
                note(client.clone(), &namespace, "StatefulSet", &seen, stateful_set),
                note(client.clone(), &namespace, "Job", &seen, job),
            );
        });
    });
}

/// Notes when a kind's objects are first ready, as long as the cluster is there.
async fn note<K>(client: Client, namespace: &str, kind: &str, seen: &Seen, is_ready: fn(&K) -> Option<bool>)
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    let stream = watcher(Api::<K>::namespaced(client, namespace), watcher::Config::default()).default_backoff();
    let stream = stream.touched_objects();
    pin_mut!(stream);
    while let Some(object) = stream.next().await {
        if let Ok(object) = object
            && is_ready(&object) == Some(true)
        {
            seen.lock().unwrap().entry(format!("{kind} {}", object.name_any())).or_insert_with(Timestamp::now);
        }
    }
}

/// As `kubectl rollout status` has it.
fn deployment(deployment: &Deployment) -> Option<bool> {
    let (status, wanted) = (deployment.status.as_ref()?, deployment.spec.replicas);
    let counts = [status.replicas, status.updated_replicas, status.available_replicas];
    Some(status.observed_generation == deployment.metadata.generation && counts.iter().all(|count| *count == wanted))
}

fn stateful_set(set: &StatefulSet) -> Option<bool> {
    let (status, wanted) = (set.status.as_ref()?, set.spec.replicas);
    let counts = [status.ready_replicas, status.updated_replicas];
    Some(status.observed_generation == set.metadata.generation && counts.iter().all(|count| *count == wanted))
}

fn job(job: &Job) -> Option<bool> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    Some(conditions.iter().any(|condition| condition.type_ == "Complete" && condition.status == "True"))
}
