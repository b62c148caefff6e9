//! An API server in the pods' network: the rehearsal cluster, which holds what a watchdog reads and writes.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use jiff::Timestamp;
use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::faults::Faults;
use keyboss::rehearsal::kinds::Kind;
use keyboss::rehearsal::store::Key;
use kube::Client;
use kube::api::{Api as Objects, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use nix::sched::{CloneFlags, setns};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use super::http;

/// What it serves.
pub struct Api {
    kubeconfig: PathBuf,
    runtime: Mutex<Runtime>,
    client: Client,
    face: Face,
    lives: Mutex<BTreeMap<String, Life>>,
}

/// A pod of the network.
pub struct Place<'a> {
    /// Its name.
    pub pod: &'a str,
    /// Its StatefulSet.
    pub set: &'a str,
    /// Its address.
    pub address: &'a str,
}

/// What a kubelet remembers of a pod.
#[derive(Clone, Copy, Default)]
struct Life {
    /// How many pods of that name there were before.
    before: u64,
    /// How often its container was started.
    starts: u64,
}

/// Enters the network of a process, with this thread.
pub fn enter(process: u32) {
    let file = File::open(format!("/proc/{process}/ns/net")).unwrap();
    setns(file, CloneFlags::CLONE_NEWNET).expect("root may enter a namespace");
}

impl Api {
    /// Serves `objects` at `address`, in the network of the process `sandbox`, as long as the test runs.
    pub fn serve(sandbox: u32, address: SocketAddr, folder: &Path, objects: &[Value]) -> Self {
        let face = Face::new(Timestamp::now());
        let served = face.clone();
        let (ready, listens) = mpsc::channel();
        thread::spawn(move || {
            enter(sandbox);
            Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
                let listener = TcpListener::bind(address).await.unwrap();
                ready.send(()).unwrap();
                http::serve(listener, served, |_| None).await;
            });
        });
        listens.recv().unwrap();
        let kubeconfig = folder.join("kubeconfig");
        let config = http::kubeconfig(&format!("http://{address}"), "k3d-test", "keyboss");
        std::fs::write(&kubeconfig, config.to_string()).unwrap();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(async { face.client("keyboss") });
        let api = Self { kubeconfig, runtime: Mutex::new(runtime), client, face, lives: Mutex::default() };
        api.create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "keyboss"}}));
        let wanted = ["ConfigMap", "Service", "StatefulSet", "Deployment"];
        objects.iter().filter(|object| wanted.iter().any(|kind| object["kind"] == *kind)).for_each(|o| api.create(o));
        api
    }

    /// The file that leads to it.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    fn block<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.lock().unwrap().block_on(work)
    }

    fn objects(&self, api_version: &str, kind: &str) -> Objects<DynamicObject> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        match kind {
            "Namespace" => Objects::all_with(self.client.clone(), &resource),
            _ => Objects::namespaced_with(self.client.clone(), "keyboss", &resource),
        }
    }

    fn create(&self, object: &Value) {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let objects = self.objects(&text(&object["apiVersion"]), &text(&object["kind"]));
        let object: DynamicObject = serde_json::from_value(object.clone()).unwrap();
        self.block(objects.create(&PostParams::default(), &object)).unwrap();
    }

    /// An object as it is; null where there is none.
    pub fn get(&self, api_version: &str, kind: &str, name: &str) -> Value {
        let server = self.face.server();
        let mut all = server.store().list(Kind::named(api_version, kind).unwrap(), "keyboss");
        all.find(|object| object["metadata"]["name"] == name).map_or(Value::Null, |object| Value::clone(object))
    }

    /// Changes an object, as somebody with kubectl does.
    pub fn patch(&self, api_version: &str, kind: &str, name: &str, patch: &Value) {
        let objects = self.objects(api_version, kind);
        self.block(objects.patch(name, &PatchParams::default(), &Patch::Merge(patch))).unwrap();
    }

    /// A value of `keyboss-config`: what a container gets when it starts.
    pub fn config(&self, key: &str) -> Option<String> {
        self.get("v1", "ConfigMap", "keyboss-config")["data"][key].as_str().map(str::to_owned)
    }

    /// The pod that a Service leads to.
    pub fn led(&self, service: &str) -> String {
        let service = self.get("v1", "Service", service);
        service["spec"]["selector"]["statefulset.kubernetes.io/pod-name"].as_str().unwrap_or_default().to_owned()
    }

    /// What Events of a reason say.
    pub fn events(&self, reason: &str) -> Vec<String> {
        let server = self.face.server();
        let all = server.store().list(Kind::named("v1", "Event").unwrap(), "keyboss");
        let of = all.filter(|event| event["reason"] == reason);
        of.map(|event| event["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// What goes wrong between it and its clients, to order, and what they asked.
    pub fn faults(&self) -> &Faults {
        self.face.faults()
    }

    /// The watchdog that leads; empty when none does.
    pub fn leader(&self) -> String {
        let lease = self.get("coordination.k8s.io/v1", "Lease", "keyboss-watchdog");
        let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
        holder.split(' ').next().unwrap_or_default().to_owned()
    }

    /// A container of a pod has been started.
    pub fn started(&self, place: &Place<'_>) {
        self.live(place.pod, |life| life.starts += 1);
        self.put(place, &json!({"running": {"startedAt": now()}}));
    }

    /// Its container has ended.
    pub fn ended(&self, place: &Place<'_>) {
        self.put(place, &json!({"terminated": {"exitCode": 137, "finishedAt": now()}}));
    }

    /// A pod is being deleted: its containers have their grace period.
    pub fn leaving(&self, place: &Place<'_>) {
        let mut object = self.get("v1", "Pod", place.pod);
        if object.is_null() {
            return;
        }
        object["metadata"]["deletionTimestamp"] = json!(now());
        self.face.change(|server| server.adopt(key(place.pod), object));
    }

    /// A pod is gone. Another of its name is another pod.
    pub fn gone(&self, place: &Place<'_>) {
        self.live(place.pod, |life| *life = Life { before: life.before + 1, starts: 0 });
        self.face.change(|server| server.end(&key(place.pod)));
    }

    fn live(&self, pod: &str, change: impl FnOnce(&mut Life)) -> Life {
        let mut lives = self.lives.lock().unwrap();
        let life = lives.entry(pod.to_owned()).or_default();
        change(life);
        *life
    }

    fn put(&self, place: &Place<'_>, state: &Value) {
        let Place { pod, set, address } = place;
        let life = self.live(pod, |_| ());
        let ready = !state["running"].is_null();
        let condition = if ready { "True" } else { "False" };
        let mut metadata = self.get("v1", "Pod", pod)["metadata"].take();
        if metadata.is_null() {
            metadata = json!({"name": pod, "namespace": "keyboss", "uid": format!("{pod}-{}", life.before),
                "creationTimestamp": now(),
                "labels": {"app.kubernetes.io/name": set, "statefulset.kubernetes.io/pod-name": pod}});
        }
        let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata,
            "spec": {"containers": [{"name": set, "image": "i"}]},
            "status": {"phase": "Running", "podIP": address, "conditions": [{"type": "Ready", "status": condition}],
                "containerStatuses": [{"name": set, "ready": ready, "image": "i", "imageID": "i",
                    "restartCount": life.starts.saturating_sub(1), "state": state}]}});
        self.face.change(|server| server.adopt(key(pod), object));
    }
}

fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn key(pod: &str) -> Key {
    Key { kind: Kind::named("v1", "Pod").unwrap(), namespace: "keyboss".to_owned(), name: pod.to_owned() }
}

/// Shared by a World and the threads of its clients.
pub type Shared = Arc<Api>;
