//! `keyboss backup`.

mod by_hand;
mod place;
mod replaced;

use std::process::ExitCode;

use anyhow::{Result, bail};

use by_hand::by_hand;
use place::{Needs, place};

use crate::backup::{ByHand, CHECKS, Catalogue, DUMPS, fetch};
use crate::cli::{BackupArgs, BackupCommand, FetchArgs, PlaceArgs, RestoreArgs, StatusArgs};
use crate::cluster::Cluster;
use crate::report::{Output, Redactor, backups, print_json, print_lines};

/// Takes a backup, lists them, verifies, restores or fetches one.
///
/// # Errors
/// When the cluster cannot be asked, or there is no such backup (exit code 2).
pub async fn run(arguments: BackupArgs, redactor: Redactor) -> Result<ExitCode> {
    match arguments.command {
        BackupCommand::Now(at) => {
            let place = place(&at, Needs::Jobs).await?;
            by_hand(&place.cluster, DUMPS, &["bash", "/scripts/backup.sh"], &redactor).await
        }
        BackupCommand::List(StatusArgs { environment, cluster, output }) => {
            let cluster = place(&PlaceArgs { environment, cluster }, Needs::Jobs).await?.cluster;
            let catalogue = catalogue(&cluster).await?;
            match output {
                Output::Json => print_json(vec![serde_json::to_value(&catalogue)?], &redactor)?,
                Output::Auto => print_lines(&backups::list(&catalogue, cluster.namespace()), &redactor)?,
            }
            Ok(ExitCode::SUCCESS)
        }
        BackupCommand::Verify(arguments) => {
            let place = place(&arguments.place, Needs::Jobs).await?;
            let script = ["bash", "/scripts/verify.sh"];
            let command: Vec<&str> = script.into_iter().chain(arguments.name.as_deref()).collect();
            by_hand(&place.cluster, CHECKS, &command, &redactor).await
        }
        BackupCommand::Restore(RestoreArgs { name, to: Some(to), place: at, .. }) => {
            let place = place(&at, Needs::Jobs).await?;
            by_hand(&place.cluster, DUMPS, &["bash", "/scripts/restore.sh", &name, &to], &redactor).await
        }
        BackupCommand::Restore(RestoreArgs { name, to: None, yes, place: at }) => {
            let place = place(&at, Needs::Replacing).await?;
            let catalogue = catalogue(&place.cluster).await?;
            replaced::replace(&place, catalogue.find(&name)?, yes, &redactor).await
        }
        BackupCommand::Undo(at) => replaced::undo(&place(&at, Needs::Replacing).await?, &redactor).await,
        BackupCommand::Fetch(FetchArgs { name, file, place: at }) => {
            let cluster = place(&at, Needs::Fetching).await?.cluster;
            let catalogue = catalogue(&cluster).await?;
            let backup = catalogue.find(&name)?;
            fetch(&cluster, backup, &file, backups::transfer(backup.bytes)).await?;
            print_lines(&[backups::fetched(&file, backup)], &redactor)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn catalogue(cluster: &Cluster) -> Result<Catalogue> {
    let job = ByHand::start(cluster, CHECKS, &["bash", "/scripts/list.sh"]).await?;
    let mut lines = Vec::new();
    let listed = job.follow(|line| lines.push(line)).await;
    let removed = job.remove().await;
    if !listed? {
        bail!("Job {} has failed: {}", job.name(), lines.join("; "));
    }
    removed?;
    Catalogue::read(&lines)
}
