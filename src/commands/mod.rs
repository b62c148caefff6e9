//! One thin file per subcommand: it wires the rooms below and holds no logic of its own.

mod common;
pub mod deploy;
pub mod render;
mod supplied;
