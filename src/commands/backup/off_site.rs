//! The dumps that there are, on the volume and off site, and those that have to be brought back first.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::by_hand::{by_hand, has, printed, say};
use crate::backup::{Backup, ByHand, CHECKS, Catalogue, OFF_SITE};
use crate::cluster::Cluster;
use crate::report::{Redactor, error};

/// Copies what the store does not have yet, if there is a store.
///
/// # Errors
/// When the Job cannot be started or followed.
pub async fn copy(cluster: &Cluster, tell: impl FnMut(String)) -> Result<ExitCode> {
    match has(cluster, OFF_SITE).await? {
        true => by_hand(cluster, OFF_SITE, &["keyboss", "off-site", "ship"], tell).await,
        false => Ok(ExitCode::SUCCESS),
    }
}

/// Every dump. A store that does not answer is told, and what is on the volume is listed without it.
///
/// # Errors
/// When what is on the volume cannot be listed.
pub async fn catalogue(cluster: &Cluster, redactor: &Redactor) -> Result<Catalogue> {
    let on_volume = Catalogue::read(&printed(cluster, CHECKS, &["bash", "/scripts/list.sh"]).await?)?;
    if !has(cluster, OFF_SITE).await? {
        return Ok(on_volume);
    }
    match printed(cluster, OFF_SITE, &["keyboss", "off-site", "list"]).await {
        Ok(lines) => on_volume.with_off_site(&lines),
        Err(why) => {
            error(&why.context("what is off site cannot be listed"), redactor);
            Ok(on_volume)
        }
    }
}

/// Brings a dump to the volume that only the store has.
///
/// # Errors
/// When there is no such dump anywhere, or it cannot be brought.
pub async fn bring(cluster: &Cluster, name: &str, redactor: &Redactor) -> Result<()> {
    if has(cluster, OFF_SITE).await? {
        brought(cluster, name, redactor).await?;
    }
    Ok(())
}

/// The dump of that name, on the volume.
///
/// # Errors
/// As those of [`bring`].
pub async fn brought(cluster: &Cluster, name: &str, redactor: &Redactor) -> Result<Backup> {
    let found = catalogue(cluster, redactor).await?.find(name)?.clone();
    if found.on_volume {
        return Ok(found);
    }
    pull(cluster, name, redactor).await?;
    // A copy is of another size where it is encrypted.
    Ok(catalogue(cluster, redactor).await?.find(name)?.clone())
}

async fn pull(cluster: &Cluster, name: &str, redactor: &Redactor) -> Result<()> {
    let mut tell = say(redactor);
    tell(format!("{name} is off site only: bringing it to the volume"));
    let job = ByHand::start(cluster, OFF_SITE, &["keyboss", "off-site", "pull", name]).await?;
    match job.follow(tell).await? {
        true => job.remove().await,
        false => bail!("Job {} has failed: {name} is not on the volume", job.name()),
    }
}

/// The same for the newest dump, if there is one.
///
/// # Errors
/// As those of [`bring`].
pub async fn bring_newest(cluster: &Cluster, redactor: &Redactor) -> Result<()> {
    if !has(cluster, OFF_SITE).await? {
        return Ok(());
    }
    match catalogue(cluster, redactor).await?.backups.last() {
        Some(newest) if !newest.on_volume => pull(cluster, &newest.name, redactor).await,
        _ => Ok(()),
    }
}
