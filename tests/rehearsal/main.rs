//! The program's own pipeline on the rehearsal cluster: no network, and a clock that does not wait.

mod deploys;
mod faults;
mod reset;
mod stage;
