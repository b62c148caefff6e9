//! A deploy that is told to stop: no new writes, those under way are joined, then it is rolled back (RULES.md T13).

use tokio::sync::watch;

/// Told once, seen everywhere. Clones are the same.
#[derive(Clone, Debug)]
pub struct Stop(watch::Sender<bool>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Stop {
    /// Tells it.
    pub fn tell(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was told.
    pub fn is_told(&self) -> bool {
        *self.0.borrow()
    }

    /// Resolves once it was told.
    pub async fn told(&self) {
        let mut told = self.0.subscribe();
        if told.wait_for(|told| *told).await.is_err() {
            std::future::pending().await
        }
    }
}
