//! HTTP, as a visitor who comes for the first time: each request has a connection of its own, so that every one looks the
//! name up anew and none stays with a pod that a Service has left.

use std::io;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// More of an answer is not read (bytes).
const LONGEST: usize = 1 << 20;

/// An answer.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its body, up to 1 MiB.
    pub body: Vec<u8>,
}

/// Sends requests.
#[derive(Clone)]
pub struct Client {
    secure: Option<Legacy<HttpsConnector<HttpConnector>, Full<Bytes>>>,
    plain: Legacy<HttpConnector, Full<Bytes>>,
    scheme: String,
}

impl Client {
    /// One that says that the browser came by this scheme (`X-Forwarded-Proto`), as an Ingress would.
    ///
    /// # Errors
    /// When an https URL is among those that are going to be asked, and the system has no root certificates.
    pub fn new<'a>(uris: impl IntoIterator<Item = &'a Uri>, scheme: &str) -> Result<Self> {
        let asks_securely = uris.into_iter().any(|uri| uri.scheme_str() == Some("https"));
        let secure = asks_securely.then(secure).transpose().context(
            "an https URL is to be probed, and the system has no root certificates (package ca-certificates)",
        )?;
        let plain = Legacy::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(HttpConnector::new());
        Ok(Self { secure, plain, scheme: scheme.to_owned() })
    }

    /// Asks: a GET, or a POST of JSON. Redirects are not followed.
    ///
    /// # Errors
    /// When there is no answer, or it breaks off.
    pub async fn ask(&self, uri: &Uri, host: Option<&str>, json: Option<String>) -> Result<Answer> {
        let method = if json.is_some() { Method::POST } else { Method::GET };
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header(USER_AGENT, concat!("keyboss-exporter/", env!("CARGO_PKG_VERSION")))
            .header("X-Forwarded-Proto", &self.scheme);
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        if json.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::from(json.unwrap_or_default()))?;
        let response = match &self.secure {
            Some(secure) => secure.request(request).await?,
            None => self.plain.request(request).await?,
        };
        let (head, mut body) = response.into_parts();
        let mut read = Vec::new();
        while read.len() < LONGEST {
            let Some(frame) = body.frame().await else { break };
            read.extend_from_slice(frame?.data_ref().map_or(&[], Bytes::as_ref));
        }
        Ok(Answer { status: head.status, body: read })
    }
}

fn secure() -> io::Result<Legacy<HttpsConnector<HttpConnector>, Full<Bytes>>> {
    let connector = HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1().build();
    Ok(Legacy::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector))
}
