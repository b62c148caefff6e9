//! Decoding that says where a value is wrong.
//!
//! The typed value is written out again, and compared: this needs one instance of the code of the hundreds of
//! Kubernetes types, where wrappers of the deserializer need one more each.

use std::fmt::Write;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The paths of the fields that the type does not have.
///
/// # Errors
/// The path of the value that the type cannot take, and why.
pub fn decode<T: DeserializeOwned + Serialize>(value: &Value) -> Result<Vec<String>, String> {
    match T::deserialize(value).and_then(serde_json::to_value) {
        Ok(taken) => {
            let mut unknown = Vec::new();
            compare(value, &taken, &[], &mut unknown);
            Ok(unknown)
        }
        Err(error) => {
            let fault = error.to_string();
            let path = culprit(value, |rest| T::deserialize(rest).err().is_none_or(|error| error.to_string() != fault));
            Err(if path.is_empty() { fault } else { format!("{}: {fault}", print(&path)) })
        }
    }
}

/// One step of a path.
#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Index(usize),
}

fn steps(value: &Value) -> Vec<Step> {
    match value {
        Value::Object(map) => map.keys().cloned().map(Step::Key).collect(),
        Value::Array(items) => (0..items.len()).map(Step::Index).collect(),
        _ => Vec::new(),
    }
}

fn print(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        let _ = match step {
            Step::Key(key) if text.is_empty() => write!(text, "{key}"),
            Step::Key(key) => write!(text, ".{key}"),
            Step::Index(index) => write!(text, "[{index}]"),
        };
    }
    text
}

/// Collects what was given and not taken. A null is no value.
fn compare(given: &Value, taken: &Value, path: &[Step], unknown: &mut Vec<String>) {
    for step in steps(given) {
        let path = [path, std::slice::from_ref(&step)].concat();
        let (given, taken) = match &step {
            Step::Key(key) => (&given[key], taken.get(key)),
            Step::Index(index) => (&given[*index], taken.get(*index)),
        };
        match taken {
            Some(taken) => compare(given, taken, &path, unknown),
            None if given.is_null() => {}
            None => unknown.push(print(&path)),
        }
    }
}

/// The innermost part of a value without which the rest `differs` in what is wrong with it.
fn culprit(value: &Value, differs: impl Fn(&Value) -> bool) -> Vec<Step> {
    let mut path = Vec::new();
    loop {
        let inside = follow(&mut value.clone(), &path).map_or_else(Vec::new, |inside| steps(inside));
        let blamed = inside.into_iter().find(|step| {
            let mut rest = value.clone();
            match (follow(&mut rest, &path), step) {
                (Some(Value::Object(map)), Step::Key(key)) => drop(map.remove(key)),
                (Some(Value::Array(items)), Step::Index(index)) => drop(items.remove(*index)),
                _ => {}
            }
            differs(&rest)
        });
        match blamed {
            Some(step) => path.push(step),
            None => return path,
        }
    }
}

fn follow<'a>(value: &'a mut Value, path: &[Step]) -> Option<&'a mut Value> {
    path.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get_mut(key),
        Step::Index(index) => value.get_mut(*index),
    })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::Deployment;
    use serde_json::json;

    use super::*;

    fn deployment(container: Value, strategy: Value) -> Value {
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "d"},
            "spec": {
                "selector": {},
                "template": {"spec": {"containers": [{"name": "a"}, container]}},
                "strategy": strategy,
            },
        })
    }

    #[test]
    fn what_is_wrong_is_found_where_it_is() {
        let table = [
            (json!({"name": "c", "imagePullPolicy": null}), json!({}), Ok(vec![])),
            (
                json!({"name": "c", "imag": "x"}),
                json!({"rolling": 1}),
                Ok(vec!["spec.template.spec.containers[1].imag", "spec.strategy.rolling"]),
            ),
            (json!({"name": 1}), json!({}), Err("spec.template.spec.containers[1].name: invalid type")),
            (json!({"name": "c"}), json!({"type": true}), Err("spec.strategy.type: invalid type")),
            (
                json!({"name": "c", "ports": [{"containerPort": "x"}]}),
                json!({}),
                Err("ports[0].containerPort: invalid"),
            ),
        ];
        for (container, strategy, expected) in table {
            let decoded = decode::<Deployment>(&deployment(container, strategy));
            match (&decoded, expected) {
                (Ok(unknown), Ok(expected)) => assert_eq!(*unknown, expected),
                (Err(error), Err(expected)) => assert!(error.contains(expected), "{error}"),
                (_, expected) => panic!("{decoded:?}, not {expected:?}"),
            }
        }
    }
}
