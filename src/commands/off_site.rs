//! `keyboss off-site`.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::json;

use super::common::FAILED;
use crate::backup::off_site::{Identity, Seal, Shipped, Store, StoreSettings, pull, ship};
use crate::cli::{OffSiteArgs, OffSiteCommand};
use crate::report::{Redactor, error, print_json, print_lines};

/// What a container says last: the exporter publishes it
/// (<https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/>).
const LAST_WORDS: &str = "/dev/termination-log";

/// Copies dumps to the store, lists the copies, or brings one back. Exit code 1 when that fails.
///
/// # Errors
/// When the settings cannot be right.
pub async fn run(arguments: OffSiteArgs, redactor: Redactor) -> Result<ExitCode> {
    redactor.add(&arguments.secret_access_key);
    let settings = StoreSettings {
        endpoint: arguments.endpoint,
        region: arguments.region,
        bucket: arguments.bucket,
        prefix: arguments.prefix,
        access_key_id: arguments.access_key_id,
        secret_access_key: arguments.secret_access_key,
        encryption: arguments.server_side_encryption,
        kms_key: arguments.kms_key,
    };
    // The parser of arguments would show what it cannot read.
    let identity = arguments.age_identity.filter(|text| !text.is_empty()).as_deref().map(str::parse::<Identity>);
    let identity = identity.transpose().context("the secret BACKUP_AGE_IDENTITY")?;
    let seal = Seal { recipients: arguments.age_recipient, identity };
    let store = Store::new(&settings, seal)?;
    let done = perform(&store, &arguments.command, &arguments.dir, &redactor).await;
    Ok(done.map_or_else(
        |why| {
            error(&why, &redactor);
            ExitCode::from(FAILED)
        },
        |()| ExitCode::SUCCESS,
    ))
}

async fn perform(store: &Store, command: &OffSiteCommand, folder: &Path, redactor: &Redactor) -> Result<()> {
    let mut say = |line: String| drop(print_lines(&[line], redactor));
    match command {
        OffSiteCommand::Ship { keep } => {
            if let Some(newest) = ship(store, folder, usize::try_from(*keep)?, &mut say).await? {
                last_words(&newest);
            }
            Ok(())
        }
        OffSiteCommand::List => {
            let copies = store.list().await?;
            Ok(print_json(copies.iter().map(serde_json::to_value).collect::<Result<_, _>>()?, redactor)?)
        }
        OffSiteCommand::Pull { name } => pull(store, folder, name, &mut say).await,
    }
}

fn last_words(newest: &Shipped) {
    if Path::new(LAST_WORDS).exists() {
        let said = json!({"offSite": {"name": newest.name, "time": newest.time}});
        // They are for the exporter only: the dumps are copied without them.
        let _ = fs::write(LAST_WORDS, said.to_string());
    }
}
