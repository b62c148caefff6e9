//! What can go wrong with a request, told apart by kind and never by its text.

use std::future::Future;
use std::time::Duration;

use kube::core::response::StatusCause;

/// How long one request may take, retries included: the client itself would retry 429, 503 and 504 for
/// minutes (RULES.md C9).
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The API server refused it.
    #[error("the API server answered {code} {reason}: {message}")]
    Api {
        /// The HTTP status code.
        code: u16,
        /// The machine-readable reason ("Forbidden").
        reason: String,
        /// The server's words.
        message: String,
        /// Which fields, where the server says.
        causes: Vec<StatusCause>,
    },
    /// The cluster does not serve the kind.
    #[error("the cluster does not serve {0}")]
    NotServed(String),
    /// No answer came in time.
    #[error("the API server did not answer within {} s", REQUEST_TIMEOUT.as_secs())]
    TimedOut,
    /// The deploy's lock is no longer ours, so nothing was sent.
    #[error("the lock is lost: {0}")]
    LockLost(String),
    /// No connection.
    #[error("the API server cannot be reached: {0}")]
    Unreachable(String),
    /// Anything else: credentials that cannot be loaded, an answer that is no JSON.
    #[error("{0}")]
    Other(String),
}

impl Fault {
    /// The HTTP status code, where there is one.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Api { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// The object is not there.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// The user may not do that.
    pub fn is_denied(&self) -> bool {
        matches!(self.code(), Some(401 | 403))
    }

    /// It may pass by itself: the server is busy, restarts or cannot be reached, or the answer was lost.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Unreachable(_)) || matches!(self.code(), Some(429 | 500..=599))
    }

    /// Somebody else wrote first.
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }
}

impl From<kube::Error> for Fault {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::Api {
                code: status.code,
                reason: status.reason.clone(),
                message: status.message.clone(),
                causes: status.details.as_ref().map_or_else(Vec::new, |details| details.causes.clone()),
            },
            kube::Error::Service(error) => Self::Unreachable(chain(error.as_ref())),
            kube::Error::HyperError(error) => Self::Unreachable(chain(&error)),
            other => Self::Other(chain(&other)),
        }
    }
}

/// An error with its sources, each said once.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

/// Awaits one request, for at most 30 s.
///
/// # Errors
/// The request's own, or [`Fault::TimedOut`].
pub async fn call<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Fault> {
    match tokio::time::timeout(REQUEST_TIMEOUT, request).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Fault::TimedOut),
    }
}
