//! Deploys, upgrades, unchanged deploys and rollbacks in which something goes wrong at any request: whatever it is, the
//! shop is whole afterwards, the record says what happened, and the next run finishes.
//!
//! A few troubles at once are drawn from a seed: `KEYBOSS_SIM_SEED` is the first, `KEYBOSS_SIM_RUNS` how many. A run that
//! fails says how it is run again.

mod act;
mod check;
mod draw;
mod scene;
mod sweep;

pub use check::lock_is_free;
pub use draw::FAULTS;
pub use scene::Scene;
