//! An API server in the pods' network: the rehearsal cluster, which holds what a watchdog reads and writes.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use axum::Router;
use axum::body::Body as HttpBody;
use axum::http::{Request, StatusCode};
use jiff::Timestamp;
use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::kinds::Kind;
use keyboss::rehearsal::store::Key;
use kube::Client;
use kube::api::{Api as Objects, DynamicObject, Patch, PatchParams, PostParams};
use kube::client::Body;
use kube::core::{ApiResource, GroupVersionKind};
use nix::sched::{CloneFlags, setns};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

/// What it serves.
pub struct Api {
    kubeconfig: PathBuf,
    runtime: Mutex<Runtime>,
    client: Client,
    face: Face,
    starts: Mutex<BTreeMap<String, u64>>,
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
                let listener = tokio::net::TcpListener::bind(address).await.unwrap();
                ready.send(()).unwrap();
                let router = Router::new().fallback(move |request: Request<HttpBody>| {
                    let face = served.clone();
                    async move {
                        let (head, body) = request.into_parts();
                        let body = axum::body::to_bytes(body, usize::MAX).await.map_err(|_| StatusCode::BAD_REQUEST)?;
                        let answer = face.oneshot(Request::from_parts(head, Body::from(body))).await;
                        // A connection that was reset, for one.
                        answer.map(|answer| answer.map(HttpBody::new)).map_err(|_| StatusCode::BAD_GATEWAY)
                    }
                });
                axum::serve(listener, router).await.unwrap();
            });
        });
        listens.recv().unwrap();
        let kubeconfig = folder.join("kubeconfig");
        let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "c", "cluster": {"server": format!("http://{address}")}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u", "namespace": "keyboss"}}]});
        std::fs::write(&kubeconfig, config.to_string()).unwrap();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(async { face.client("keyboss") });
        let api = Self { kubeconfig, runtime: Mutex::new(runtime), client, face, starts: Mutex::default() };
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

    /// A container of a pod has been started.
    pub fn started(&self, pod: &str, set: &str) {
        let count = *self.starts.lock().unwrap().entry(pod.to_owned()).and_modify(|count| *count += 1).or_insert(0);
        self.put(pod, set, count, &json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}}));
    }

    /// Its container has ended.
    pub fn ended(&self, pod: &str, set: &str) {
        let count = self.starts.lock().unwrap().get(pod).copied().unwrap_or(0);
        self.put(pod, set, count, &json!({"terminated": {"exitCode": 137}}));
    }

    fn put(&self, pod: &str, set: &str, restarts: u64, state: &Value) {
        let ready = !state["running"].is_null();
        let object = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": pod, "namespace": "keyboss", "uid": pod, "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": {"app.kubernetes.io/name": set, "statefulset.kubernetes.io/pod-name": pod}},
            "spec": {"containers": [{"name": set, "image": "i"}]},
            "status": {"phase": "Running", "containerStatuses": [{"name": set, "ready": ready, "image": "i", "imageID": "i",
                "restartCount": restarts, "state": state}]}});
        self.face.change(|server| server.adopt(key(pod), object));
    }

    /// A pod is being deleted: its containers have their grace period.
    pub fn leaving(&self, pod: &str) {
        let mut object = self.get("v1", "Pod", pod);
        object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        self.face.change(|server| server.adopt(key(pod), object));
    }

    /// A pod is gone.
    pub fn gone(&self, pod: &str) {
        self.face.change(|server| server.end(&key(pod)));
    }
}

fn key(pod: &str) -> Key {
    Key { kind: Kind::named("v1", "Pod").unwrap(), namespace: "keyboss".to_owned(), name: pod.to_owned() }
}

/// Shared by a World and the threads of its clients.
pub type Shared = Arc<Api>;
