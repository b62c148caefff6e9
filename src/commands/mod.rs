//! One thin file per subcommand: it wires the rooms below and holds no logic of its own.

mod author;
mod common;
mod copied;
pub mod deploy;
mod interrupt;
pub mod rehearse;
pub mod render;
mod reset;
mod supplied;
