//! The secret values that a shop's pods know, to be masked in what is shown.

use std::collections::BTreeSet;

use crate::cluster::{Cluster, Fault};
use crate::render::{Plan, read_by};
use crate::report::Redactor;

/// Masks the values of our Secrets that the pods read: the plan holds none.
///
/// # Errors
/// When a Secret cannot be read.
pub async fn mask(cluster: &Cluster, plan: &Plan, redactor: &Redactor) -> Result<(), Fault> {
    let templates = plan.objects().filter_map(|(_, object)| object.pod_template());
    let names: BTreeSet<String> =
        templates.flat_map(read_by).filter(|(kind, _)| kind == "Secret").map(|(_, name)| name).collect();
    for name in names {
        for value in cluster.secret_values(&name).await? {
            redactor.add(&value);
        }
    }
    Ok(())
}
