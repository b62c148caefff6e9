//! Requests that are sent again where it may help: those of records and of rollbacks, which must not fail for a moment's
//! trouble.

use std::time::Duration;

use tokio::time::sleep;

use crate::cluster::Fault;

/// How often, and the first pause between; each is twice the one before.
const ATTEMPTS: u32 = 6;
const PAUSE: Duration = Duration::from_millis(250);

/// Sends a request that may be sent twice, until it is answered or nothing more helps.
///
/// # Errors
/// The last attempt's.
pub async fn persist<T>(mut request: impl AsyncFnMut() -> Result<T, Fault>) -> Result<T, Fault> {
    let mut pause = PAUSE;
    for _ in 1..ATTEMPTS {
        match request().await {
            Err(fault) if fault.is_passing() || fault.is_conflict() => sleep(pause).await,
            answer => return answer,
        }
        pause *= 2;
    }
    request().await
}
