//! People who use the shop, through the Ingress.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::{sleep, timeout};

use crate::kubectl::Namespace;

/// What is asked.
const QUERY: &str = r#"{"query":"{products(first:1,channel:\"default-channel\"){totalCount}}"}"#;
/// The longest that anybody waits for an answer.
const LIMIT: Duration = Duration::from_secs(30);
/// How long everybody reads it.
const PAUSE: Duration = Duration::from_millis(200);
/// The most people at once.
const MOST: usize = 64;

/// Requests to `/graphql/`, one after the other by each of some people, until this ends.
pub struct Traffic {
    people: Arc<AtomicUsize>,
    sent: Arc<AtomicUsize>,
    failed: Arc<Mutex<Vec<String>>>,
    thread: JoinHandle<()>,
}

impl Traffic {
    /// So many people begin.
    pub fn of(people: usize) -> Self {
        let service = Namespace("kube-system".to_owned()).get(&["service", "traefik"]);
        let uri = format!("http://{}/graphql/", service["spec"]["clusterIP"].as_str().unwrap());
        let people = Arc::new(AtomicUsize::new(people));
        let (sent, failed): (Arc<AtomicUsize>, Arc<Mutex<Vec<String>>>) = Default::default();
        let (now, count, errors) = (Arc::clone(&people), Arc::clone(&sent), Arc::clone(&failed));
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
                let ask = async |number: usize| {
                    loop {
                        match now.load(Ordering::Relaxed) {
                            0 => return,
                            people if number < people => {
                                count.fetch_add(1, Ordering::Relaxed);
                                if let Err(error) = answered(&client, &uri).await {
                                    errors.lock().unwrap().push(error);
                                }
                            }
                            _ => {}
                        }
                        sleep(PAUSE).await;
                    }
                };
                futures::future::join_all((0..MOST).map(ask)).await;
            });
        });
        Self { people, sent, failed, thread }
    }

    /// From now on so many.
    pub fn become_of(&self, people: usize) {
        assert!((1..=MOST).contains(&people));
        self.people.store(people, Ordering::Relaxed);
    }

    /// Everybody leaves: how many requests there were, and what was wrong with those that failed.
    pub fn end(self) -> (usize, Vec<String>) {
        self.people.store(0, Ordering::Relaxed);
        self.thread.join().unwrap();
        (self.sent.load(Ordering::Relaxed), Arc::into_inner(self.failed).unwrap().into_inner().unwrap())
    }
}

/// One request that is answered with products.
async fn answered(client: &Client<HttpConnector, Full<Bytes>>, uri: &str) -> Result<(), String> {
    let request = Request::post(uri).header("Host", "localhost").header("Content-Type", "application/json");
    let request = request.body(Full::from(QUERY)).unwrap();
    let answer = async {
        let answer = client.request(request).await.map_err(|error| format!("{error:?}"))?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| format!("{error:?}"))?.to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        if status.is_success() && body.contains("totalCount") && !body.contains("errors") {
            return Ok(());
        }
        Err(format!("{status}: {body}"))
    };
    timeout(LIMIT, answer).await.unwrap_or_else(|_| Err(format!("no answer in {} s", LIMIT.as_secs())))
}
