//! Manifests and an [`Environment`] become a [`Plan`]: eight phases of Kubernetes objects.
//!
//! This room is a function from files to data: it sees no cluster, so what only a cluster knows (the
//! values of secrets, and checksums over them) stands in the plan as a placeholder.

mod adjust;
mod canonical;
mod checksum;
mod decode;
mod initial;
mod job_name;
mod leads_to;
mod object;
mod phase;
mod plan;
mod secrets;
mod steered;
mod storage;
mod strict;
mod templates;
mod yaml;

pub use canonical::canonical;
pub use checksum::{CHECKSUM_KEY, CHECKSUM_SECRET, read_by, stamp, unstamp};
pub use initial::InitialField;
pub use object::{MANAGED_BY, Object, ObjectId, containers, pod_template_pointer};
pub use phase::Phase;
pub use plan::Plan;
pub use secrets::{Generator, SecretKeys};
pub use steered::{Instead, steered};
pub use strict::KINDS;
pub use yaml::{insert, print};

use anyhow::{Context, Result};

use crate::environment::{Environment, Project};

/// Renders every manifest of the project for one environment.
///
/// # Errors
/// Names the manifest, the object and the field: a template that fails, text that is no YAML, an
/// object that does not decode strictly into its Kubernetes type, a duplicate.
pub fn plan(project: &Project, environment: &Environment) -> Result<Plan> {
    let templates = templates::Templates::new(project, environment);
    let mut plan = Plan::default();
    for phase in Phase::ALL {
        for path in project.files(&format!("manifests/{}", phase.folder())) {
            if !path.ends_with(".yaml") {
                continue;
            }
            for (index, mut value) in templates.render(&path)?.into_iter().enumerate() {
                let source = if index == 0 { path.clone() } else { format!("{path} (document {})", index + 1) };
                adjust::adjust(&mut value, environment).with_context(|| source.clone())?;
                strict::check(&value).with_context(|| source.clone())?;
                let object = Object::new(source.clone(), value).with_context(|| source)?;
                plan.add(phase, object)?;
            }
        }
    }
    Ok(plan)
}

#[cfg(test)]
mod tests;
