//! One source of values (a file, or a `--set`) that remembers where each value stands.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow};
use saphyr::{LoadableYamlNode, MarkedYaml, YamlData};
use serde_json::Value;

use super::{Project, yaml_value};

/// One source of values.
pub struct Layer {
    /// How an error names it: "envs/local.yaml", "--set a.b=c".
    pub name: String,
    /// The values it holds.
    pub value: Value,
    /// The line of each key, by its dotted path; empty for a `--set`.
    lines: BTreeMap<String, usize>,
}

impl Layer {
    /// Reads `envs/<environment>.yaml`.
    ///
    /// # Errors
    /// When the file is missing or is not a YAML mapping; a syntax error is named with its line.
    pub fn from_file(project: &Project, environment: &str) -> Result<Self> {
        let name = format!("envs/{environment}.yaml");
        let text = project.read(&name)?;
        Self::from_text(name, &text)
    }

    fn from_text(name: String, text: &str) -> Result<Self> {
        let value = yaml_value(text).map_err(|error| anyhow!("{name}: not valid YAML: {error}"))?;
        let value = match value {
            Value::Null => Value::Object(serde_json::Map::new()),
            Value::Object(_) => value,
            _ => return Err(anyhow!("{name}: must be a mapping of values")),
        };
        let mut lines = BTreeMap::new();
        let documents = MarkedYaml::load_from_str(text).map_err(|error| anyhow!("{name}: not valid YAML: {error}"))?;
        for document in &documents {
            record_lines(document, "", &mut lines);
        }
        Ok(Self { name, value, lines })
    }

    /// Reads one `path.to.key=value`; the value is typed as YAML, but for one that `known` holds as a text: a
    /// tag `3.10` is no number.
    ///
    /// # Errors
    /// When there is no `=`, a part of the path is empty, or the value is not YAML.
    pub fn from_set(argument: &str, known: &Value) -> Result<Self> {
        let name = format!("--set {argument}");
        let (path, text) =
            argument.split_once('=').with_context(|| format!("{name}: is not of the form path.to.key=value"))?;
        if path.split('.').any(str::is_empty) {
            return Err(anyhow!("{name}: the path {path:?} has an empty part"));
        }
        let mut value = yaml_value(text).with_context(|| format!("{name}: the value is not valid YAML"))?;
        let is_text = value_at(known, path).is_some_and(Value::is_string) && (value.is_number() || value.is_boolean());
        if is_text || value.is_null() && !matches!(text.trim(), "null" | "~") {
            value = Value::String(text.trim().to_owned());
        }
        for key in path.split('.').rev() {
            value = Value::Object(serde_json::Map::from_iter([(key.to_owned(), value)]));
        }
        Ok(Self { name, value, lines: BTreeMap::new() })
    }

    /// The place of a value, as an error names it.
    pub fn place(&self, path: &str) -> String {
        match self.lines.get(path) {
            Some(line) => format!("{}:{line}", self.name),
            None => self.name.clone(),
        }
    }

    fn holds(&self, path: &str) -> bool {
        value_at(&self.value, path).is_some()
    }
}

fn value_at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, key| value.get(key))
}

/// The place of a value that the merged layers agree on: the last layer that sets it, or its nearest
/// parent.
pub fn place_of(layers: &[Layer], path: &str) -> String {
    let mut path = path.split(['[', ']']).next().unwrap_or(path).trim_end_matches('.');
    loop {
        if let Some(layer) = layers.iter().rev().find(|layer| layer.holds(path)) {
            return layer.place(path);
        }
        match path.rsplit_once('.') {
            Some((parent, _)) => path = parent,
            None => return layers.last().map_or_else(String::new, |layer| layer.name.clone()),
        }
    }
}

fn record_lines(node: &MarkedYaml, path: &str, lines: &mut BTreeMap<String, usize>) {
    let YamlData::Mapping(mapping) = &node.data else { return };
    for (key, value) in mapping {
        let Some(name) = key.data.as_str() else { continue };
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        record_lines(value, &path, lines);
        lines.insert(path, key.span.start.line());
    }
}
