//! The shop's database, replaced by a backup: asked for, done under the lock of deploys, and put back if it fails.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::super::author::author;
use super::super::common::{FAILED, INCOMPLETE, INTERRUPTED};
use super::super::confirm::confirm;
use super::super::interrupt::told_to_stop;
use super::by_hand::say;
use super::place::Place;
use crate::backup;
use crate::cluster::{Cluster, Lock};
use crate::pipeline::{Event, Events, hold};
use crate::report::{Redactor, error};

/// Has it confirmed by the database's name.
///
/// # Errors
/// When it is not.
pub fn agree(question: &str, yes: bool) -> Result<()> {
    if !confirm(question, backup::DATABASE, yes)? {
        bail!("the answer is not {}, the database's name: nothing was touched", backup::DATABASE);
    }
    Ok(())
}

/// Replaces the database by the backup of that name. What fails or is interrupted is undone.
///
/// # Errors
/// When somebody else holds the lock, or it can neither be done nor undone.
pub async fn replace(place: &Place, name: &str, redactor: &Redactor) -> Result<ExitCode> {
    let lock = locked(place, redactor).await?;
    let cluster = place.cluster.with_permit(lock.permit());
    let mut tell = say(redactor);
    if let Err(why) = backup::check(&cluster, &mut tell).await {
        lock.release().await;
        return Err(why);
    }
    let code = tokio::select! {
        replaced = backup::replace(&cluster, name, &mut tell) => match replaced {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(why) => {
                error(&why, redactor);
                undone(&cluster, redactor, FAILED).await
            }
        },
        told = told_to_stop() => match told {
            Ok(()) => undone(&cluster, redactor, INTERRUPTED).await,
            Err(why) => Err(why),
        },
    };
    lock.release().await;
    code
}

/// Puts back what a restore did that was broken off.
///
/// # Errors
/// When somebody else holds the lock, or it cannot be done.
pub async fn undo(place: &Place, redactor: &Redactor) -> Result<ExitCode> {
    let lock = locked(place, redactor).await?;
    let cluster = place.cluster.with_permit(lock.permit());
    let code = undone(&cluster, redactor, 0).await;
    lock.release().await;
    code
}

async fn undone(cluster: &Cluster, redactor: &Redactor, code: u8) -> Result<ExitCode> {
    let mut tell = say(redactor);
    match backup::undo(cluster, &mut tell).await {
        Ok(()) => {
            tell("everything is as it was".to_owned());
            Ok(ExitCode::from(code))
        }
        Err(why) => {
            error(&why.context("not everything is put back: run keyboss backup undo"), redactor);
            Ok(ExitCode::from(INCOMPLETE))
        }
    }
}

async fn locked(place: &Place, redactor: &Redactor) -> Result<Lock> {
    let (events, mut receiver) = Events::channel();
    let lock = hold(&place.cluster, &author(), &place.lock, &events).await;
    let mut tell = say(redactor);
    while let Ok(event) = receiver.try_recv() {
        if let Event::Notice { message, .. } = event {
            tell(message);
        }
    }
    lock.context("the lock of deploys is needed")
}
