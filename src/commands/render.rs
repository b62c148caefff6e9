//! `keyboss render`: the objects as YAML, secrets masked.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;

use super::common::rendered;
use crate::cli::RenderArgs;
use crate::render::{print, stamp};

/// Prints the plan.
///
/// # Errors
/// What is wrong in an environment or a manifest.
pub fn run(arguments: &RenderArgs) -> Result<()> {
    let (_, mut plan) = rendered(&arguments.environment)?;
    stamp(&mut plan, &BTreeMap::new());
    let text = print(&plan, arguments.phase)?;
    match std::io::stdout().write_all(text.as_bytes()) {
        // `keyboss render | head` is no error.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
