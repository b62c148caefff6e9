//! The length of Celery's queue, as the broker has it.

use redis::{AsyncConnectionConfig, Client, RedisResult, pipe};

/// The lists that one queue consists of: kombu has one for each step of priority
/// (<https://docs.celeryq.dev/en/stable/userguide/routing.html#redis-message-priorities>).
const LISTS: [&str; 4] = ["celery", "celery\u{6}\u{16}3", "celery\u{6}\u{16}6", "celery\u{6}\u{16}9"];

/// How many tasks wait.
///
/// # Errors
/// When the broker does not answer.
pub async fn length(broker: &Client) -> RedisResult<i64> {
    // The caller has a limit of its own, which holds for the whole of it.
    let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    let mut connection = broker.get_multiplexed_async_connection_with_config(&config).await?;
    let mut asked = pipe();
    for list in LISTS {
        asked.llen(list);
    }
    let lengths: [i64; LISTS.len()] = asked.query_async(&mut connection).await?;
    Ok(lengths.iter().sum())
}
