//! A dump, back from the store.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use super::store::{Copied, Store, hexadecimal};
use super::volume;
use crate::backup::Manifest;

/// Brings a dump and its manifest to the volume, under their names only when they are whole.
///
/// # Errors
/// When the store does not have it, it is not what its manifest says, the volume has no room, or a dump is being written.
pub async fn pull(store: &Store, folder: &Path, name: &str, say: &mut dyn FnMut(String)) -> Result<()> {
    let copies = store.copies().await?;
    let copied = copies.get(name).with_context(|| match copies.keys().next_back() {
        Some(newest) => format!("there is no {name} in {store}; the newest is {newest}"),
        None => format!("there is no backup in {store}"),
    })?;
    let [dump, manifest] = [volume::dump(folder, name), volume::manifest(folder, name)];
    if dump.exists() {
        say(format!("{name} is on the volume already"));
        return Ok(());
    }
    // The lock of backup.sh, which removes what is half written.
    let lock = folder.join(".lock");
    let lock = File::create(&lock).with_context(|| format!("{} cannot be written", lock.display()))?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive).context("a backup is running: try again when it is done")?;
    let free = volume::free(folder)?;
    ensure!(
        free > copied.dump.size,
        "{free} bytes are free on the volume, and {name} has {}: enlarge backup.storage",
        copied.dump.size
    );

    let partial = folder.join(format!(".{name}.partial"));
    let brought = bring(store, copied, &partial).await.and_then(|text| {
        let partial_manifest = folder.join(format!(".{name}.contents.partial"));
        fs::write(&partial_manifest, text)?;
        File::open(&partial_manifest)?.sync_all()?;
        fs::rename(&partial_manifest, &manifest)?;
        fs::rename(&partial, &dump)?;
        Ok(File::open(folder)?.sync_all()?)
    });
    if let Err(why) = brought {
        let _ = fs::remove_file(&partial);
        return Err(why.context(format!("{name} was not brought from {store}")));
    }
    say(format!("{name} is on the volume again, from {store}"));
    Ok(())
}

/// Writes a copy into a file; its manifest.
async fn bring(store: &Store, copied: &Copied, file: &Path) -> Result<Vec<u8>> {
    let text = store.manifest_bytes(copied).await?;
    let said: Manifest = serde_json::from_slice(&text).context("its manifest is none")?;
    let mut input = store.open(&copied.dump.location).await?;
    let mut output = File::create(file).with_context(|| format!("{} cannot be written", file.display()))?;
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        let count = input.read(&mut buffer).await?;
        if count == 0 {
            break;
        }
        let part = buffer.get(..count).unwrap_or_default();
        digest.update(part);
        output.write_all(part)?;
    }
    output.sync_all()?;
    let found = hexadecimal(digest.finalize().into());
    if found != said.sha256 {
        bail!("its SHA-256 is {found}, and was {} when it was written", said.sha256);
    }
    Ok(text)
}
