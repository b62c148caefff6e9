//! The API server as a client sees it: HTTP requests in, answers out, with no network between.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{Method, Request as HttpRequest, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::faults::{Fault, Faults};
use super::kinds::{Kind, discovery};
use super::route::{Parameters, Route};
use super::schema::Schema;
use super::server::{Request, Server, written};
use super::status::Status;
use super::store::Key;
use crate::cluster::Clock;

/// How long an answer takes: never no time at all, or a paused clock would stand still while a client tries again.
const LATENCY: Duration = Duration::from_millis(1);
/// How long a watch lasts that asks for no time.
const WATCH: Duration = Duration::from_secs(300);

/// The API server of a rehearsal cluster. Clones are the same server.
#[derive(Clone)]
pub struct Face {
    server: Arc<Mutex<Server>>,
    version: watch::Sender<u64>,
    faults: Faults,
    clock: Clock,
}

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

impl Face {
    /// An empty cluster, at this time by the wall clock.
    pub fn new(now: Timestamp) -> Self {
        Self {
            server: Arc::default(),
            version: watch::Sender::new(0),
            faults: Faults::default(),
            clock: Clock::starting_at(now),
        }
    }

    /// A client of it.
    pub fn client(&self, namespace: &str) -> Client {
        Client::new(self.clone(), namespace)
    }

    /// The server, to be looked at from inside the cluster.
    pub fn server(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the server from inside the cluster; watches see what has changed.
    pub fn change<T>(&self, change: impl FnOnce(&mut Server) -> T) -> T {
        let result = change(&mut self.server());
        self.tell();
        result
    }

    /// The version of the last change, as it moves.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// The cluster's clock.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// What goes wrong between this server and its clients.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    fn tell(&self) {
        let version = self.server().store().version();
        self.version.send_if_modified(|told| std::mem::replace(told, version) != version);
    }

    /// Now, in whole seconds.
    pub fn time(&self) -> String {
        written(self.clock.now())
    }

    async fn receive(self, request: HttpRequest<Body>) -> io::Result<Answer> {
        tokio::time::sleep(LATENCY).await;
        let reset = || Err(io::ErrorKind::ConnectionReset.into());
        match self.faults.next() {
            None => Ok(self.answer(request).await),
            Some(Fault::Refused(code)) => Ok(whole(code, &Status::ordered(code).body())),
            Some(Fault::Reset) => reset(),
            Some(Fault::ReplyLost) => {
                self.answer(request).await;
                reset()
            }
            Some(Fault::Silence) => std::future::pending().await,
        }
    }

    async fn answer(self, request: HttpRequest<Body>) -> Answer {
        let (head, body) = request.into_parts();
        let body = body.collect_bytes().await.unwrap_or_default();
        let parameters = Parameters::read(head.uri.query());
        let route = Route::read(head.uri.path());
        if let Some(Route::Objects(kind, namespace)) = &route
            && head.method == Method::GET
            && parameters.is_on("watch")
        {
            return self.watch(kind, namespace.clone(), &parameters);
        }
        let kind = head.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let answer = match route {
            Some(route) => self.execute(&head.method, route, &parameters, kind.unwrap_or_default(), &body),
            None => Err(Status::no_such_place()),
        };
        self.tell();
        match answer {
            Ok((code, value)) => whole(code, &value),
            Err(status) => whole(status.code, &status.body()),
        }
    }

