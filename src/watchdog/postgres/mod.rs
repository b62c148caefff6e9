//! PostgreSQL: who is primary, and who may become it.

use super::Context;

/// Watches both pods as long as this watchdog leads.
pub async fn guard(_context: &Context) {
    std::future::pending::<()>().await;
}
