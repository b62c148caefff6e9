//! `keyboss render`: the objects as YAML, secrets masked.

use std::collections::BTreeMap;

use anyhow::Result;

use super::common::rendered;
use crate::cli::RenderArgs;
use crate::render::{self, stamp};
use crate::report;

/// Prints the plan.
///
/// # Errors
/// What is wrong in an environment or a manifest.
pub fn run(arguments: &RenderArgs) -> Result<()> {
    let (_, mut plan) = rendered(&arguments.environment)?;
    stamp(&mut plan, &BTreeMap::new());
    Ok(report::print(&render::print(&plan, arguments.phase)?)?)
}
