//! `envs/*.yaml` become one validated [`Environment`]: defaults, then the place, then `--set`.
//!
//! This room does no network and reads no clock. [`Project`] is where the files come from: the copy
//! that is built into the binary, or a folder named by `--project`.

mod known;
mod layer;
mod monitoring;
mod network_policies;
mod project;
mod quantity;
mod unwatched;
mod validate;
mod values;

pub use layer::Layer;
pub use monitoring::*;
pub use network_policies::NetworkPolicies;
pub use project::Project;
pub use quantity::Quantity;
pub use unwatched::Unwatched;
pub use values::*;

use anyhow::{Result, bail};
use serde::Deserialize;
use serde_json::Value;

/// One place that keyboss deploys to, with every value decided and checked.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The name of its file in `envs/`, without the ending.
    pub name: String,
    /// The values, typed.
    pub values: Values,
    /// The same values as templates see them.
    pub context: Value,
}

impl Environment {
    /// Reads `envs/default.yaml`, `envs/<name>.yaml` and the `--set path=value` arguments, in this
    /// order of rising precedence.
    ///
    /// # Errors
    /// Names the file and line (or the `--set`), the path of the value, what is wrong with it and,
    /// for an unknown key, the nearest known one.
    pub fn load(project: &Project, name: &str, sets: &[String]) -> Result<Self> {
        let mut layers = vec![Layer::from_file(project, "default")?];
        if name != "default" {
            check_exists(project, name)?;
            layers.push(Layer::from_file(project, name)?);
        }
        let known = known::tree()?;
        for set in sets {
            layers.push(Layer::from_set(set, &known)?);
        }
        for layer in &layers {
            known::check(&known, layer)?;
        }

        let mut merged = Value::Object(serde_json::Map::new());
        for layer in &layers {
            merge(&mut merged, &layer.value);
        }
        let values: Values = serde_path_to_error::deserialize(&merged).map_err(|error| {
            let path = error.path().to_string();
            let place = layer::place_of(&layers, &path);
            let remedy = if is_text_unquoted(&layers[0].value, &merged, &path) { "; put it in quotes" } else { "" };
            anyhow::anyhow!("{place}: {path}: {}{remedy}", error.inner())
        })?;
        if let Err(fault) = validate::validate(&values) {
            let place = layer::place_of(&layers, &fault.path);
            bail!("{place}: {}: {}", fault.path, fault.reason);
        }
        Ok(Self { name: name.to_owned(), values, context: merged })
    }
}

/// Whether the default is a text and the value is one that YAML takes for something else (`tag: 3.10`).
fn is_text_unquoted(defaults: &Value, values: &Value, path: &str) -> bool {
    let pointer = format!("/{}", path.replace('.', "/"));
    let is_scalar = |value: &Value| value.is_number() || value.is_boolean();
    defaults.pointer(&pointer).is_some_and(Value::is_string) && values.pointer(&pointer).is_some_and(is_scalar)
}

/// Mappings are merged key by key; anything else is replaced. An open mapping (one that is empty in
/// the defaults) merges the same way.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn check_exists(project: &Project, name: &str) -> Result<()> {
    let names = project.environments();
    if names.iter().any(|known| known == name) {
        return Ok(());
    }
    bail!("there is no environment {name} (envs/{name}.yaml); the environments are: {}", names.join(", "))
}

/// Parses one YAML scalar, list or mapping the way `--set` types its value.
pub(crate) fn yaml_value(text: &str) -> Result<Value> {
    let value = serde_yaml::Deserializer::from_str(text);
    Ok(Value::deserialize(value)?)
}

#[cfg(test)]
mod tests;
