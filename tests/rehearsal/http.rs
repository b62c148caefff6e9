//! The rehearsal cluster's API server at an address, as the program finds one.

use axum::Router;
use axum::body::{Body as HttpBody, to_bytes};
use axum::http::{Request, Response, StatusCode};
use keyboss::rehearsal::face::Face;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt;

/// Answers as long as it is not dropped; what `besides` answers does not come to the cluster.
pub async fn serve(
    listener: TcpListener,
    face: Face,
    besides: impl Fn(&mut Request<HttpBody>) -> Option<Response<HttpBody>> + Clone + Send + Sync + 'static,
) {
    let router = Router::new().fallback(move |mut request: Request<HttpBody>| {
        let (face, besides) = (face.clone(), besides.clone());
        async move {
            if let Some(answer) = besides(&mut request) {
                return Ok(answer);
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
