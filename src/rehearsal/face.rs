//! The API server as a client sees it: HTTP requests in, answers out, with no network between.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request as HttpRequest, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use jiff::Timestamp;
use kube::Client;
use kube::client::{Body, ClientBuilder};
use tokio::sync::watch;

use super::answers::{Answer, answer, is_served};
use super::call::Call;
use super::faults::{Fault, Faults};
use super::following::Following;
use super::logs::Part;
use super::rights::Rights;
use super::route::Route;
use super::server::{Server, written};
use super::status::Status;
use super::watching::Watching;
use crate::cluster::{Clock, Connection};

/// How long an answer takes: never no time at all, or a paused clock would stand still while a client tries again.
pub(super) const LATENCY: Duration = Duration::from_millis(1);

/// The API server of a rehearsal cluster. Clones are the same server.
#[derive(Clone)]
pub struct Face {
    server: Arc<Mutex<Server>>,
    version: watch::Sender<u64>,
    faults: Faults,
    rights: Rights,
    clock: Clock,
}

type HttpAnswer = Response<UnsyncBoxBody<Bytes, io::Error>>;

impl Face {
    /// An empty cluster, at this time by the wall clock.
    pub fn new(now: Timestamp) -> Self {
        Self {
            server: Arc::default(),
            version: watch::Sender::new(0),
            faults: Faults::default(),
            rights: Rights::default(),
            clock: Clock::starting_at(now),
        }
    }

    /// Another cluster that begins as this one is now, at its time.
    pub fn fork(&self) -> Self {
        let server = self.server().clone();
        let version = server.store().version();
        let version = watch::Sender::new(version);
        Self { server: Arc::new(Mutex::new(server)), version, ..Self::new(self.clock.now()) }
    }

    /// The same cluster, for requests with which nothing goes wrong and that are not counted.
    pub fn within(&self) -> Self {
        Self { faults: Faults::default(), ..self.clone() }
    }

    /// A client of it that tries nothing again.
    pub fn client(&self, namespace: &str) -> Client {
        Client::new(self.clone(), namespace)
    }

    /// The program's own connection to it.
    ///
    /// # Errors
    /// As [`Connection::through`].
    pub fn connection(&self, namespace: &str) -> anyhow::Result<Connection> {
        Connection::through(ClientBuilder::new(self.clone(), namespace), "rehearsal")
    }

    /// The server, to be looked at from inside the cluster.
    pub fn server(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the server from inside the cluster; watches see what has changed.
    pub fn change<T>(&self, change: impl FnOnce(&mut Server) -> T) -> T {
        let mut server = self.server();
        let result = change(&mut server);
        let version = server.store().version();
        drop(server);
        self.version.send_if_modified(|told| std::mem::replace(told, version) != version);
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

    /// What the user may do.
    pub fn rights(&self) -> &Rights {
        &self.rights
    }

    async fn receive(self, request: HttpRequest<Body>) -> io::Result<HttpAnswer> {
        tokio::time::sleep(LATENCY).await;
        let call = Call::read(request).await;
        let reset = || Err(io::ErrorKind::ConnectionReset.into());
        match self.faults.next(&call, self.clock.elapsed()) {
            None => Ok(self.answer(&call)),
            Some(Fault::Refused(code)) => Ok(refused(&Status::ordered(code))),
            Some(Fault::Reset) => reset(),
            Some(Fault::ReplyLost) => {
                self.answer(&call);
                reset()
            }
            Some(Fault::Torn) => Ok(self.answer(&call).map(torn)),
            Some(Fault::Silence) => std::future::pending().await,
            Some(Fault::Unanswered) => {
                self.answer(&call);
                std::future::pending().await
            }
        }
    }

    fn answer(&self, call: &Call) -> HttpAnswer {
        let is_served = call.route.as_ref().is_some_and(|route| is_served(&self.server(), route));
        if let (Some(Route::Objects(kind, namespace)), "watch", true) = (&call.route, call.verb(), is_served) {
            let now = self.server().store().version();
            let watching = self
                .rights
                .check(call, false)
                .and_then(|()| Watching::read(kind, namespace.clone(), &call.parameters, now));
            return match watching {
                Ok(watching) => response(200, "application/json", watching.lines(self.clone())),
                Err(status) => refused(&status),
            };
        }
        if let (Some(Route::Log(key)), true, true) = (&call.route, call.parameters.is_on("follow"), is_served) {
            let following = self
                .rights
                .check(call, false)
                .and_then(|()| Part::read(&call.parameters, self.clock.now()))
                .and_then(|part| Following::read(self.clone(), key.clone(), part));
            return match following {
                Ok(following) => response(200, "text/plain", following.lines()),
                Err(status) => refused(&status),
            };
        }
        let time = written(self.clock.now());
        match self.change(|server| answer(server, &self.rights, call, &time)) {
            Ok(Answer::Object(code, object)) => response(code, "application/json", once(object.to_string())),
            Ok(Answer::Text(text)) => response(200, "text/plain", once(text)),
            Err(status) => refused(&status),
        }
    }
}

impl tower::Service<HttpRequest<Body>> for Face {
    type Response = HttpAnswer;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<HttpAnswer>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// What was sent is done, whether or not the client still waits for the answer.
    fn call(&mut self, request: HttpRequest<Body>) -> Self::Future {
        let received = tokio::spawn(self.clone().receive(request));
        Box::pin(async { received.await.unwrap_or_else(|error| Err(io::Error::other(error))) })
    }
}

fn refused(status: &Status) -> HttpAnswer {
    response(status.code, "application/json", once(status.body().to_string()))
}

fn once(text: String) -> impl Stream<Item = io::Result<Bytes>> {
    stream::iter([Ok(Bytes::from(text))])
}

fn response(
    code: u16,
    content_type: &'static str,
    parts: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) -> HttpAnswer {
    let mut response =
        Response::new(StreamBody::new(parts.map(|part| part.map(http_body::Frame::data))).boxed_unsync());
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Half of the first part of a body, then no more of it.
fn torn(body: UnsyncBoxBody<Bytes, io::Error>) -> UnsyncBoxBody<Bytes, io::Error> {
    let half = |part: Bytes| part.slice(..part.len() / 2);
    let parts = body.into_data_stream().take(1).map(move |part| part.map(half));
    let broken = stream::iter([Err(io::ErrorKind::ConnectionReset.into())]);
    StreamBody::new(parts.chain(broken).map(|part| part.map(http_body::Frame::data))).boxed_unsync()
}
