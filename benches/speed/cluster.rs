//! Where is deployed: the rehearsal cluster at an address, or the one that the current context leads to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use axum::body::Body;
use axum::http::{Method, Request, Response, header::CONTENT_TYPE};
use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::kinds::KINDS;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::http;

const STRATEGIC: &str = "application/strategic-merge-patch+json";
/// The namespace of environment `local`.
const NAMESPACE: &str = "keyboss";

/// A cluster, and the namespace in it.
pub struct Cluster {
    pub kubeconfig: PathBuf,
    pub namespace: String,
    /// None for one that is not ours to count on.
    counter: Option<Arc<AtomicU64>>,
    _folder: Option<tempfile::TempDir>,
}

impl Cluster {
    /// None at all.
    pub fn nowhere() -> Self {
        Self { kubeconfig: "/nonexistent".into(), namespace: String::new(), counter: None, _folder: None }
    }

    /// An empty rehearsal cluster, served as long as the process lives, at real time.
    pub fn rehearsal() -> Self {
        let counter = Arc::new(AtomicU64::new(0));
        let (counted, (ready, listens)) = (Arc::clone(&counter), mpsc::channel());
        thread::spawn(move || {
            Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
                let face = Face::new(jiff::Timestamp::now());
                let _controllers = Controllers::start(&face);
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                let besides = move |request: &mut Request<Body>| {
                    counted.fetch_add(1, Ordering::Relaxed);
                    // It takes no such patches. Those of an unchanged deploy change nothing: a StatefulSet's claim templates
                    // lack what the server has added, which kubectl takes for a difference.
                    if request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == STRATEGIC) {
                        *request.method_mut() = Method::GET;
                    }
                    groups(request.uri().path()).map(|answer| {
                        let answer = Body::from(answer.to_string());
                        Response::builder().header(CONTENT_TYPE, "application/json").body(answer).unwrap()
                    })
                };
                http::serve(listener, face, besides).await;
            });
        });
        let server = format!("http://{}", listens.recv().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, http::kubeconfig(&server, "k3d-speed", NAMESPACE).to_string()).unwrap();
        Self { kubeconfig, namespace: NAMESPACE.to_owned(), counter: Some(counter), _folder: Some(folder) }
    }

    /// A namespace of the current context's cluster, without what was in it.
    pub fn current(namespace: &str) -> Self {
        let kubeconfig = std::env::var_os("KUBECONFIG").expect("KUBECONFIG names a file").into();
        let cluster = Self { kubeconfig, namespace: namespace.to_owned(), counter: None, _folder: None };
        cluster.forget();
        cluster
    }

    /// Another place like this one, with nothing in it.
    pub fn another(&self) -> Self {
        if self.counter.is_some() { Self::rehearsal() } else { Self::current(&format!("{}-script", self.namespace)) }
    }

    /// What it is, for a title.
    pub fn describe(&self) -> String {
        let cluster = if self.counter.is_some() { "the rehearsal cluster over HTTP" } else { "the cluster" };
        format!("{cluster} (namespace {})", self.namespace)
    }

    /// Requests so far.
    pub fn requests(&self) -> Option<u64> {
        self.counter.as_ref().map(|counter| counter.load(Ordering::Relaxed))
    }

    /// Deletes what was deployed to a cluster that lives on.
    pub fn forget(&self) {
        if self.counter.is_none() {
            let mut command = Command::new("kubectl");
            command.args(["delete", "namespace", &self.namespace, "--ignore-not-found", "--timeout=10m"]);
            assert!(command.env("KUBECONFIG", &self.kubeconfig).status().unwrap().success());
        }
    }
}

/// The list of groups, which keyboss does not ask for and kubectl does.
fn groups(path: &str) -> Option<Value> {
    match path {
        "/api" => Some(json!({"kind": "APIVersions", "versions": ["v1"]})),
        "/apis" => {
            let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
            for kind in KINDS.iter().filter(|kind| !kind.group().is_empty() && !kind.is_extension()) {
                groups.entry(kind.group()).or_default().insert(kind.api_version);
            }
            let version = |of: &&str| json!({"groupVersion": of, "version": of.rsplit('/').next()});
            let groups = groups.iter().map(|(name, versions)| {
                json!({"name": name, "preferredVersion": versions.first().map(version),
                       "versions": versions.iter().map(version).collect::<Vec<_>>()})
            });
            Some(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups.collect::<Vec<_>>()}))
        }
        _ => None,
    }
}
