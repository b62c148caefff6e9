//! The shop's database is replaced by a backup: restored beside it while the shop runs, and put in its place while the API
//! and the workers stand still. What it replaces is dumped first, and is there until everything runs again.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::apps::v1::Deployment;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{ByHand, DUMPS};
use crate::cluster::{Cluster, Fault};
use crate::readiness::STOPPED;
use crate::render::ObjectId;

/// What reads and writes the database, in the order in which it is started again.
const CLIENTS: [&str; 3] = ["saleor-api", "celery-worker", "celery-beat"];
/// The field manager of stopping and starting.
pub const FIELD_MANAGER: &str = "keyboss-restore";
/// The database that a backup is restored into.
const RESTORED: &str = "saleor_restored";
/// The annotation by which KEDA lets a workload have so many pods.
const PAUSED: &str = "autoscaling.keda.sh/paused-replicas";
/// The Job that brings a schema up to date.
const MIGRATION: &str = "migrate";
/// How long the shop's pods may take to end, and to begin.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// Refuses to begin where an earlier restore is not over.
///
/// # Errors
/// What is left of it, and what to do.
pub async fn check(cluster: &Cluster, say: &mut dyn FnMut(String)) -> Result<()> {
    if !stopped(cluster).await?.is_empty() {
        bail!("a restore was broken off: undo it first (keyboss backup undo)");
    }
    check_scaled_object(cluster).await?;
    script(cluster, &["swap.sh", "check"], say).await
}

/// Replaces the database by a backup, and tells each step. The shop runs afterwards.
///
/// # Errors
/// What failed. [`undo`] puts everything back then.
pub async fn replace(cluster: &Cluster, name: &str, say: &mut dyn FnMut(String)) -> Result<()> {
    say(format!("restoring {name} into database {RESTORED}, beside the shop's"));
    script(cluster, &["restore.sh", name, RESTORED], say).await?;
    say("stopping the API, the workers and beat".to_owned());
    stop(cluster).await?;
    say("dumping what there is now".to_owned());
    script(cluster, &["backup.sh"], say).await?;
    say(format!("putting {RESTORED} in the place of the shop's database"));
    script(cluster, &["swap.sh", "forward", RESTORED], say).await?;
    say("migrating it".to_owned());
    let job = ByHand::again(cluster, MIGRATION).await?;
    let migrated = job.follow(&mut *say).await;
    let removed = job.remove().await;
    if !migrated? {
        bail!("the migration has failed");
    }
    removed?;
    say("starting the API, the workers and beat".to_owned());
    start(cluster).await?;
    if let Err(error) = script(cluster, &["swap.sh", "done"], say).await {
        say(format!("the database that was replaced is there still, as saleor_replaced: {error:#}"));
    }
    Ok(())
}

/// Puts back what [`replace`] has done so far, wherever it was broken off, and starts the shop.
///
/// # Errors
/// When that fails; it may be run again.
pub async fn undo(cluster: &Cluster, say: &mut dyn FnMut(String)) -> Result<()> {
    ByHand::end_all(cluster).await?;
    if stopped(cluster).await?.is_empty() {
        // The databases were not exchanged yet; or they were for good, and then they stay.
        return script(cluster, &["swap.sh", "clear", RESTORED], say).await;
    }
    say("putting the shop's database back".to_owned());
    script(cluster, &["swap.sh", "back", RESTORED], say).await?;
    say("starting the API, the workers and beat".to_owned());
    start(cluster).await
}

/// Runs one of the scripts in a pod of the dumps' CronJob.
async fn script(cluster: &Cluster, words: &[&str], say: &mut dyn FnMut(String)) -> Result<()> {
    let path = format!("/scripts/{}", words[0]);
    let command: Vec<&str> = ["bash", &path].into_iter().chain(words.iter().skip(1).copied()).collect();
    let job = ByHand::start(cluster, DUMPS, &command).await?;
    match job.follow(&mut *say).await? {
        true => Ok(()),
        false => bail!("Job {} has failed", job.name()),
    }
}

/// KEDA keeps the workers running, whoever stops them, unless it is told otherwise
/// (<https://keda.sh/docs/latest/concepts/scaling-deployments/#pausing-autoscaling>).
async fn check_scaled_object(cluster: &Cluster) -> Result<()> {
    let (api_version, kind) = ("keda.sh/v1alpha1".to_owned(), "ScaledObject".to_owned());
    let id = ObjectId { api_version, kind, name: "celery-worker".to_owned() };
    let live = cluster.get(&id).await?;
    if live.is_some_and(|live| live["metadata"]["annotations"][PAUSED] != "0") {
        bail!(
            "{id} would start the workers again: kubectl annotate scaledobject {} {PAUSED}=0, and remove that annotation \
             after the restore",
            id.name
        );
    }
    Ok(())
}

/// The Deployments that are stopped, with the pods that they had.
async fn stopped(cluster: &Cluster) -> Result<Vec<(&'static str, i64)>> {
    let mut found = Vec::new();
    for name in CLIENTS {
        let deployment: Deployment = cluster.read(name).await.with_context(|| format!("Deployment {name}"))?;
        let annotations = deployment.metadata.annotations.unwrap_or_default();
        if let Some(replicas) = annotations.get(STOPPED).and_then(|text| text.parse().ok()) {
            found.push((name, replicas));
        }
    }
    Ok(found)
}

async fn stop(cluster: &Cluster) -> Result<()> {
    for name in CLIENTS {
        let deployment: Deployment = cluster.read(name).await?;
        let replicas = deployment.spec.replicas.unwrap_or(1);
        let fields = json!({"metadata": {"annotations": {STOPPED: replicas.to_string()}}, "spec": {"replicas": 0}});
        cluster.merge(&deployment, FIELD_MANAGER, fields).await?;
    }
    for name in CLIENTS {
        until(cluster, name, "stop", |status| status.replicas.unwrap_or(0) == 0).await?;
    }
    Ok(())
}

async fn start(cluster: &Cluster) -> Result<()> {
    let stopped = stopped(cluster).await?;
    for (name, replicas) in &stopped {
        let fields = json!({"spec": {"replicas": replicas}});
        cluster.merge_blindly::<Deployment>(name, FIELD_MANAGER, fields).await?;
    }
    for (name, _) in stopped.iter().filter(|(_, replicas)| *replicas > 0) {
        until(cluster, name, "start", |status| status.available_replicas.unwrap_or(0) > 0).await?;
    }
    // Until here it can be undone.
    for (name, _) in stopped {
        let fields = json!({"metadata": {"annotations": {STOPPED: null}}});
        cluster.merge_blindly::<Deployment>(name, FIELD_MANAGER, fields).await?;
    }
    Ok(())
}

/// Waits until a Deployment's controller has seen what was asked of it, and its status says that it is done.
async fn until(
    cluster: &Cluster,
    name: &str,
    what: &str,
    is_done: impl Fn(&k8s_openapi::api::apps::v1::DeploymentStatus) -> bool,
) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let deployment: Result<Deployment, Fault> = cluster.read(name).await;
        let deployment = deployment?;
        let status = deployment.status.unwrap_or_default();
        if status.observed_generation >= deployment.metadata.generation && is_done(&status) {
            return Ok(());
        }
        sleep(LOOK_AGAIN).await;
    }
    bail!("Deployment {name} does not {what} within {} s", PATIENCE.as_secs())
}
