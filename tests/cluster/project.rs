//! A project of a test's own: the built-in one, to be changed.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

/// The folder of a copy.
pub fn copy() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for part in ["envs", "manifests"] {
        copy_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join(part), &folder.path().join(part));
    }
    folder
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Replaces a text that a file must hold.
pub fn replace(file: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(old), "{old:?} is not in {}", file.display());
    fs::write(file, text.replace(old, new)).unwrap();
}