    fn execute(
        &self,
        method: &Method,
        route: Route,
        parameters: &Parameters,
        content_type: &str,
        body: &[u8],
    ) -> Result<(u16, Value), Status> {
        let time = self.time();
        let request = Request {
            manager: Some(parameters.text("fieldManager")).filter(|manager| !manager.is_empty()).unwrap_or("unknown"),
            time: &time,
            dry_run: parameters.text("dryRun") == "All",
        };
        let parse = || serde_json::from_slice::<Value>(body).map_err(|error| Status::bad_request(error.to_string()));
        let mut server = self.server();
        match (method.as_str(), route) {
            ("GET", Route::Version) => Ok((200, version())),
            ("GET", Route::Discovery(of)) => discovery(&of).map(|list| (200, list)).ok_or_else(Status::no_such_place),
            ("POST", Route::AccessReview) => {
                let mut review = parse()?;
                review["status"] = json!({"allowed": true});
                Ok((201, review))
            }
            ("GET", Route::Objects(kind, namespace)) => Ok((200, list(&server, kind, &namespace))),
            ("POST", Route::Objects(kind, namespace)) => {
                let object = parse()?;
                let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                let key = Key { kind, namespace, name };
                Ok((201, Value::clone(&*server.create(&key, object, request)?)))
            }
            ("GET", Route::Object(key)) => Ok((200, Value::clone(&*server.get(&key)?))),
            ("PATCH", Route::Object(key)) => {
                let is_new = server.get(&key).is_err();
                let object = match content_type {
                    "application/apply-patch+yaml" => {
                        server.apply(&key, &parse()?, parameters.is_on("force"), request)?
                    }
                    "application/merge-patch+json" => server.merge(&key, &parse()?, request)?,
                    other => return Err(Status::unsupported(other)),
                };
                Ok((if is_new { 201 } else { 200 }, Value::clone(&*object)))
            }
            ("DELETE", Route::Object(key)) => {
                let options = if body.is_empty() { Value::Null } else { parse()? };
                let uid = options["preconditions"]["uid"].as_str();
                server.delete(&key, uid, request).map(|last| (200, deleted(&key, &last)))
            }
            _ => Err(Status::not_allowed()),
        }
    }

    /// A watch: what happens after a version, as it happens.
    fn watch(&self, kind: &'static Kind, namespace: String, parameters: &Parameters) -> Answer {
        let from = parameters.number("resourceVersion").unwrap_or_else(|| self.server().store().version());
        let end = Instant::now() + parameters.number("timeoutSeconds").map_or(WATCH, Duration::from_secs);
        let state = Some((from, self.clone(), self.version.subscribe()));
        let batches = stream::unfold(state, move |state| {
            let namespace = namespace.clone();
            async move {
                let (from, face, mut version) = state?;
                loop {
                    version.borrow_and_update();
                    let happened = face.server().store().since(from, kind, &namespace);
                    let changes = match happened {
                        Ok(changes) => changes,
                        Err(status) => return Some((vec![line("ERROR", &status.body())], None)),
                    };
                    if let Some(last) = changes.last() {
                        let lines = changes.iter().map(|change| line(change.event.name(), &change.object)).collect();
                        return Some((lines, Some((last.version, face, version))));
                    }
                    match tokio::time::timeout_at(end, version.changed()).await {
                        Ok(Ok(())) => tokio::time::sleep(LATENCY).await,
                        _ => return None,
                    }
                }
            }
        });
        let frames = batches.flat_map(|lines: Vec<Bytes>| {
            stream::iter(lines.into_iter().map(|line| Ok::<_, Infallible>(http_body::Frame::data(line))))
        });
        Response::new(StreamBody::new(frames).boxed_unsync())
    }
}

impl tower::Service<HttpRequest<Body>> for Face {
    type Response = Answer;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Answer>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<Body>) -> Self::Future {
        let face = self.clone();
        Box::pin(face.receive(request))
    }
}

fn line(event: &str, object: &Value) -> Bytes {
    Bytes::from(format!("{}\n", json!({"type": event, "object": object})))
}

fn whole(code: u16, value: &Value) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())).boxed_unsync());
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    response
}

fn version() -> Value {
    let version = &Schema::v1_20().version;
    let mut numbers = version.trim_start_matches('v').split('.');
    let mut number = || numbers.next().unwrap_or_default().to_owned();
    json!({"major": number(), "minor": number(), "gitVersion": version, "gitCommit": "", "gitTreeState": "",
           "buildDate": "", "goVersion": "", "compiler": "", "platform": ""})
}

/// The server leaves kind and version out of a list's items.
fn list(server: &Server, kind: &'static Kind, namespace: &str) -> Value {
    let item = |object: &Arc<Value>| {
        let mut item = Value::clone(object);
        if let Some(map) = item.as_object_mut() {
            map.remove("kind");
            map.remove("apiVersion");
        }
        item
    };
    let store = server.store();
    let items: Vec<Value> = store.list(kind, namespace).map(item).collect();
    let version = store.version().to_string();
    json!({"kind": format!("{}List", kind.kind), "apiVersion": kind.api_version,
           "metadata": {"resourceVersion": version}, "items": items})
}

/// What a deletion is answered with.
fn deleted(key: &Key, last: &Value) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
           "details": {"name": key.name, "kind": key.kind.plural, "uid": last["metadata"]["uid"]}})
}
