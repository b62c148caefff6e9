//! One clock: a wall-clock base taken once, plus tokio's elapsed time, which a test can pause.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// The time since a deploy, or a rehearsal cluster, began.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    began: Timestamp,
    base: Instant,
}

impl Clock {
    /// Starts at zero.
    pub fn start() -> Self {
        Self::starting_at(Timestamp::now())
    }

    /// Starts at zero, at this time by the wall clock.
    pub fn starting_at(began: Timestamp) -> Self {
        Self { began, base: Instant::now() }
    }

    /// The same time by the wall clock, counted from now.
    pub fn from_now(&self) -> Self {
        Self::starting_at(self.now())
    }

    /// When it started, by the wall clock.
    pub fn began(&self) -> Timestamp {
        self.began
    }

    /// The time by the wall clock.
    pub fn now(&self) -> Timestamp {
        self.began.checked_add(self.elapsed()).unwrap_or(self.began)
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.base.elapsed()
    }

    /// The instant that far from the start.
    pub fn at(&self, elapsed: Duration) -> Instant {
        self.base + elapsed
    }

    /// How long ago something was, by the wall clock; zero for the future.
    pub fn age(&self, of: Timestamp) -> Duration {
        self.now().duration_since(of).try_into().unwrap_or(Duration::ZERO)
    }
}
