//! Secret values that a person supplies: `KEYBOSS_SECRET_<KEY>` and `--secrets-file`.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result, bail};

const PREFIX: &str = "KEYBOSS_SECRET_";

/// Reads them; the environment variable wins over the file.
///
/// # Errors
/// When the file cannot be read, other users may read it, or it is no mapping of keys to texts. No error
/// holds a value.
pub fn supplied(file: Option<&Path>) -> Result<BTreeMap<String, String>> {
    let mut values = file.map_or_else(|| Ok(BTreeMap::new()), from_file)?;
    for (name, value) in std::env::vars_os() {
        let Some(key) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        let value = value.into_string().ok().with_context(|| format!("{PREFIX}{key} is not UTF-8"))?;
        values.insert(key.to_owned(), value);
    }
    Ok(values)
}

fn from_file(path: &Path) -> Result<BTreeMap<String, String>> {
    let name = path.display();
    let metadata = std::fs::metadata(path).with_context(|| format!("--secrets-file {name}"))?;
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        bail!("--secrets-file {name}: other users may read it (mode {mode:03o}); run: chmod 600 {name}");
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("--secrets-file {name}"))?;
    // serde_yaml's own message could quote a value; its place cannot.
    serde_yaml::from_str(&text).map_err(|error| {
        let line = error.location().map_or_else(String::new, |location| format!(", line {}", location.line()));
        anyhow::anyhow!("--secrets-file {name}{line}: is not a YAML mapping of KEY: text")
    })
}
