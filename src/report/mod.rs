//! Events to people, to CI logs and to programs. This room prints and decides nothing.
//!
//! Reporters, one file each: `terminal`, a live display; `plain`, lines where there is no terminal; `github` and
//! `gitlab`, the same lines with what their logs can fold; `json`, one object per line, described in
//! `docs/json-output.md`. All write to stdout; logs go to stderr through a [`RedactingWriter`]. `summary` writes a page
//! for people who do not read a log, beside any of them.
//!
//! Every event passes one door, `scrub`, before a reporter sees it: known secret values are masked and terminal
//! control sequences, which a container's log may hold, are removed. Output that nobody reads any more (a closed
//! pipe) is dropped; the deploy goes on.

pub mod backups;
mod board;
mod color;
pub mod diff;
pub mod doctor;
mod failure;
mod fold;
mod github;
mod gitlab;
mod glyphs;
mod going_back;
pub mod history;
mod json;
mod log;
pub mod logs;
mod markdown;
pub mod open;
mod output;
mod plain;
mod redact;
mod screen;
mod scrub;
pub mod status;
mod stdout;
mod summary;
mod terminal;
mod text;
mod waits;

#[cfg(test)]
mod tests;

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::MissedTickBehavior;

use crate::cluster;
use crate::pipeline::Event;
use output::Medium;

pub use color::{Color, use_colors};
pub use going_back::{going_back, unfinished};
pub use log::{error, failure, log_to_stderr, note};
pub use output::{Answer, Output};
pub use redact::{RedactingLine, RedactingWriter, Redactor};
pub use stdout::{print, print_json, print_lines};

/// How long one picture of the live terminal stands.
const FRAME: Duration = Duration::from_millis(200);

/// Where the wall-clock time of a line comes from.
type Clock = Box<dyn FnMut() -> Timestamp + Send>;

/// Shows events, each as it happens.
trait Reporter: Send {
    /// Shows one event, in which there is no secret and no control character but the newline.
    fn event(&mut self, event: &Event);

    /// Whether the picture changes while nothing happens.
    fn is_animated(&self) -> bool {
        false
    }

    /// Draws the next picture; called only when animated.
    fn tick(&mut self) {}

    /// No further event will come, whether or not the deploy finished.
    fn end(&mut self) {}
}

/// Shows events on stdout until the channel closes. Whoever is not to wait for that aborts it: what is open in the output
/// is closed then, too.
pub async fn run(output: Output, redactor: Redactor, events: UnboundedReceiver<Event>) {
    let clock = cluster::Clock::start();
    let now: Clock = Box::new(move || clock.now());
    let shown: Box<dyn Reporter> = match output.medium() {
        Medium::Terminal => {
            let glyphs = glyphs::Glyphs::of_locale(|name| std::env::var(name).ok());
            Box::new(terminal::Terminal::new(screen::Screen::stdout(), glyphs))
        }
        Medium::Plain => Box::new(plain::Plain::new(io::stdout(), now)),
        Medium::GitHub => Box::new(github::GitHub::new(io::stdout(), now)),
        Medium::GitLab => Box::new(gitlab::GitLab::new(io::stdout(), now)),
        Medium::Json => Box::new(json::Json::new(io::stdout(), now)),
    };
    let mut reporter = Whole(summary::Summarizing::around(shown, &redactor));
    pump(reporter.0.as_mut(), &redactor, events).await;
}

/// A reporter that is ended when it is dropped.
struct Whole(Box<dyn Reporter>);

impl Drop for Whole {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Hands every event, scrubbed, to the reporter.
async fn pump(reporter: &mut dyn Reporter, redactor: &Redactor, mut events: UnboundedReceiver<Event>) {
    let mut frames = tokio::time::interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            event = events.recv() => {
                let Some(mut event) = event else { break };
                scrub::scrub(&mut event, redactor);
                reporter.event(&event);
            }
            _ = frames.tick(), if reporter.is_animated() => reporter.tick(),
        }
    }
}
