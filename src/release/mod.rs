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
mod with_sets;

pub use applied::{applied_by, is_as_applied, is_named};
pub use journal::{Action, Author, Intent, Journal, PhaseEntry, State, Written, since_reset};
pub use restore::{Step, keep_added_keys, restore, stays};
pub use retention::expendable;
pub use snapshot::{Before, Rendered, Snapshot, content, kept};
pub use target::{NoTarget, in_place, rollback_target};
pub use with_sets::only_for_sets;

#[cfg(test)]
mod tests;
