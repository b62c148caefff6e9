//! The program's own pipeline on the rehearsal cluster: no network, and a clock that does not wait.

mod adopt;
mod applied;
mod ci;
mod deploys;
mod diff;
mod doctor;
mod failover;
mod heard;
mod history;
mod http;
mod keda;
mod lock;
mod logs;
mod open;
mod port_forward;
mod prune;
mod relay;
mod reset;
#[path = "../schema/mod.rs"]
mod schema;
mod served;
mod sim;
mod stage;
mod status;
mod transaction;
mod unchanged;
mod upgrade;

/// Half of a rehearsed deploy is JSON that comes and goes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
