//! Clients that commit one row after the other, and remember every one that was acknowledged.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, NoTls};

use super::api::enter;
use crate::pods::POSTGRES_PASSWORD;

/// The pause between two commits.
const PAUSE: Duration = Duration::from_millis(10);
/// The longest that a client waits for a connection or a commit.
const LIMIT: Duration = Duration::from_millis(500);

/// One acknowledged commit.
#[derive(Clone, Debug)]
pub struct Ack {
    /// Its row.
    pub id: i64,
    /// When the acknowledgement came.
    pub at: Instant,
    /// The pod that the client was connected to.
    pub pod: String,
}

/// Tells which pod a client is to write to; empty while nobody knows.
pub type Leads = Arc<dyn Fn() -> String + Send + Sync>;

/// A client in a thread.
pub struct Writer {
    acks: Arc<Mutex<Vec<Ack>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Writes rows from `first` on, from the network of the process `sandbox`, to the pod that `leads` names; when it
    /// names another, to that.
    pub fn start(sandbox: u32, leads: Leads, addresses: Vec<(String, String)>, first: i64) -> Self {
        Self::committing(sandbox, leads, addresses, first, |id| format!("INSERT INTO ack VALUES ({id})"))
    }

    /// The same, with other statements for a row. They are one transaction.
    pub fn committing(
        sandbox: u32,
        leads: Leads,
        addresses: Vec<(String, String)>,
        first: i64,
        statements: impl Fn(i64) -> String + Send + 'static,
    ) -> Self {
        Self::spawn(move |told, stopped| {
            enter(sandbox);
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            let mut id = first;
            while !stopped.load(Ordering::Relaxed) {
                let target = leads();
                let Some((_, address)) = addresses.iter().find(|(name, _)| *name == target) else {
                    thread::sleep(PAUSE);
                    continue;
                };
                runtime.block_on(async {
                    let Some(client) = connect(address).await else { return };
                    while !stopped.load(Ordering::Relaxed) {
                        id += 1;
                        match timeout(LIMIT, client.batch_execute(&statements(id))).await {
                            Ok(Ok(())) => {
                                told.lock().unwrap().push(Ack { id, at: Instant::now(), pod: target.clone() })
                            }
                            // Whether it was committed is not known: no acknowledgement.
                            _ => return sleep(PAUSE).await,
                        }
                        if leads() != target {
                            return;
                        }
                        sleep(PAUSE).await;
                    }
                });
                // A server that refuses is not to be kept busy with that.
                thread::sleep(5 * PAUSE);
            }
        })
    }

    /// Runs a client in a thread, which tells what was acknowledged, until it is to stop.
    pub fn spawn(client: impl FnOnce(&Mutex<Vec<Ack>>, &AtomicBool) + Send + 'static) -> Self {
        let (acks, stop): (Arc<Mutex<Vec<Ack>>>, _) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (told, stopped) = (Arc::clone(&acks), Arc::clone(&stop));
        Self { acks, stop, thread: Some(thread::spawn(move || client(&told, &stopped))) }
    }

    /// The acknowledged commits so far.
    pub fn acks(&self) -> Vec<Ack> {
        self.acks.lock().unwrap().clone()
    }

    /// Stops, and returns all of them.
    pub fn finish(mut self) -> Vec<Ack> {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        self.acks()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

async fn connect(address: &str) -> Option<Client> {
    let mut config = tokio_postgres::Config::new();
    config.host(address).user("saleor").password(POSTGRES_PASSWORD).dbname("saleor").connect_timeout(LIMIT);
    let (client, connection) = timeout(LIMIT, config.connect(NoTls)).await.ok()?.ok()?;
    tokio::spawn(connection);
    // A commit that a standby delays is not given up by the server: the client's own limit ends the wait.
    timeout(LIMIT, client.batch_execute("SET lock_timeout = '500ms'")).await.ok()?.ok()?;
    Some(client)
}

/// The longest time between two acknowledgements.
pub fn longest_gap(acks: &[Ack]) -> Duration {
    acks.windows(2).map(|pair| pair[1].at - pair[0].at).max().unwrap_or_default()
}

/// Acknowledged rows that `present` lacks.
pub fn lost(acks: &[Ack], present: &BTreeSet<i64>) -> Vec<i64> {
    acks.iter().map(|ack| ack.id).filter(|id| !present.contains(id)).collect()
}

/// The servers that acknowledged, one after the other: two names that alternate were primary at the same time, or again.
pub fn reigns(acks: &[Ack]) -> Vec<String> {
    let mut sorted = acks.to_vec();
    sorted.sort_by_key(|ack| ack.at);
    let mut pods: Vec<String> = sorted.into_iter().map(|ack| ack.pod).collect();
    pods.dedup();
    pods
}

/// Acknowledgements of one server after the first one of another that followed it: both were primary then.
pub fn overlap(acks: &[Ack]) -> Vec<Ack> {
    let mut sorted = acks.to_vec();
    sorted.sort_by_key(|ack| ack.at);
    let mut seen: Vec<String> = Vec::new();
    let mut late = Vec::new();
    for ack in sorted {
        match seen.iter().position(|pod| *pod == ack.pod) {
            None => seen.push(ack.pod),
            Some(index) if index + 1 == seen.len() => {}
            Some(_) => late.push(ack),
        }
    }
    late
}
