//! A Job that is watched from here.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::super::common::{FAILED, INTERRUPTED};
use super::super::interrupt::told_to_stop;
use crate::backup::ByHand;
use crate::cluster::Cluster;
use crate::render::ObjectId;
use crate::report::{Redactor, print_lines};

/// Runs a Job and tells its log. A signal ends the Job: a dump that is not whole does not stay.
///
/// # Errors
/// When the Job cannot be started or followed.
pub async fn by_hand(cluster: &Cluster, cron: &str, command: &[&str], tell: impl FnMut(String)) -> Result<ExitCode> {
    let job = ByHand::start(cluster, cron, command).await?;
    let succeeded = tokio::select! {
        succeeded = job.follow(tell) => succeeded.with_context(|| format!("Job {} goes on", job.name()))?,
        told = told_to_stop() => {
            told?;
            job.remove().await?;
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    Ok(if succeeded { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// Runs a Job, and takes it away again. What it printed.
///
/// # Errors
/// When it fails, or cannot be started or followed.
pub async fn printed(cluster: &Cluster, cron: &str, command: &[&str]) -> Result<Vec<String>> {
    let job = ByHand::start(cluster, cron, command).await?;
    let mut lines = Vec::new();
    let succeeded = job.follow(|line| lines.push(line)).await;
    let removed = job.remove().await;
    if !succeeded? {
        bail!("Job {} has failed: {}", job.name(), lines.join("; "));
    }
    removed?;
    Ok(lines)
}

/// Whether there is that CronJob: some are there by choice.
///
/// # Errors
/// When the cluster does not answer.
pub async fn has(cluster: &Cluster, cron: &str) -> Result<bool> {
    let id = ObjectId { api_version: "batch/v1".to_owned(), kind: "CronJob".to_owned(), name: cron.to_owned() };
    Ok(cluster.get(&id).await?.is_some())
}

/// Shows a line at once. Nobody reading any more is no reason to stop.
pub fn say(redactor: &Redactor) -> impl FnMut(String) {
    let redactor = redactor.clone();
    move |line| drop(print_lines(&[line], &redactor))
}
