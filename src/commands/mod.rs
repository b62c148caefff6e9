//! One thin file per subcommand: it wires the rooms below and holds no logic of its own.

mod author;
pub mod backup;
mod browser;
mod common;
mod confirm;
mod copied;
pub mod deploy;
pub mod exporter;
pub mod failover;
pub mod history;
mod in_cluster;
mod interrupt;
pub mod logs;
mod mask;
pub mod open;
mod reach;
pub mod rehearse;
pub mod render;
mod reset;
pub mod rollback;
pub mod shell;
pub mod status;
mod supplied;
pub mod unlock;
pub mod watchdog;
mod which;
