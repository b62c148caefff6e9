//! A planned switchover: nothing is lost, because nothing is acknowledged between the old master and the new one.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::decide::may_switch;
use super::lines::Lines;
use super::observe::Agreed;
use super::point::{forget_request, settle};
use super::seen::PODS;
use crate::watchdog::Context;

/// The old master's writers wait at most that long. A Sentinel needs one or two seconds.
const PAUSE: Duration = Duration::from_secs(8);
/// The replica has what the paused master has by then, or there is no switchover.
const CATCH_UP: Duration = Duration::from_secs(2);
/// A Sentinel asks a replica every 10 s whether it may be promoted.
const HEARSAY: Duration = Duration::from_secs(12);
const TRIES: u32 = 5;

/// Does it, or refuses, and takes the request away.
pub async fn switch(context: &Context, lines: &Lines, agreement: &mut watch::Receiver<Option<Agreed>>) {
    match hand_over(context, lines, agreement).await {
        Ok(message) => context.teller.note("redis", "RedisSwitchover", &message),
        Err(why) => {
            let message = format!("Redis: no switchover: {why}");
            context.teller.warn("redis", "RedisSwitchoverRefused", &message);
        }
    }
    for _ in 0..TRIES {
        match forget_request(context).await {
            Ok(()) => return,
            Err(fault) => tracing::warn!("Redis: the request for a switchover cannot be taken away: {fault}"),
        }
        sleep(Duration::from_millis(500)).await;
    }
}

async fn hand_over(
    context: &Context,
    lines: &Lines,
    agreement: &mut watch::Receiver<Option<Agreed>>,
) -> Result<String, String> {
    let end = Instant::now() + HEARSAY;
    loop {
        match try_once(context, lines, agreement).await {
            Err(Refusal::NotYet) if Instant::now() < end => sleep(Duration::from_secs(1)).await,
            Err(Refusal::NotYet) => return Err("no Sentinel finds a replica that it may promote".to_owned()),
            Err(Refusal::Never(why)) => return Err(why),
            Ok(message) => return Ok(message),
        }
    }
}

enum Refusal {
    /// The Sentinel does not know yet that the replica may be promoted.
    NotYet,
    Never(String),
}

impl From<String> for Refusal {
    fn from(why: String) -> Self {
        Self::Never(why)
    }
}

async fn try_once(
    context: &Context,
    lines: &Lines,
    agreement: &mut watch::Receiver<Option<Agreed>>,
) -> Result<String, Refusal> {
    let (old, new) = may_switch(&lines.look().await)?;
    context.permit.check().map_err(|fault| fault.to_string())?;
    let began = Instant::now();
    lines.pause(old, PAUSE).await.map_err(|error| format!("{} cannot be paused: {error}", PODS[old]))?;
    let handed = match caught_up(lines, old, new).await {
        Ok(()) => promote(context, lines, agreement, new).await,
        Err(why) => Err(why.into()),
    };
    match handed {
        Ok(agreed) => {
            if let Err(fault) = settle(context, &agreed).await {
                tracing::warn!("Redis: redis-master is not yet moved: {fault}");
            }
            let (old, new, took) = (PODS[old], PODS[new], began.elapsed().as_secs_f64());
            Ok(format!("Redis: {new} is master instead of {old}, as asked for; no write was taken for {took:.1} s"))
        }
        Err(why) => {
            // A replica that was promoted after all is safe from it: without a replica it acknowledges nothing.
            if let Err(error) = lines.resume(old).await {
                tracing::warn!("Redis: {} takes writes again in {} s: {error}", PODS[old], PAUSE.as_secs());
            }
            Err(why)
        }
    }
}

/// Waits until the replica has every write that the paused master has taken.
async fn caught_up(lines: &Lines, old: usize, new: usize) -> Result<(), String> {
    let Some(master) = lines.server(old).await else { return Err(format!("{} does not answer", PODS[old])) };
    let end = Instant::now() + CATCH_UP;
    while Instant::now() < end {
        if lines.server(new).await.is_some_and(|replica| replica.linked && replica.offset >= master.offset) {
            return Ok(());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Err(format!("{} does not catch up within {} s", PODS[new], CATCH_UP.as_secs()))
}

async fn promote(
    context: &Context,
    lines: &Lines,
    agreement: &mut watch::Receiver<Option<Agreed>>,
    new: usize,
) -> Result<Agreed, Refusal> {
    context.permit.check().map_err(|fault| fault.to_string())?;
    lines.failover().await.map_err(|error| match error.code() {
        Some("NOGOODSLAVE") => Refusal::NotYet,
        _ => Refusal::Never(format!("a Sentinel refuses: {error}")),
    })?;
    let switched = agreement.wait_for(|agreed| agreed.is_some_and(|agreed| agreed.master == new));
    match timeout(PAUSE - CATCH_UP, switched).await {
        Ok(Ok(agreed)) => agreed.ok_or(Refusal::NotYet),
        _ => {
            let limit = (PAUSE - CATCH_UP).as_secs();
            Err(format!("the Sentinels have not made {} master within {limit} s", PODS[new]).into())
        }
    }
}
