//! What may go wrong between a client and the API server, to order.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::call::Call;
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
    /// The server does what was asked; the connection breaks in the midst of its answer.
    Torn,
    /// No answer ever comes.
    Silence,
    /// The server does what was asked; no answer ever comes.
    Unanswered,
}

/// Which requests go wrong, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// "PATCH" or "patch", "WATCH" or "watch"; "*" is any.
    pub verb: String,
    /// The plural name, as [`Call::resource`] has it; "*" is any.
    pub resource: String,
    /// What goes wrong.
    pub fault: Fault,
    /// With the n-th of them only, counted from 1; None is with each.
    pub at: Option<u64>,
}

/// The requests so far, and which are to fail.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Orders>>);

/// A request that was received.
#[derive(Clone, Debug)]
pub struct Received {
    /// When, since the cluster began.
    pub at: Duration,
    /// "patch deployments".
    pub what: String,
    /// It would change something: no dry run, and no question.
    pub is_write: bool,
}

#[derive(Debug, Default)]
struct Orders {
    requests: watch::Sender<u64>,
    received: Vec<Received>,
    /// Each with how many requests it has met.
    rules: Vec<(Rule, u64)>,
}

impl Faults {
    /// Lets the n-th request from now on fail, counted from 1.
    pub fn at(&self, n: u64, fault: Fault) {
        self.add(Rule { verb: "*".to_owned(), resource: "*".to_owned(), fault, at: Some(n) });
    }

    /// Lets requests fail from now on.
    pub fn add(&self, rule: Rule) {
        self.orders().rules.push((rule, 0));
    }

    /// Lets nothing fail any more.
    pub fn clear(&self) {
        self.orders().rules.clear();
    }

    /// How many requests there were.
    pub fn requests(&self) -> u64 {
        *self.orders().requests.borrow()
    }

    /// Waits until there were so many.
    pub async fn reached(&self, requests: u64) {
        let mut so_far = self.orders().requests.subscribe();
        so_far.wait_for(|so_far| *so_far >= requests).await.expect("we hold the sender");
    }

    /// Begins to count anew.
    pub fn forget(&self) {
        let mut orders = self.orders();
        orders.requests.send_replace(0);
        orders.received.clear();
    }

    /// Every request so far.
    pub fn received(&self) -> Vec<Received> {
        self.orders().received.clone()
    }

    /// Counts one request; what goes wrong with it.
    pub(super) fn next(&self, call: &Call, at: Duration) -> Option<Fault> {
        let mut orders = self.orders();
        orders.requests.send_modify(|requests| *requests += 1);
        orders.received.push(Received {
            at,
            what: format!("{} {}", call.verb(), call.resource()),
            is_write: call.is_write(),
        });
        let mut first = None;
        for (rule, met) in orders.rules.iter_mut().filter(|(rule, _)| rule.is_about(call)) {
            *met += 1;
            if rule.at.is_none_or(|at| at == *met) {
                first = first.or(Some(rule.fault));
            }
        }
        first
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rule {
    fn is_about(&self, call: &Call) -> bool {
        let names = [call.verb(), call.method.as_str()];
        (self.verb == "*" || names.iter().any(|name| self.verb.eq_ignore_ascii_case(name)))
            && (self.resource == "*" || self.resource == call.resource())
    }
}

impl Status {
    /// A refusal of this code that has no other cause than an order.
    pub(super) fn ordered(code: u16) -> Self {
        let reason = match code {
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "NotFound",
            409 => "Conflict",
            410 => "Expired",
            422 => "Invalid",
            429 => "TooManyRequests",
            503 => "ServiceUnavailable",
            504 => "Timeout",
            _ => "InternalError",
        };
        let message = format!("a fault to order ({reason})");
        Self { code, reason, message, details: serde_json::json!({}) }
    }
}
