//! The rehearsal cluster at an address, for the program run as a user runs it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::thread;

use http_body_util::BodyExt;
use keyboss::rehearsal::face::Face;
use kube::client::Body;
use serde_json::json;
use tower::Service;

/// A kubeconfig that leads to the cluster.
pub struct Served {
    folder: tempfile::TempDir,
}

impl Served {
    /// Serves the cluster, as long as the process lives.
    pub fn new(face: &Face, context: &str, namespace: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let face = face.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let face = face.clone();
                thread::spawn(move || serve(face, stream.unwrap()));
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = json!({"apiVersion": "v1", "kind": "Config", "current-context": context,
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": context, "context": {"cluster": "c", "user": "u", "namespace": namespace}}]});
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

/// Answers the requests of one connection.
fn serve(mut face: Face, stream: TcpStream) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(request) = read(&mut reader) {
        let answer = runtime.block_on(async {
            let response = face.call(request).await.unwrap();
            let (head, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let status = head.status;
            let content = head.headers["content-type"].to_str().unwrap().to_owned();
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-type: {content}\r\ncontent-length: {}\r\n\r\n", body.len());
            [head.as_bytes(), &body].concat()
        });
        if (&stream).write_all(&answer).is_err() {
            return;
        }
    }
}

/// One request; None at the end of the connection.
fn read(reader: &mut impl BufRead) -> Option<http::Request<Body>> {
    let line = |reader: &mut dyn BufRead| {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        Some(line.trim_end().to_owned()).filter(|line| !line.is_empty())
    };
    let first = line(reader)?;
    let mut words = first.split(' ');
    let mut request = http::Request::builder().method(words.next()?).uri(words.next()?);
    let mut length = 0;
    while let Some(header) = line(reader) {
        let (name, value) = header.split_once(": ")?;
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().ok()?;
        }
        request = request.header(name, value);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body(Body::from(body)).ok()
}
