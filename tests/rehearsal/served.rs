//! The rehearsal cluster at an address, for the program run as a user runs it.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;

use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use keyboss::rehearsal::face::Face;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::http;

/// A kubeconfig that leads to the cluster.
pub struct Served {
    folder: tempfile::TempDir,
}

impl Served {
    /// Serves the cluster, as long as the process lives.
    pub fn new(face: &Face, context: &str, namespace: &str) -> Self {
        Self::beside(face, context, namespace, BTreeMap::new())
    }

    /// The same, with answers to GET of paths that it does not serve itself.
    pub fn beside(face: &Face, context: &str, namespace: &str, answers: BTreeMap<String, Value>) -> Self {
        let mut router = http::router(face.clone());
        for (path, answer) in answers {
            let answer = ([(CONTENT_TYPE, "application/json")], answer.to_string());
            router = router.route(&path, get(async move || answer));
        }
        let (ready, listens) = mpsc::channel();
        thread::spawn(move || {
            Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                http::serve(listener, router).await;
            });
        });
        let server = format!("http://{}", listens.recv().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = http::kubeconfig(&server, context, namespace);
        fs::write(folder.path().join("kubeconfig"), kubeconfig.to_string()).unwrap();
        Self { folder }
    }

    /// The program, with these arguments.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyboss"));
        command.args(arguments).env_remove("RUST_LOG").env("KUBECONFIG", self.folder.path().join("kubeconfig"));
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
