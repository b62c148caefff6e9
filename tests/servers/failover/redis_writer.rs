//! Clients of Redis that write one member after the other to a set, and remember every one that was acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, RedisResult, cmd};
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use super::api::{Shared, enter};
use super::writer::{Ack, Writer};

/// The pause between two writes.
const PAUSE: Duration = Duration::from_millis(10);
/// The longest that a client of the Service waits.
const LIMIT: Duration = Duration::from_secs(1);
/// A client that stays with one pod keeps its connection: what it has sent is there when a frozen server wakes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Writes from `first` on, from the network of the process `sandbox`, to `pod`, or to where the Service `redis-master`
/// leads at each new connection.
pub fn start(sandbox: u32, api: &Shared, pod: Option<&str>, addresses: Vec<(String, String)>, first: i64) -> Writer {
    let (api, pod) = (Arc::clone(api), pod.map(str::to_owned));
    Writer::spawn(move |told, stopped| {
        enter(sandbox);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let mut id = first;
        while !stopped.load(Ordering::Relaxed) {
            let target = pod.clone().unwrap_or_else(|| api.led("redis-master"));
            let limit = if pod.is_some() { PATIENCE } else { LIMIT };
            let Some((_, address)) = addresses.iter().find(|(name, _)| *name == target) else { continue };
            runtime.block_on(async {
                let Some(mut client) = connect(address).await else { return sleep(PAUSE).await };
                while !stopped.load(Ordering::Relaxed) {
                    id += 1;
                    let write = cmd("SADD").arg("acks").arg(id).clone();
                    let answer: RedisResult<i64> = tokio::select! {
                        answer = timeout(limit, write.query_async(&mut client)) => match answer {
                            Ok(answer) => answer,
                            Err(_) => return,
                        },
                        () = told_to(stopped) => return,
                    };
                    match answer {
                        Ok(1) => told.lock().unwrap().push(Ack { id, at: Instant::now(), pod: target.clone() }),
                        // A replica: the Service may lead elsewhere by now. NOREPLICAS: it may pass.
                        Err(error) if error.code() == Some("NOREPLICAS") => {}
                        _ => return sleep(PAUSE).await,
                    }
                    if pod.is_none() && api.led("redis-master") != target {
                        return;
                    }
                    sleep(PAUSE).await;
                }
            });
        }
    })
}

async fn told_to(stopped: &AtomicBool) {
    while !stopped.load(Ordering::Relaxed) {
        sleep(PAUSE).await;
    }
}

async fn connect(address: &str) -> Option<MultiplexedConnection> {
    let client = Client::open(format!("redis://{address}:6379")).ok()?;
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(LIMIT)).set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await.ok()
}
