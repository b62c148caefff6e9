//! What each reporter makes of recorded events.

mod ci;
#[path = "../../../tests/schema/mod.rs"]
mod described;
mod doctor;
mod history;
mod json;
mod plain;
mod redact;
mod samples;
mod status;
mod summary;
mod terminal;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

use crate::pipeline::Event;

use super::{Clock, Redactor, Reporter, scrub};

/// Keeps what is written to it; clones share it.
#[derive(Clone, Debug, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A pipe that nobody reads.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

/// Noon, and a second later each time it is asked.
fn clock() -> Clock {
    let mut next: Timestamp = "2026-01-02T12:00:00Z".parse().unwrap();
    Box::new(move || {
        let now = next;
        next += SignedDuration::from_secs(1);
        now
    })
}

/// Shows events as `run` does.
fn show(reporter: &mut dyn Reporter, redactor: &Redactor, events: Vec<Event>) {
    for mut event in events {
        scrub::scrub(&mut event, redactor);
        reporter.event(&event);
    }
    reporter.end();
}

#[test]
fn a_closed_pipe_is_no_failure() {
    show(&mut super::plain::Plain::new(Closed, clock()), &Redactor::default(), samples::every());
    show(&mut super::github::GitHub::new(Closed, clock()), &Redactor::default(), samples::every());
    show(&mut super::gitlab::GitLab::new(Closed, clock()), &Redactor::default(), samples::every());
    show(&mut super::json::Json::new(Closed, clock()), &Redactor::default(), samples::every());
}
