//! What may go wrong between a client and the API server, to order.

use std::sync::{Arc, Mutex, PoisonError};

use super::status::Status;

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The server refuses it, with this HTTP status code.
    Refused(u16),
    /// The connection breaks before the server has read it.
    Reset,
    /// The server does what was asked; the connection breaks before its answer arrives.
    ReplyLost,
    /// No answer ever comes.
    Silence,
}

/// The requests so far, and which one is to fail.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Order>>);

#[derive(Debug, Default)]
struct Order {
    requests: u64,
    fault: Option<(u64, Fault)>,
}

impl Faults {
    /// Lets the n-th request from now on fail, counted from 1.
    pub fn at(&self, n: u64, fault: Fault) {
        let mut order = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        order.fault = Some((order.requests + n, fault));
    }

    /// How many requests there were.
    pub fn requests(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).requests
    }

    /// Counts one request; what goes wrong with it.
    pub(super) fn next(&self) -> Option<Fault> {
        let mut order = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        order.requests += 1;
        let is_due = order.fault.is_some_and(|(at, _)| at == order.requests);
        if is_due { order.fault.take().map(|(_, fault)| fault) } else { None }
    }
}

impl Status {
    /// A refusal of this code that has no other cause than an order.
    pub(super) fn ordered(code: u16) -> Self {
        let reason = match code {
            403 => "Forbidden",
            409 => "Conflict",
            429 => "TooManyRequests",
            503 => "ServiceUnavailable",
            _ => "InternalError",
        };
        let message = format!("a fault to order ({reason})");
        Self { code, reason, message, details: serde_json::json!({}) }
    }
}
