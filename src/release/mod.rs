//! What a release was, as data: enough to tell of it, and to go back to what was before it or to it.
//!
//! Two objects of the namespace hold each release, written by `cluster`: a [`Journal`], which says who deployed what,
//! when, and how it went (a ConfigMap, without any secret); and a [`Snapshot`], which is written once, before the
//! first change, and never again (a Secret). This room sees neither the cluster nor a clock.

mod applied;
mod journal;
mod restore;
mod retention;
mod snapshot;
mod target;

pub use applied::applied_by;
pub use journal::{Action, Author, Intent, Journal, PhaseEntry, State, Written, since_reset};
pub use restore::{Step, restore, stays};
pub use retention::expendable;
pub use snapshot::{Before, Rendered, Snapshot, content, kept};
pub use target::{NoTarget, rollback_target};

#[cfg(test)]
mod tests;
