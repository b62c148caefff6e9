//! `keyboss backup`.

mod by_hand;
mod moment;
mod off_site;
mod place;
mod replaced;
mod restore;

use std::process::ExitCode;

use anyhow::{Result, bail};

use by_hand::{by_hand, say};
use off_site::{bring, bring_newest, brought, catalogue, copy};
use place::{Needs, place};
use restore::restore;

use crate::backup::{CHECKS, DUMPS, fetch};
use crate::cli::{BackupArgs, BackupCommand, FetchArgs, PlaceArgs, StatusArgs};
use crate::cluster::Cluster;
use crate::report::{Answer, Redactor, backups, note, print_json, print_lines};

/// Takes a backup, lists them and the moments that can be restored, verifies, restores or fetches one.
///
/// # Errors
/// When the cluster cannot be asked, or there is no such backup (exit code 2).
pub async fn run(arguments: BackupArgs, redactor: Redactor) -> Result<ExitCode> {
    match arguments.command {
        BackupCommand::Now(at) => now(&place(&at, Needs::Jobs).await?.cluster, say(&redactor)).await,
        BackupCommand::List(StatusArgs { environment, cluster, output }) => {
            let cluster = place(&PlaceArgs { environment, cluster }, Needs::Jobs).await?.cluster;
            let catalogue = catalogue(&cluster, &redactor).await?;
            match output {
                Answer::Json => print_json(vec![serde_json::to_value(&catalogue)?], &redactor)?,
                Answer::Auto => print_lines(&backups::list(&catalogue, cluster.namespace()), &redactor)?,
            }
            Ok(ExitCode::SUCCESS)
        }
        BackupCommand::Span(StatusArgs { environment, cluster, output }) => {
            let cluster = place(&PlaceArgs { environment, cluster }, Needs::Jobs).await?.cluster;
            let spans = moment::spans(&cluster).await?;
            match output {
                Answer::Json => print_json(vec![serde_json::to_value(&spans)?], &redactor)?,
                Answer::Auto => print_lines(&backups::spans(&spans, cluster.namespace()), &redactor)?,
            }
            Ok(ExitCode::SUCCESS)
        }
        BackupCommand::Verify(arguments) => {
            let place = place(&arguments.place, Needs::Jobs).await?;
            match &arguments.name {
                Some(name) => bring(&place.cluster, name, &redactor).await?,
                None => bring_newest(&place.cluster, &redactor).await?,
            }
            let script = ["bash", "/scripts/verify.sh"];
            let command: Vec<&str> = script.into_iter().chain(arguments.name.as_deref()).collect();
            by_hand(&place.cluster, CHECKS, &command, say(&redactor)).await
        }
        BackupCommand::Restore(arguments) => restore(arguments, &redactor).await,
        BackupCommand::Undo(at) => replaced::undo(&place(&at, Needs::Replacing).await?, &redactor).await,
        BackupCommand::Fetch(FetchArgs { name, file, place: at }) => {
            let cluster = place(&at, Needs::Fetching).await?.cluster;
            let backup = brought(&cluster, &name, &redactor).await?;
            fetch(&cluster, &backup, &file, backups::transfer(backup.bytes)).await?;
            print_lines(&[backups::fetched(&file, &backup)], &redactor)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Takes a backup, and copies it off site where there is a store; tells it on stderr.
///
/// # Errors
/// When one of the two fails.
pub async fn save(cluster: &Cluster, redactor: &Redactor) -> Result<()> {
    match now(cluster, |line| note(&line, redactor)).await? {
        ExitCode::SUCCESS => Ok(()),
        _ => bail!("its log above says why"),
    }
}

async fn now(cluster: &Cluster, mut tell: impl FnMut(String)) -> Result<ExitCode> {
    let taken = by_hand(cluster, DUMPS, &["bash", "/scripts/backup.sh"], &mut tell).await?;
    if taken == ExitCode::SUCCESS { copy(cluster, tell).await } else { Ok(taken) }
}
