//! What a wait looks at.

use std::future::Future;

use crate::cluster::Watch;
use crate::readiness::World;

/// A [`World`] that follows a namespace.
pub trait Observer {
    /// What is known now.
    fn world(&self) -> World;
    /// Resolves when something has changed since the last call.
    fn changed(&self) -> impl Future<Output = ()>;
    /// Whether every kind has been listed once.
    fn is_complete(&self) -> bool;
    /// Why a kind cannot be read at the moment.
    fn trouble(&self) -> Option<String>;
}

impl Observer for Watch {
    fn world(&self) -> World {
        Self::world(self)
    }

    async fn changed(&self) {
        Self::changed(self).await;
    }

    fn is_complete(&self) -> bool {
        Self::is_complete(self)
    }

    fn trouble(&self) -> Option<String> {
        Self::trouble(self)
    }
}
