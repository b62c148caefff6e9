//! A container that writes without end does not drown everything else.

use std::time::Duration;

/// So many lines of a container are told...
pub const MOST: u32 = 200;
/// ...in this time.
pub const WITHIN: Duration = Duration::from_secs(5);

/// The lines of one container that were told, and those that were not.
#[derive(Debug, Default)]
pub struct Flood {
    since: Duration,
    told: u32,
    left_out: u64,
}

impl Flood {
    /// Whether a line that came `now`, on a clock that only goes forward, is told; and how many before it were not, where
    /// that has come to an end.
    pub fn line(&mut self, now: Duration) -> (bool, Option<u64>) {
        let mut ended = None;
        if now.saturating_sub(self.since) >= WITHIN {
            ended = self.end();
            *self = Self { since: now, ..Self::default() };
        }
        let is_told = self.told < MOST;
        match is_told {
            true => self.told += 1,
            false => self.left_out += 1,
        }
        (is_told, ended)
    }

    /// How many lines were not told, where any were.
    pub fn end(&mut self) -> Option<u64> {
        Some(std::mem::take(&mut self.left_out)).filter(|lines| *lines > 0)
    }
}
