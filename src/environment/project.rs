//! Where `envs/` and `manifests/` come from.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use include_dir::{Dir, include_dir};

static ENVS: Dir = include_dir!("$CARGO_MANIFEST_DIR/envs");
static MANIFESTS: Dir = include_dir!("$CARGO_MANIFEST_DIR/manifests");

/// The files of a deployment: environments and manifests.
#[derive(Clone, Debug)]
pub enum Project {
    /// The copies that were built into this binary.
    BuiltIn,
    /// A folder with `envs/` and `manifests/` of its own.
    Folder(PathBuf),
}

impl Project {
    /// The project in a folder.
    ///
    /// # Errors
    /// When the folder lacks `envs/default.yaml` or `manifests/`.
    pub fn folder(path: &Path) -> Result<Self> {
        for needed in ["envs/default.yaml", "manifests"] {
            if !path.join(needed).exists() {
                bail!(
                    "--project {}: there is no {needed} in it; a project has envs/default.yaml and manifests/",
                    path.display()
                );
            }
        }
        Ok(Self::Folder(path.to_owned()))
    }

    /// The text of a file, by its path inside the project ("envs/local.yaml").
    ///
    /// # Errors
    /// When there is no such file, or it is not UTF-8.
    pub fn read(&self, path: &str) -> Result<String> {
        match self {
            Self::BuiltIn => {
                let (root, dir, rest) = match path.split_once('/') {
                    Some(("envs", rest)) => ("envs", &ENVS, rest),
                    Some(("manifests", rest)) => ("manifests", &MANIFESTS, rest),
                    _ => bail!("{path}: no such file"),
                };
                let file = dir.get_file(rest).with_context(|| format!("{root}/{rest}: no such file"))?;
                Ok(file.contents_utf8().with_context(|| format!("{path}: not UTF-8"))?.to_owned())
            }
            Self::Folder(folder) => {
                std::fs::read_to_string(folder.join(path)).with_context(|| format!("{path}: cannot be read"))
            }
        }
    }

    /// The names of the environments.
    pub fn environments(&self) -> Vec<String> {
        let files = self.files("envs");
        let names = files.iter().filter_map(|path| path.strip_prefix("envs/")?.strip_suffix(".yaml"));
        names.filter(|name| *name != "default").map(str::to_owned).collect()
    }

    /// The paths of all files below a folder of the project, sorted.
    pub fn files(&self, below: &str) -> Vec<String> {
        let mut found = Vec::new();
        match self {
            Self::BuiltIn => {
                let (root, dir) = if below.starts_with("envs") { ("envs", &ENVS) } else { ("manifests", &MANIFESTS) };
                list_built_in(dir, root, &mut found);
            }
            Self::Folder(folder) => list_folder(folder, &folder.join(below), &mut found),
        }
        found.retain(|path| path.strip_prefix(below).is_some_and(|rest| rest.starts_with('/')));
        found.sort();
        found
    }
}

fn list_built_in(dir: &Dir, root: &str, found: &mut Vec<String>) {
    found.extend(dir.files().map(|file| format!("{root}/{}", file.path().display())));
    for inner in dir.dirs() {
        list_built_in(inner, root, found);
    }
}

fn list_folder(root: &Path, dir: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            list_folder(root, &path, found);
        } else if let Ok(relative) = path.strip_prefix(root) {
            found.push(relative.display().to_string());
        }
    }
}
