//! `keyboss backup restore`: which backup, and where it goes.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::by_hand::{by_hand, say};
use super::off_site::{bring, brought, catalogue};
use super::place::{Needs, place};
use super::{moment, replaced};
use crate::backup::DUMPS;
use crate::cli::RestoreArgs;
use crate::report::{Redactor, backups};

/// Restores a backup by its name, or a moment of the archive: that is dumped first, and then a backup like any other.
///
/// # Errors
/// When there is no such backup, nothing is archived, or it is not confirmed.
pub async fn restore(arguments: RestoreArgs, redactor: &Redactor) -> Result<ExitCode> {
    let RestoreArgs { wanted, to, yes, place: of } = arguments;
    let place = place(&of, if to.is_some() { Needs::Jobs } else { Needs::Replacing }).await?;
    let (cluster, namespace) = (&place.cluster, place.cluster.namespace());
    let name = match (wanted.name, wanted.at) {
        (Some(name), _) => {
            match to {
                Some(_) => bring(cluster, &name, redactor).await?,
                None => {
                    let backup = brought(cluster, &name, redactor).await?;
                    replaced::agree(&backups::replacement(&backup, namespace), yes)?;
                }
            }
            name
        }
        (None, Some(at)) => {
            moment::must_archive(cluster).await?;
            if to.is_none() {
                replaced::agree(&backups::replacement_by_moment(at, namespace), yes)?;
            }
            let dumped = moment::dump(cluster, at, say(redactor)).await?;
            if dumped != ExitCode::SUCCESS {
                return Ok(dumped);
            }
            catalogue(cluster, redactor).await?.of_moment(at)?.name.clone()
        }
        (None, None) => bail!("which one is not said: name a backup, or a moment (--at)"),
    };
    match to {
        Some(to) => by_hand(cluster, DUMPS, &["bash", "/scripts/restore.sh", &name, &to], say(redactor)).await,
        None => replaced::replace(&place, &name, redactor).await,
    }
}
