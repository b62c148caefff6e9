//! The dumps, to the store.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use tokio::fs::File;

use super::names::{DUMP, MANIFEST, time_of};
use super::store::{Store, digest_of, hexadecimal};
use super::volume;
use crate::backup::Manifest;

/// The newest copy of a store.
#[derive(Clone, Debug, PartialEq)]
pub struct Shipped {
    /// The dump's name.
    pub name: String,
    /// The moment that it is of.
    pub time: Timestamp,
}

/// Copies every dump of the volume that the store does not have, the newest first; then the `keep` newest copies stay.
/// The newest copy, if there is one.
///
/// # Errors
/// What could not be copied, after everything else was. A store that lacks a dump loses no other one.
pub async fn ship(store: &Store, folder: &Path, keep: usize, say: &mut dyn FnMut(String)) -> Result<Option<Shipped>> {
    let there = store.copies().await?;
    let dumps = volume::dumps(folder)?;
    let mut failed = Vec::new();
    let oldest_kept = there.keys().rev().nth(keep.saturating_sub(1));
    for name in dumps.keys().rev().take(keep) {
        if there.contains_key(name) || oldest_kept.is_some_and(|oldest| name < oldest) {
            continue;
        }
        match copied(store, folder, name).await {
            Ok(bytes) => say(format!("{name}: {bytes} bytes copied to {store}, read back and compared")),
            Err(why) => {
                say(format!("{name} is not copied: {why:#}"));
                failed.push(name.as_str());
            }
        }
    }
    if !failed.is_empty() {
        bail!(
            "{} of {} dumps could not be copied to {store}: {}; it is tried again at the next time of \
               backup.offSite.schedule",
            failed.len(),
            dumps.len(),
            failed.join(", ")
        );
    }
    let there = store.copies().await?;
    for (name, copied) in there.iter().take(there.len().saturating_sub(keep)) {
        say(format!("removing {name} from {store}: the {keep} newest are kept"));
        store.delete(copied).await?;
    }
    let newest = there.keys().next_back();
    say(format!("{} dumps are in {store}", there.len().min(keep)));
    Ok(newest.and_then(|name| Some(Shipped { name: name.clone(), time: time_of(name)? })))
}

/// Copies a dump that is what its manifest says, then the manifest. The size of the copy.
async fn copied(store: &Store, folder: &Path, name: &str) -> Result<u64> {
    let manifest = volume::manifest(folder, name);
    let text = tokio::fs::read(&manifest).await.with_context(|| format!("{} cannot be read", manifest.display()))?;
    let said: Manifest =
        serde_json::from_slice(&text).with_context(|| format!("{} is no manifest", manifest.display()))?;
    let dump = volume::dump(folder, name);
    let open = || async { File::open(&dump).await.with_context(|| format!("{} cannot be read", dump.display())) };
    let (digest, _) = digest_of(open().await?).await?;
    ensure!(
        hexadecimal(digest) == said.sha256,
        "{} is not what was written: its SHA-256 is another one than in its manifest",
        dump.display()
    );
    let bytes = store.write(&format!("{name}{DUMP}"), open().await?).await?;
    store.write(&format!("{name}{MANIFEST}"), text.as_slice()).await?;
    Ok(bytes)
}
