//! The way to an environment's namespace for what needs no manifest.

use anyhow::{Context, Result, bail};

use super::common::project;
use crate::cli::{ClusterArgs, EnvironmentArgs};
use crate::cluster::{Access, Cluster, Fault, Served, choose, connect, denied};
use crate::environment::{self, Environment};
use crate::pipeline::{Refused, check_context, check_expected};

/// A namespace in a cluster.
pub struct Reached {
    /// The namespace.
    pub cluster: Cluster,
    environment: Environment,
    server: String,
    place: String,
}

impl Reached {
    /// Refuses to write where the environment does not expect to be.
    ///
    /// # Errors
    /// As [`check_expected`].
    pub fn check_expected(&self) -> Result<(), Refused> {
        check_expected(&self.environment, &self.server)
    }

    /// Refuses what the user may not do, with everything that is missing.
    ///
    /// # Errors
    /// When a right is missing, or cannot be asked for.
    pub async fn must_allow(&self, wanted: Vec<Access>) -> Result<()> {
        let lacking = self.told("your rights cannot be asked for", denied(self.cluster.client(), wanted).await)?;
        if lacking.is_empty() {
            return Ok(());
        }
        let words: Vec<String> = lacking.iter().map(ToString::to_string).collect();
        bail!("you may not {} in namespace {}: ask for that", words.join(", "), self.cluster.namespace())
    }

    /// How its lock is taken.
    pub fn lock(&self) -> &environment::Lock {
        &self.environment.values.lock
    }

    /// What a request came to, or why not and where.
    ///
    /// # Errors
    /// The request's own, with the place and what was being done.
    pub fn told<T>(&self, doing: &str, answer: Result<T, Fault>) -> Result<T> {
        answer.with_context(|| format!("{}: {doing}", self.place))
    }
}

/// The environment's namespace, by the context that was chosen; nothing is sent yet.
///
/// # Errors
/// When there is no such environment or context, or the environment does not name that context.
pub async fn reach(arguments: &EnvironmentArgs, cluster: &ClusterArgs) -> Result<Reached> {
    let environment = Environment::load(&project(arguments.project.as_deref())?, arguments.name(), &arguments.set)?;
    let context = choose(cluster.kubeconfig.as_deref(), cluster.context.as_deref())?;
    check_context(&environment, &context)?;
    let connection = connect(&context).await?;
    let cluster = Cluster::new(connection.client, &environment.values.namespace, Served::default());
    let place = format!("context {}, {}", context.context, connection.server);
    Ok(Reached { cluster, environment, server: connection.server, place })
}
