//! Events to people, to CI logs and to programs. This room prints and decides nothing.
//!
//! Three reporters, one file each: `terminal`, a live display; `plain`, lines where there is no terminal; `json`,
//! one object per line, described in `docs/json-output.md`. All three write to stdout; logs go to stderr through a
//! [`RedactingWriter`].
//!
//! Every event passes one door, `scrub`, before a reporter sees it: known secret values are masked and terminal
//! control sequences, which a container's log may hold, are removed. Output that nobody reads any more (a closed
//! pipe) is dropped; the deploy goes on.

pub mod backups;
mod board;
mod color;
pub mod doctor;
mod failure;
mod glyphs;
mod going_back;
pub mod history;
mod json;
mod log;
pub mod logs;
pub mod open;
mod plain;
mod redact;
mod screen;
mod scrub;
pub mod status;
mod stdout;
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

pub use color::{Color, use_colors};
pub use going_back::{going_back, unfinished};
pub use log::{error, log_to_stderr, note};
pub use redact::{RedactingLine, RedactingWriter, Redactor};
pub use stdout::{print, print_json, print_lines};

/// How long one picture of the live terminal stands.
const FRAME: Duration = Duration::from_millis(200);

/// Where the wall-clock time of a line comes from.
type Clock = Box<dyn FnMut() -> Timestamp + Send>;

/// How a command shows what happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// A live display when stdout is a terminal, else plain lines.
    #[default]
    Auto,
    /// One JSON object per line.
    Json,
}

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

/// Shows events on stdout until the channel closes.
pub async fn run(output: Output, redactor: Redactor, events: UnboundedReceiver<Event>) {
    let clock = cluster::Clock::start();
    let now: Clock = Box::new(move || clock.now());
    let mut reporter: Box<dyn Reporter> = match output {
        Output::Json => Box::new(json::Json::new(io::stdout(), now)),
        Output::Auto if screen::Screen::is_possible() => {
            let glyphs = glyphs::Glyphs::of_locale(|name| std::env::var(name).ok());
            Box::new(terminal::Terminal::new(screen::Screen::stdout(), glyphs))
        }
        Output::Auto => Box::new(plain::Plain::new(io::stdout(), now)),
    };
    pump(reporter.as_mut(), &redactor, events).await;
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
    reporter.end();
}
