//! Runs a [`crate::render::Plan`] phase by phase, and tells what happens as [`Event`]s.
//!
//! It decides, and knows neither HTTP nor terminals.

mod apply;
mod deploy;
mod events;
mod generate;
mod left_out;
mod observer;
mod preconditions;
mod preview;
mod refused;
mod rights;
mod secrets;
mod seen;
mod selection;
mod wait;

pub use deploy::deploy;
pub use events::{Blocker, Change, Diagnosis, Event, Events, Outcome, PhaseSummary, Started};
pub use preconditions::{Prepared, Request, check_context, prepare};
pub use preview::preview;
pub use refused::Refused;
pub use selection::Selection;

#[cfg(test)]
mod tests;
