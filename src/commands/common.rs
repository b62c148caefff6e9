//! What several commands begin with.

use anyhow::Result;

use crate::cli::EnvironmentArgs;
use crate::environment::{Environment, Project};
use crate::render::{Plan, plan};

/// The environment and its plan, from the command line.
///
/// # Errors
/// What is wrong in an environment, a `--set` or a manifest.
pub fn rendered(arguments: &EnvironmentArgs) -> Result<(Environment, Plan)> {
    let project = match &arguments.project {
        Some(folder) => Project::folder(folder)?,
        None => Project::BuiltIn,
    };
    let environment = Environment::load(&project, arguments.name(), &arguments.set)?;
    let plan = plan(&project, &environment)?;
    Ok((environment, plan))
}
