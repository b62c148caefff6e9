//! One thin file per subcommand: it wires the rooms below and holds no logic of its own.

mod author;
mod common;
mod confirm;
mod copied;
pub mod deploy;
mod interrupt;
pub mod rehearse;
pub mod render;
pub mod rollback;
mod supplied;
mod which;
