//! Looks at the servers, again and again, and does what is decided. It needs no API server.

use std::time::Duration;

use redis::RedisResult;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};

use super::decide::{Decision, Step, Trouble, decide, may_unguard, settled};
use super::lines::Lines;
use super::seen::{PODS, Seen};
use crate::watchdog::Context;

/// From one look to the next.
const CALM: Duration = Duration::from_millis(500);
const HURRY: Duration = Duration::from_millis(100);
/// A failover takes that long by itself. What goes on for longer is said.
const PATIENCE: Duration = Duration::from_secs(3);

/// The pod that writes have to go to.
#[derive(Clone, Copy, Debug)]
pub struct Agreed {
    /// The Sentinels name it, and it answers as master.
    pub master: usize,
    /// When that was last seen.
    pub at: Instant,
    /// The first sign that another one was master no longer.
    pub sign: Instant,
}

/// Looks as long as this watchdog leads.
pub async fn observe(context: &Context, lines: &Lines, agreed: &watch::Sender<Option<Agreed>>, wake: &Notify) {
    let mut sign = Some(Instant::now());
    let mut complaint = Complaint::default();
    loop {
        let seen = lines.look().await;
        let decision = decide(&seen);
        measure(context, &seen, decision.master);
        let now = Instant::now();
        let before = *agreed.borrow();
        if let Some(master) = decision.master {
            let first = *sign.get_or_insert(now);
            let sign_of = before.filter(|before| before.master == master).map_or(first, |before| before.sign);
            agreed.send_replace(Some(Agreed { master, at: now, sign: sign_of }));
            sign = None;
        } else {
            sign.get_or_insert(now);
        }
        complaint.about(context, decision.trouble);
        take(context, lines, &decision).await;
        tokio::select! {
            () = sleep(if decision.hurry { HURRY } else { CALM }) => {}
            () = wake.notified() => {}
        }
    }
}

fn measure(context: &Context, seen: &Seen, master: Option<usize>) {
    let master = master.and_then(|pod| Some((seen.servers[pod].as_ref()?, seen.servers[1 - pod].as_ref())));
    let attached = master.is_some_and(|(master, _)| master.attached);
    let lag = master.and_then(|(master, replica)| {
        let replica = replica.filter(|replica| attached && replica.linked)?;
        i64::try_from(master.offset.saturating_sub(replica.offset)).ok()
    });
    context.metrics.redis(attached, lag);
}

async fn take(context: &Context, lines: &Lines, decision: &Decision) {
    for step in &decision.steps {
        match step {
            Step::Guard(pod) => {
                let done = permitted(context, lines.guard(*pod, true)).await;
                said(done, &format!("{} acknowledges only what a replica can have", PODS[*pod]));
            }
            // At once before: the Sentinels may have begun to replace it meanwhile.
            Step::Unguard(pod) if !still(lines, *pod).await => {}
            Step::Unguard(pod) => {
                let done = permitted(context, lines.guard(*pod, false)).await;
                said(done, &format!("{} acknowledges by itself", PODS[*pod]));
            }
            // The Sentinels once more, after the second master was seen: they may have made it one in between.
            Step::Demote(_) if !decide(&lines.look().await).steps.contains(step) => {}
            Step::Demote(pod) => {
                let done = permitted(context, lines.demote(*pod)).await;
                let name = PODS[*pod];
                if done.is_ok() {
                    let message = format!("{name} was master beside {}: it is a replica now", PODS[1 - *pod]);
                    context.teller.warn("redis", "RedisDemoted", &message);
                } else {
                    said(done, &format!("{name} becomes a replica"));
                }
            }
        }
    }
}

/// Whether a pod may still acknowledge by itself: as a replica always, as a master if the Sentinels stand by it.
async fn still(lines: &Lines, pod: usize) -> bool {
    let seen = lines.look().await;
    let Some(server) = &seen.servers[pod] else { return false };
    if server.is_master { lone(&seen, pod) } else { settled(&seen) == Some(1 - pod) }
}

fn lone(seen: &Seen, pod: usize) -> bool {
    let other = seen.servers[1 - pod].as_ref();
    settled(seen) == Some(pod) && seen.servers[pod].as_ref().is_some_and(|server| may_unguard(server, other))
}

async fn permitted(context: &Context, step: impl Future<Output = RedisResult<()>>) -> Result<(), String> {
    context.permit.check().map_err(|fault| fault.to_string())?;
    step.await.map_err(|error| error.to_string())
}

fn said(done: Result<(), String>, what: &str) {
    match done {
        Ok(()) => tracing::info!("Redis: {what}"),
        Err(error) => tracing::debug!("Redis: not done: {what}: {error}"),
    }
}

/// What is wrong is said once, when it has lasted.
#[derive(Default)]
struct Complaint {
    trouble: Option<(Trouble, Instant)>,
    told: bool,
}

impl Complaint {
    fn about(&mut self, context: &Context, trouble: Option<Trouble>) {
        match (trouble, self.trouble) {
            (Some(trouble), Some((known, since))) if trouble == known => {
                if !self.told && since.elapsed() > PATIENCE {
                    context.teller.warn("redis", trouble.reason(), &trouble.to_string());
                    self.told = true;
                }
            }
            (Some(trouble), _) => *self = Self { trouble: Some((trouble, Instant::now())), told: false },
            (None, _) => {
                if self.told {
                    tracing::info!("Redis: in order again");
                }
                *self = Self::default();
            }
        }
    }
}
