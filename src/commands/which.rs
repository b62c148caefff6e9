//! Which environment a command is about when nobody says so: that of the last release in the current context.

use anyhow::{Result, bail};

use super::common::project;
use crate::cli::{AnyEnvironmentArgs, ClusterArgs};
use crate::cluster::{Cluster, Connection, ContextChoice, Live, choose, connect, journals, serve};
use crate::environment::Environment;
use crate::pipeline::check_context;
use crate::release::Journal;
use crate::render::ObjectId;

/// An environment's namespace on a cluster, as far as its releases go.
pub struct Place {
    /// The environment.
    pub environment: Environment,
    /// The context that leads there.
    pub context: ContextChoice,
    /// The connection.
    pub connection: Connection,
    /// The namespace.
    pub cluster: Cluster,
    /// Its ConfigMaps and StatefulSets.
    pub live: Live,
    /// Its releases, the oldest first.
    pub journals: Vec<Journal>,
}

impl Place {
    /// The environment that is named; else the one whose release is the last in the context's cluster.
    ///
    /// # Errors
    /// When nothing, or more than one, is found.
    pub async fn find(arguments: &AnyEnvironmentArgs, cluster: &ClusterArgs) -> Result<Self> {
        let context = choose(cluster.kubeconfig.as_deref(), cluster.context.as_deref())?;
        let project = project(arguments.project.as_deref())?;
        if let Some(name) = arguments.name() {
            let environment = Environment::load(&project, name, &arguments.set)?;
            check_context(&environment, &context)?;
            return Self::look(environment, context).await;
        }
        let mut found = Vec::new();
        for name in project.environments() {
            let environment = Environment::load(&project, &name, &arguments.set)?;
            if check_context(&environment, &context).is_ok() {
                let place = Self::look(environment, context.clone()).await?;
                if place.journals.last().is_some_and(|last| last.environment == name) {
                    found.push(place);
                }
            }
        }
        let names: Vec<String> = found.iter().map(|place| place.environment.name.clone()).collect();
        match (found.pop(), names.len()) {
            (Some(place), 1) => Ok(place),
            (None, _) => bail!(
                "there is no release of any environment in the context {}; name the environment: --local, --deti or --env NAME",
                context.context
            ),
            _ => bail!("the context {} has releases of {}; name one: --env NAME", context.context, names.join(" and ")),
        }
    }

    async fn look(environment: Environment, context: ContextChoice) -> Result<Self> {
        let connection = connect(&context).await?;
        let kinds = [("v1", "ConfigMap"), ("apps/v1", "StatefulSet")].map(|(v, k)| (v.to_owned(), k.to_owned()));
        let served = serve(&connection.client, &kinds.clone().into()).await?;
        let cluster = Cluster::new(connection.client.clone(), &environment.values.namespace, served);
        let ids = kinds.map(|(api_version, kind)| ObjectId { api_version, kind, name: String::new() });
        let live = cluster.live(&ids).await?;
        let journals = journals(&live);
        Ok(Self { environment, context, connection, cluster, live, journals })
    }
}
