//! Asking the same question again and again.

use std::fmt::Display;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

/// When, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How often.
    pub every: Duration,
    /// What takes longer does not answer.
    pub limit: Duration,
}

impl Pace {
    /// When to ask; what was missed is not made up for.
    pub fn ticks(self) -> Interval {
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    }

    /// Asks until it is dropped, and hands on each answer, or None where there is none; that is logged once.
    pub async fn again<T, E, F>(self, whom: &str, ask: impl Fn() -> F, publish: impl Fn(Option<T>))
    where
        E: Display,
        F: Future<Output = Result<T, E>>,
    {
        let mut ticks = self.ticks();
        let mut said = String::new();
        loop {
            ticks.tick().await;
            let (answer, words) = match timeout(self.limit, ask()).await {
                Ok(Ok(answer)) => (Some(answer), String::new()),
                Ok(Err(error)) => (None, format!("{whom} cannot be asked: {error}")),
                Err(_) => (None, format!("{whom} does not answer within {} s", self.limit.as_secs_f32())),
            };
            publish(answer);
            if words != said {
                if words.is_empty() {
                    tracing::info!("{whom} answers again");
                } else {
                    tracing::warn!("{words}");
                }
                said = words;
            }
        }
    }
}
