//! Which keys exist: those of the built-in `envs/default.yaml`. A mapping that is empty there is open:
//! it takes any key.

use anyhow::{Result, bail};
use serde_json::Value;

use super::{Layer, Project};

/// The tree of known keys.
pub fn tree() -> Result<Value> {
    Ok(Layer::from_file(&Project::BuiltIn, "default")?.value)
}

/// Refuses a layer that holds a key which is not in the tree.
///
/// # Errors
/// Names the place, the path and the nearest known path.
pub fn check(known: &Value, layer: &Layer) -> Result<()> {
    walk(known, known, &layer.value, "", layer)
}

fn walk(root: &Value, known: &Value, given: &Value, path: &str, layer: &Layer) -> Result<()> {
    let (Value::Object(known), Value::Object(given)) = (known, given) else { return Ok(()) };
    if known.is_empty() {
        return Ok(());
    }
    for (key, value) in given {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match known.get(key) {
            Some(inner) => walk(root, inner, value, &path, layer)?,
            None => bail!("{}: {path} is not a known value; {}", layer.place(&path), advice(root, &path)),
        }
    }
    Ok(())
}

fn advice(root: &Value, path: &str) -> String {
    let mut all = Vec::new();
    paths(root, "", &mut all);
    let nearest =
        all.into_iter().max_by(|a, b| strsim::jaro_winkler(a, path).total_cmp(&strsim::jaro_winkler(b, path)));
    match nearest {
        Some(nearest) => format!("did you mean {nearest}? (envs/default.yaml holds them all)"),
        None => "envs/default.yaml holds them all".to_owned(),
    }
}

fn paths(value: &Value, path: &str, all: &mut Vec<String>) {
    let Value::Object(map) = value else { return };
    for (key, value) in map {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        paths(value, &path, all);
        all.push(path);
    }
}
