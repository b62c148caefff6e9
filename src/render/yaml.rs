//! A plan as YAML, for people and for `kubectl`.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};

use super::{Object, Phase, Plan, steered};

const MASK: &str = "••••";

/// Prints the objects of one phase, or of all, as YAML documents. Initial fields stand in their places;
/// a Secret's values are masked. Of the autoscalers of one workload all but the first say when they are used.
///
/// # Errors
/// Never in practice: when YAML cannot hold a value.
pub fn print(plan: &Plan, only: Option<Phase>) -> Result<String> {
    let mut text = String::new();
    let mut autoscalers = BTreeMap::new();
    for (phase, object) in plan.objects() {
        let first = steered(&object.value).map(|workload| *autoscalers.entry(workload).or_insert(&object.id));
        if only.is_some_and(|only| only != phase) {
            continue;
        }
        let value = serde_yaml::to_string(&whole(object))?;
        text.push_str(&format!("---\n# phase {}: {}\n", phase.number(), object.source));
        if let Some(first) = first.filter(|first| *first != &object.id) {
            text.push_str(&format!("# only where the cluster does not serve {} {}\n", first.api_version, first.kind));
        }
        text.push_str(&value);
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
