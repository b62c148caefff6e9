//! One request, as the API server reads it.

use bytes::Bytes;
use http::{Method, Request};
use kube::client::Body;
use serde_json::Value;

use super::route::{Parameters, Route};
use super::status::Status;

/// One request.
#[derive(Debug)]
pub struct Call {
    /// The HTTP method.
    pub method: Method,
    /// Where its path leads; None where it leads nowhere.
    pub route: Option<Route>,
    /// Its parameters.
    pub parameters: Parameters,
    /// What its body is.
    pub content_type: String,
    body: Bytes,
}

impl Call {
    /// Reads a request.
    pub async fn read(request: Request<Body>) -> Self {
        let (head, body) = request.into_parts();
        let content_type = head.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Self {
            route: Route::read(head.uri.path()),
            parameters: Parameters::read(head.uri.query()),
            content_type: content_type.unwrap_or_default().to_owned(),
            body: body.collect_bytes().await.unwrap_or_default(),
            method: head.method,
        }
    }

    /// What is asked, as RBAC names it
    /// (<https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb>).
    pub fn verb(&self) -> &'static str {
        let is_list = matches!(self.route, Some(Route::Objects(..)));
        match self.method.as_str() {
            "GET" if is_list && self.parameters.is_on("watch") => "watch",
            "GET" if is_list => "list",
            "POST" => "create",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" => "delete",
            _ => "get",
        }
    }

    /// Of what, by its plural name: "deployments", "pods/log", "version".
    pub fn resource(&self) -> &str {
        match &self.route {
            Some(Route::Version) => "version",
            Some(Route::Discovery(_)) => "apis",
            Some(Route::AccessReview) => "selfsubjectaccessreviews",
            Some(Route::Objects(kind, _)) => kind.plural,
            Some(Route::Object(key)) => key.kind.plural,
            Some(Route::Log(_)) => "pods/log",
            None => "",
        }
    }

    /// Whether it changes what is stored: it is neither a question nor a dry run.
    pub fn is_write(&self) -> bool {
        let asks = self.method == Method::GET || matches!(self.route, Some(Route::AccessReview));
        !asks && self.parameters.text("dryRun") != "All"
    }

    /// The body; null where there is none.
    ///
    /// # Errors
    /// 400 for one that is no JSON.
    pub fn json(&self) -> Result<Value, Status> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).map_err(|error| Status::bad_request(error.to_string()))
    }
}
