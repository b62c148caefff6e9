//! Hears from the Sentinels at once that they have another master.

use std::time::Duration;

use futures::future::join_all;
use futures::{FutureExt, StreamExt};
use redis::{Client, RedisResult};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::lines::sentinel;
use super::seen::SENTINELS;

/// So long nothing may be heard before the Sentinel is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(1);

/// Wakes somebody at each `+switch-master` of any Sentinel. Never ends: a line that breaks is made anew.
pub async fn listen(wake: &Notify) {
    join_all(SENTINELS.map(|name| async move {
        loop {
            if let Err(error) = hear(name, wake).await {
                tracing::debug!("{name} tells nothing: {error}");
            }
            sleep(ANSWER).await;
        }
    }))
    .map(|_: Vec<()>| ())
    .await;
}

async fn hear(name: &str, wake: &Notify) -> RedisResult<()> {
    let client = Client::open(sentinel(name))?;
    let Ok(connection) = timeout(ANSWER, client.get_async_pubsub()).await else { return Ok(()) };
    let (mut asking, mut messages) = connection?.split();
    let Ok(subscribed) = timeout(ANSWER, asking.subscribe("+switch-master")).await else { return Ok(()) };
    subscribed?;
    loop {
        match timeout(SILENCE, messages.next()).await {
            Ok(Some(_)) => wake.notify_one(),
            Ok(None) => return Ok(()),
            // The pod may be gone without a word.
            Err(_) => match timeout(ANSWER, asking.ping::<()>()).await {
                Ok(answer) => answer?,
                Err(_) => return Ok(()),
            },
        }
    }
}
