//! The rehearsal cluster's API server at an address, as the program finds one.

use axum::Router;
use axum::body::{Body as HttpBody, to_bytes};
use axum::http::{Request, StatusCode};
use keyboss::rehearsal::face::Face;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::port_forward::{self, Ports};

/// Answers as long as it is not dropped. Ports of pods lead to these servers.
pub async fn serve(listener: TcpListener, face: Face, ports: Ports) {
    let router = Router::new().fallback(move |request: Request<HttpBody>| {
        let (face, ports) = (face.clone(), ports.clone());
        async move {
            if request.uri().path().ends_with("/portforward") {
                return Ok(port_forward::answer(request, &face, &ports));
            }
            let (head, body) = request.into_parts();
            let body = to_bytes(body, usize::MAX).await.map_err(|_| StatusCode::BAD_REQUEST)?;
            let answer = face.oneshot(Request::from_parts(head, Body::from(body))).await;
            // A connection that was reset, for one.
            answer.map(|answer| answer.map(HttpBody::new)).map_err(|_| StatusCode::BAD_GATEWAY)
        }
    });
    axum::serve(listener, router).await.unwrap();
}

/// A kubeconfig with one context, which leads to the server.
pub fn kubeconfig(server: &str, context: &str, namespace: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Config", "current-context": context,
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": context, "context": {"cluster": "c", "user": "u", "namespace": namespace}}]})
}
