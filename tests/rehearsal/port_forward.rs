//! Ports of pods, as an API server forwards them over a WebSocket (k8s:pkg/kubelet/cri/streaming/portforward/websocket.go).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{Request, Response, header};
use futures::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::kinds::Kind;
use keyboss::rehearsal::store::Key;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// The servers that stand for ports of pods.
#[derive(Clone, Default)]
pub struct Ports(Arc<Mutex<BTreeMap<(String, u16), SocketAddr>>>);

impl Ports {
    /// Lets a port of a pod be this server.
    pub fn lead(&self, pod: &str, port: u16, server: SocketAddr) {
        self.0.lock().unwrap().insert((pod.to_owned(), port), server);
    }
}

/// Answers a request, if it is for a port of a pod.
pub fn answer(request: &mut Request<Body>, face: &Face, ports: &Ports) -> Option<Response<Body>> {
    request.uri().path().ends_with("/portforward").then(|| forwarded(request, face, ports))
}

fn forwarded(request: &mut Request<Body>, face: &Face, ports: &Ports) -> Response<Body> {
    let parts: Vec<&str> = request.uri().path().split('/').collect();
    let (namespace, name) = (parts[4].to_owned(), parts[6].to_owned());
    if !face.rights().allow("get", "pods/portforward") {
        return refused(403, "Forbidden", "cannot get resource \"pods/portforward\"");
    }
    let key = Key { kind: Kind::named("v1", "Pod").unwrap(), namespace, name: name.clone() };
    if face.server().get(&key).is_err() {
        return refused(404, "NotFound", &format!("pods \"{name}\" not found"));
    }
    let query: BTreeMap<String, String> =
        url::form_urlencoded::parse(request.uri().query().unwrap().as_bytes()).into_owned().collect();
    let port = query["ports"].parse().unwrap();
    let server = ports.0.lock().unwrap().get(&(name, port)).copied();
    let accept = derive_accept_key(request.headers()[header::SEC_WEBSOCKET_KEY].as_bytes());
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let stream = TokioIo::new(upgrade.await.unwrap());
        forward(WebSocketStream::from_raw_socket(stream, Role::Server, None).await, port, server).await;
    });
    let head =
        Response::builder().status(101).header(header::CONNECTION, "Upgrade").header(header::UPGRADE, "websocket");
    let head = head.header(header::SEC_WEBSOCKET_ACCEPT, accept);
    head.header(header::SEC_WEBSOCKET_PROTOCOL, "v4.channel.k8s.io").body(Body::empty()).unwrap()
}

async fn forward(
    mut socket: WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>,
    port: u16,
    server: Option<SocketAddr>,
) {
    let [low, high] = port.to_le_bytes();
    for channel in [0, 1] {
        // Whoever asked may be gone already.
        if socket.send(Message::binary(vec![channel, low, high])).await.is_err() {
            return;
        }
    }
    let pod = match server {
        Some(server) => TcpStream::connect(server).await.ok(),
        None => None,
    };
    let Some(mut pod) = pod else {
        let words = format!("\u{1}an error occurred forwarding {port}: connection refused");
        let _ = socket.send(Message::binary(words.into_bytes())).await;
        let _ = socket.close(None).await;
        // What the client has sent meanwhile is read: a connection that is closed upon it is reset, and the words are lost.
        while let Some(Ok(_)) = socket.next().await {}
        return;
    };
    let (mut from_pod, mut to_pod) = pod.split();
    let (mut to_client, mut from_client) = socket.split();
    let down = async {
        let mut buffer = vec![0; 32 * 1024];
        while let Ok(count @ 1..) = from_pod.read(&mut buffer).await {
            let message = [&[0], &buffer[..count]].concat();
            if to_client.send(Message::binary(message)).await.is_err() {
                return;
            }
        }
        let _ = to_client.send(Message::Close(None)).await;
    };
    let up = async {
        while let Some(Ok(Message::Binary(bytes))) = from_client.next().await {
            if to_pod.write_all(&bytes[1..]).await.is_err() {
                return;
            }
        }
    };
    // Whichever side ends, the connection does: there is no half.
    tokio::select! {
        () = down => {}
        () = up => {}
    }
}

fn refused(code: u16, reason: &str, message: &str) -> Response<Body> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": reason,
        "message": message, "code": code});
    let head = Response::builder().status(code).header(header::CONTENT_TYPE, "application/json");
    head.body(Body::from(status.to_string())).unwrap()
}
