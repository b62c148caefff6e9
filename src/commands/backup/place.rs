//! Where the backups are, and whether the user may do what is asked.

use std::collections::BTreeSet;

use anyhow::Result;

use super::super::reach::reach;
use crate::backup::{rights, rights_to_fetch, rights_to_replace};
use crate::cli::PlaceArgs;
use crate::cluster::{Cluster, serve};
use crate::environment;

/// What is to be done, as far as rights go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Jobs are run.
    Jobs,
    /// A dump is brought here.
    Fetching,
    /// The shop's database is replaced.
    Replacing,
}

/// A namespace with backups.
pub struct Place {
    /// The namespace, whose Jobs and CronJobs can be asked for.
    pub cluster: Cluster,
    /// How its lock is taken.
    pub lock: environment::Lock,
}

/// The place, if everything is allowed there that is needed.
///
/// # Errors
/// When it cannot be reached, is not the one that the environment expects, or a right is missing.
pub async fn place(arguments: &PlaceArgs, needs: Needs) -> Result<Place> {
    let reached = reach(&arguments.environment, &arguments.cluster).await?;
    reached.check_expected()?;
    let (client, namespace) = (reached.cluster.client().clone(), reached.cluster.namespace());
    let kinds =
        [("batch/v1", "CronJob"), ("batch/v1", "Job"), ("v1", "ConfigMap"), ("keda.sh/v1alpha1", "ScaledObject")];
    let kinds = kinds.map(|(version, kind)| (version.to_owned(), kind.to_owned()));
    let served = reached.told("its kinds cannot be listed", serve(&client, &BTreeSet::from(kinds)).await)?;
    let mut wanted = rights(namespace);
    match needs {
        Needs::Jobs => {}
        Needs::Fetching => wanted.extend(rights_to_fetch(namespace)),
        Needs::Replacing => wanted.extend(rights_to_replace(namespace)),
    }
    reached.must_allow(wanted).await?;
    Ok(Place { cluster: Cluster::new(client, namespace, served), lock: reached.lock().clone() })
}
