//! `keyboss status`.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{MissedTickBehavior, interval};

use super::interrupt::told_to_stop;
use super::reach::{Reached, reach};
use crate::cli::WatchedArgs;
use crate::cluster::{Clock, Fault};
use crate::report::{Answer, Redactor, print_json, print_lines, status};
use crate::status::{Status, look};

/// Says how an environment's shop stands. It only reads, and reads no Secret.
///
/// # Errors
/// When the releases, the workloads, the record of who leads or the lock cannot be read (exit code 2); what else there is
/// to say has been said by then.
pub async fn run(arguments: WatchedArgs, redactor: Redactor) -> Result<()> {
    let clock = Clock::start();
    let reached = reach(&arguments.of.environment, &arguments.of.cluster).await?;
    if arguments.watch {
        let every = Duration::from_secs(arguments.interval);
        return tokio::select! {
            ended = watch(&reached, &clock, every, arguments.of.output, redactor) => ended,
            told = told_to_stop() => told,
        };
    }
    let found = look(&reached.cluster, &clock).await;
    if let (Err(_), Err(_)) = (&found.journals, &found.workloads) {
        return must_be_known(&reached, found);
    }
    match arguments.of.output {
        Answer::Json => print_json(vec![found.json()], &redactor)?,
        Answer::Auto => print_lines(&status::lines(&found, status::width()), &redactor)?,
    }
    must_be_known(&reached, found)
}

/// Says it again and again, until nobody reads it.
async fn watch(reached: &Reached, clock: &Clock, every: Duration, output: Answer, redactor: Redactor) -> Result<()> {
    let mut shown = status::Watching::new(output, redactor, every);
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if !shown.show(&look(&reached.cluster, clock).await)? {
            return Ok(());
        }
    }
}

/// Refuses what is not known though a status without it is none.
fn must_be_known(reached: &Reached, found: Status) -> Result<()> {
    let Status { journals, locks, workloads, roles, .. } = found;
    known(reached, "the releases cannot be listed", journals)?;
    known(reached, "the namespace cannot be read", workloads)?;
    known(reached, "the record of who leads cannot be read", roles)?;
    known(reached, "the lock cannot be read", locks)
}

fn known<T>(reached: &Reached, what: &str, answer: Result<T, Fault>) -> Result<()> {
    reached.told(what, answer).map(drop)
}
