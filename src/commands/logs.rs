//! `keyboss logs`.

use std::slice;

use anyhow::Result;

use super::common::rendered;
use super::interrupt::told_to_stop;
use super::mask::mask;
use super::reach::{Reached, reach};
use super::supplied::supplied;
use crate::cli::LogsArgs;
use crate::cluster::{Cluster, serve};
use crate::logs::{KINDS, find, follow, read, rights};
use crate::render::ObjectId;
use crate::report::logs::Lines;
use crate::report::{Redactor, note};

/// Shows the logs of a workload. It only reads.
///
/// # Errors
/// When there is no such workload, or its logs cannot be read (exit code 2).
pub async fn run(arguments: LogsArgs, redactor: Redactor) -> Result<()> {
    let reached = reach(&arguments.environment, &arguments.cluster).await?;
    let (client, namespace) = (reached.cluster.client().clone(), reached.cluster.namespace());
    reached.must_allow(rights(namespace, arguments.follow)).await?;
    let kinds = KINDS.map(|(version, kind)| (version.to_owned(), kind.to_owned()));
    let served = reached.told("its kinds cannot be listed", serve(&client, &kinds.clone().into()).await)?;
    let cluster = Cluster::new(client, namespace, served);
    let any = kinds.map(|(api_version, kind)| ObjectId { api_version, kind, name: String::new() });
    let live = reached.told("the workloads cannot be listed", cluster.live(&any).await)?;
    let workload = find(&live, &arguments.workload, namespace)?;
    mask_all(&reached, &arguments, &redactor).await?;
    let (asked, mut lines) = (arguments.asked(), Lines::new(redactor));
    if !arguments.follow {
        let said = read(&cluster, &workload, &asked).await?;
        lines.show(&said)?;
        return Ok(());
    }
    let say = |said| Ok(lines.show(slice::from_ref(&said))?);
    tokio::select! {
        followed = follow(&cluster, &workload, &asked, say) => followed,
        told = told_to_stop() => told,
    }
}

/// Masks what the shop's pods and whoever deploys it know.
async fn mask_all(reached: &Reached, arguments: &LogsArgs, redactor: &Redactor) -> Result<()> {
    supplied(None)?.values().for_each(|value| redactor.add(value));
    let (_, plan) = rendered(&arguments.environment)?;
    match mask(&reached.cluster, &plan, redactor).await {
        Err(fault) if fault.is_denied() => {
            note("you may not read the shop's Secrets, so their values are not masked in these logs", redactor);
            Ok(())
        }
        masked => reached.told("the Secrets whose values are masked cannot be read", masked),
    }
}
