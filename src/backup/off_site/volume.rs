//! The volume of the dumps.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::statvfs;

use super::names::{DUMP, MANIFEST, time_of};

/// The files of the dumps in a folder, by name, the oldest first.
///
/// # Errors
/// When the folder cannot be read.
pub fn dumps(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut found = BTreeMap::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix(DUMP));
        if let Some(name) = name.filter(|name| time_of(name).is_some()) {
            found.insert(name.to_owned(), path);
        }
    }
    Ok(found)
}

/// Where the manifest of a dump is.
pub fn manifest(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{MANIFEST}"))
}

/// Where a dump is.
pub fn dump(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{DUMP}"))
}

/// The bytes that are free in a folder.
///
/// # Errors
/// When it cannot be asked.
pub fn free(folder: &Path) -> Result<u64> {
    let about = statvfs(folder).with_context(|| format!("{} cannot be asked for its room", folder.display()))?;
    Ok(about.f_bavail * about.f_frsize)
}
