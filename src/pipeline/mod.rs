//! Runs a [`crate::render::Plan`] phase by phase, and tells what happens as [`Event`]s.
//!
//! It decides, and knows neither HTTP nor terminals.

mod adopt;
mod apply;
mod autoscalers;
mod back;
mod begin;
mod deploy;
mod events;
mod expected;
mod generate;
mod heard;
mod home;
mod left_out;
mod lock;
mod observer;
pub mod obstacles;
mod persist;
mod phases;
mod planned;
mod preconditions;
mod preview;
mod record;
mod recorded;
mod recover;
mod refused;
mod reset;
pub mod rights;
mod rollback;
mod secrets;
mod seen;
mod selection;
mod standing;
mod started;
mod stop;
mod survey;
mod tidy;
mod unlock;
mod vacate;
mod wait;

pub use autoscalers::{Rival, settle};
pub use back::plan_back;
pub use begin::begin;
pub use deploy::{Ending, Options, deploy};
pub use events::{
    Blocker, Change, ContainerImage, Diagnosis, Event, Events, Finished, Loss, Outcome, PhaseSummary, RestoreOutcome,
    Restored, Started, Volume,
};
pub use expected::check_expected;
pub use home::{Home, home};
pub use left_out::is_complete;
pub use lock::hold;
pub use planned::Planned;
pub use preconditions::{Found, Prepared, Request, check_context, find, kinds, prepare, prepare_to_look};
pub use preview::preview;
pub use recover::recover;
pub use refused::Refused;
pub use reset::{Reset, check_whole};
pub use secrets::lost_values;
pub use selection::Selection;
pub use standing::{Workload, watchdogs, workloads, world};
pub use stop::Stop;
pub use survey::{Answer, Survey, ask};
pub use tidy::{Deletion, deletions, kept as left_over};
pub use unlock::{HeldLock, break_locks, held};

#[cfg(test)]
mod tests;
