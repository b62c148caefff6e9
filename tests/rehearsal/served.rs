//! The rehearsal cluster at an address, for the program run as a user runs it.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Request};
use axum::response::IntoResponse;
use keyboss::rehearsal::face::Face;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::http;
use crate::port_forward::{self, Ports};

/// A kubeconfig that leads to the cluster.
pub struct Served {
    folder: tempfile::TempDir,
    pub address: SocketAddr,
    /// What the pods serve.
    pub ports: Ports,
}

impl Served {
    /// Serves the cluster, as long as the process lives.
    pub fn new(face: &Face, context: &str, namespace: &str) -> Self {
        Self::beside(face, context, namespace, BTreeMap::new())
    }

    /// The same, with answers to GET of paths that it does not serve itself.
    pub fn beside(face: &Face, context: &str, namespace: &str, answers: BTreeMap<String, Value>) -> Self {
        let (face, ports) = (face.clone(), Ports::default());
        let served = ports.clone();
        let (ready, listens) = mpsc::channel();
        thread::spawn(move || {
            Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                let pods = face.clone();
                let besides = move |request: &mut Request<Body>| match answers.get(request.uri().path()) {
                    Some(answer) if request.method() == Method::GET => {
                        Some(([(CONTENT_TYPE, "application/json")], answer.to_string()).into_response())
                    }
                    _ => port_forward::answer(request, &pods, &served),
                };
                http::serve(listener, face, besides).await;
            });
        });
        Self { ports, ..Self::at(listens.recv().unwrap(), context, namespace) }
    }

    /// What is served at this address already.
    pub fn at(address: SocketAddr, context: &str, namespace: &str) -> Self {
        let server = format!("http://{address}");
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = http::kubeconfig(&server, context, namespace);
        fs::write(folder.path().join("kubeconfig"), kubeconfig.to_string()).unwrap();
        Self { folder, address, ports: Ports::default() }
    }

    /// The program, with these arguments.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyboss"));
        command
            .args(arguments)
            .env_remove("RUST_LOG")
            .env_remove("GITHUB_ACTIONS")
            .env("KUBECONFIG", self.folder.path().join("kubeconfig"));
        command.stdin(Stdio::null());
        command
    }

    /// Runs the program: its exit code, what it printed, and its errors.
    pub fn told(&self, arguments: &[&str]) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (status.code().unwrap(), stdout, stderr)
    }
}
