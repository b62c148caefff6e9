//! A dump, brought to the machine of whoever asks.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use super::catalogue::hexadecimal;
use super::{Backup, ByHand, CHECKS};
use crate::cluster::Cluster;

/// How long a pod that serves a dump lives at most, seconds.
const LIFE: &str = "3600";

/// Writes a dump into a file, which must not be there yet, and compares it with its manifest; hands on how many bytes there
/// are already.
///
/// # Errors
/// When the file is there or cannot be written, or what arrives is not what was dumped. No part of it stays then.
pub async fn fetch(cluster: &Cluster, backup: &Backup, file: &Path, progress: impl FnMut(u64)) -> Result<()> {
    if file.exists() {
        bail!("{} is there already: name another file", file.display());
    }
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Path::new(&partial);
    let mut output = File::create(partial).with_context(|| format!("{} cannot be written", partial.display()))?;
    let job = ByHand::start(cluster, CHECKS, &["sleep", LIFE]).await?;
    let received = receive(cluster, &job, backup, &mut output, progress).await;
    let removed = job.remove().await;
    let fetched = received.and_then(|()| {
        output.sync_all()?;
        fs::rename(partial, file)?;
        Ok(())
    });
    if fetched.is_err() {
        let _ = fs::remove_file(partial);
    }
    fetched.with_context(|| format!("{} was not fetched", backup.name)).and(removed)
}

async fn receive(
    cluster: &Cluster,
    job: &ByHand<'_>,
    backup: &Backup,
    output: &mut File,
    mut progress: impl FnMut(u64),
) -> Result<()> {
    let pod = job.begun(|_| {}).await?;
    let mut process = cluster.exec(&pod, &["cat", &format!("/backup/{}.sql.gz", backup.name)]).await?;
    let mut input = process.stdout().context("the pod's output cannot be had")?;
    let (mut digest, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 64 * 1024]);
    loop {
        let count = input.read(&mut buffer).await?;
        if count == 0 {
            break;
        }
        let part = buffer.get(..count).unwrap_or_default();
        output.write_all(part)?;
        digest.update(part);
        bytes += count as u64;
        progress(bytes);
    }
    if bytes != backup.bytes {
        bail!("{bytes} of {} bytes have arrived", backup.bytes);
    }
    let found = hexadecimal(digest.finalize().into());
    match &backup.manifest {
        Some(manifest) if manifest.sha256 != found => bail!("its SHA-256 is {found}, and was {}", manifest.sha256),
        _ => Ok(()),
    }
}
