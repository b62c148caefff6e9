//! Signals: the first one ends a deploy in order, the second one at once (RULES.md T13).

use std::io;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{AbortHandle, JoinHandle, JoinSet, yield_now};

use super::common::INTERRUPTED;
use crate::pipeline::{Events, Stop};

/// Listens for SIGINT, SIGTERM and SIGHUP until the answer is dropped. The second one ends what shows the events first, so
/// that nothing stays open in the output.
///
/// # Errors
/// When the operating system lets nobody listen.
pub fn listen(stop: Stop, events: &Events, reporter: AbortHandle) -> io::Result<JoinSet<()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let events = events.clone();
    let mut listening = JoinSet::new();
    listening.spawn(async move {
        loop {
            let name = tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
                _ = hangup.recv() => "SIGHUP",
            };
            if stop.is_told() {
                reporter.abort();
                while !reporter.is_finished() {
                    yield_now().await;
                }
                std::process::exit(INTERRUPTED.into());
            }
            let words = "nothing more is written, and what was applied is rolled back; a second signal ends at once, and \
                         leaves that to the next run";
            events.notice(None, format!("{name}: {words}"));
            stop.tell();
        }
    });
    Ok(listening)
}

/// Waits until everything is shown, unless a second signal has ended that.
///
/// # Errors
/// When showing it has failed.
pub async fn shown(reporter: JoinHandle<()>) -> Result<()> {
    match reporter.await {
        Err(error) if !error.is_cancelled() => Err(error.into()),
        _ => Ok(()),
    }
}

/// Waits for SIGINT, SIGTERM or SIGHUP.
///
/// # Errors
/// As [`listen`].
pub async fn told_to_stop() -> Result<()> {
    let [mut interrupt, mut terminate, mut hangup] =
        [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?];
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}
