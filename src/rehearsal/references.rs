//! What a rehearsal checks of a plan beyond running it: a reference that leads nowhere. The API server takes most of
//! them; the pod then waits, the Service stays empty, the policy protects nobody.

mod accounts;
mod claims;
mod configuration;
mod existing;
mod field;
mod index;
mod pod;
mod policies;
mod probes;
mod resources;
mod routes;
pub(super) mod selector;
mod services;
mod volumes;

#[cfg(test)]
mod tests;

pub use existing::Existing;

use std::fmt;

use crate::environment::Storage;
use crate::render::Plan;
use field::Field;
use index::Index;

/// One reference that leads nowhere, or one value that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The manifest.
    pub source: String,
    /// The object: "Deployment saleor-api".
    pub object: String,
    /// The path of the field: `spec.template.spec.containers[0].env[3].valueFrom.secretKeyRef.key`.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}: {}", self.source, self.object, self.field, self.reason)
    }
}

/// Each looks at one object, and at the plan around it.
const RULES: [fn(&Field, &Index) -> Vec<Finding>; 9] = [
    configuration::check,
    volumes::check,
    accounts::check,
    services::check,
    routes::check,
    policies::check,
    probes::check,
    resources::check,
    claims::check,
];

/// Everything in the plan that refers to something that is not there, or cannot be as it is written. `existing` is
/// what may be referred to and is not of the plan.
pub fn check(plan: &Plan, storage: &Storage, existing: &Existing) -> Vec<Finding> {
    let index = Index::new(plan, storage, existing);
    index.objects().flat_map(|object| RULES.iter().flat_map(|rule| rule(&object, &index)).collect::<Vec<_>>()).collect()
}
