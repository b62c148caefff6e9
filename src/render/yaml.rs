//! A plan as YAML, for people and for `kubectl`.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Object, Phase, Plan};

const MASK: &str = "••••";

/// Prints the objects of one phase, or of all, as YAML documents. Initial fields stand in their places;
/// a Secret's values are masked.
///
/// # Errors
/// Never in practice: when YAML cannot hold a value.
pub fn print(plan: &Plan, only: Option<Phase>) -> Result<String> {
    let mut text = String::new();
    for (phase, object) in plan.objects() {
        if only.is_some_and(|only| only != phase) {
            continue;
        }
        let value = serde_yaml::to_string(&whole(object))?;
        text.push_str(&format!("---\n# phase {}: {}\n{value}", phase.number(), object.source));
    }
    Ok(text)
}

/// The object with its initial fields, and with masks for secret values.
fn whole(object: &Object) -> Value {
    let mut value = object.value.clone();
    for field in &object.initial {
        insert(&mut value, &field.pointer, &field.value);
    }
    if let Some(keys) = &object.secret {
        for (key, _) in &keys.generated {
            value["stringData"][key] = json!(MASK);
        }
    }
    value
}

/// Puts a value where a JSON pointer leads, making the mappings on the way.
pub fn insert(into: &mut Value, pointer: &str, value: &Value) {
    let mut place = into;
    for key in pointer.split('/').skip(1) {
        place = &mut place[key.replace("~1", "/").replace("~0", "~")];
    }
    *place = value.clone();
}
