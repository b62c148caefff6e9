//! `--from-cluster`: what lives in a real cluster, only looked at.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::cli::ClusterArgs;
use crate::cluster::{Clock, Cluster, choose, connect, journals, serve};
use crate::environment::Environment;
use crate::pipeline::{Request, Selection, check_context, find};
use crate::rehearsal::kinds::{KINDS, Kind};
use crate::rehearsal::stage::{Copied, namespace};
use crate::render::{ObjectId, Plan};

/// Kinds that a plan does not hold, but that its Deployments live by.
const BELOW: [(&str, &str); 2] = [("apps/v1", "ReplicaSet"), ("v1", "Pod")];

/// The objects of the plan's kinds in the cluster's namespace, and the pods. Of the Secrets only the plan's are read, and
/// what a release that was broken off is rolled back with.
///
/// # Errors
/// Whatever would keep a deploy from looking at that cluster; what would keep it from going on, the copy shows.
pub async fn copied(
    arguments: &ClusterArgs,
    environment: &Environment,
    plan: &Plan,
    supplied: &BTreeMap<String, String>,
    selection: Selection,
    adopts: bool,
) -> Result<Copied> {
    let context = choose(arguments.kubeconfig.as_deref(), arguments.context.as_deref())?;
    check_context(environment, &context)?;
    let connection = connect(&context).await?;
    let client = connection.client.clone();
    let found = find(Request {
        environment: environment.clone(),
        plan: plan.clone(),
        context: context.clone(),
        connection,
        supplied: supplied.clone(),
        selection,
        adopts,
        clock: Clock::start(),
    })
    .await?;
    let mut objects: Vec<_> = found.live.iter().cloned().collect();
    for journal in journals(&found.live).iter().filter(|journal| journal.is_unfinished()) {
        objects.extend(found.cluster.snapshot_secret(journal.release).await?);
    }
    if found.namespace_exists {
        // One that is not ours is not read.
        if !found.namespace_is_ours {
            objects.push(namespace(found.cluster.namespace()));
        }
        let owned = |text: &str| text.to_owned();
        let kinds: BTreeSet<_> = BELOW.iter().map(|(version, kind)| (owned(version), owned(kind))).collect();
        let below = Cluster::new(client.clone(), found.cluster.namespace(), serve(&client, &kinds).await?);
        let id = |(api_version, kind)| ObjectId { api_version, kind, name: String::new() };
        let ids: Vec<ObjectId> = kinds.into_iter().map(id).collect();
        objects.extend(below.live(&ids).await?.iter().cloned());
    }
    let is_served = |kind: &&Kind| {
        let (api_version, name) = (kind.api_version.to_owned(), String::new());
        found.cluster.served().get(&ObjectId { api_version, kind: kind.kind.to_owned(), name }).is_some()
    };
    let extensions = KINDS.iter().filter(|kind| kind.is_extension()).filter(is_served).collect();
    Ok(Copied { context, objects, extensions })
}
