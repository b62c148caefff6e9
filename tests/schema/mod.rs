//! Whether JSON is what `docs/json-output.schema.json` says, and no more than that.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Value, json};

/// The schema.
pub static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../docs/json-output.schema.json")).unwrap());

/// Each part of the schema that was asked for, in which no object has a field that is not listed.
static STRICT: Mutex<BTreeMap<String, Validator>> = Mutex::new(BTreeMap::new());

/// What the schema says against a value, as a `line`, `release`, `status`, `doctor` or `backups`; a field that it does not
/// list is a fault too.
pub fn faults(part: &str, value: &Value) -> Vec<String> {
    let mut known = STRICT.lock().unwrap_or_else(PoisonError::into_inner);
    let validator = known.entry(part.to_owned()).or_insert_with(|| {
        let mut schema = SCHEMA.clone();
        close(&mut schema);
        schema["anyOf"] = json!([{"$ref": format!("#/$defs/{part}")}]);
        jsonschema::validator_for(&schema).unwrap()
    });
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Fails unless the schema describes the value wholly.
pub fn assert_described(part: &str, value: &Value) {
    let faults = faults(part, value);
    assert!(faults.is_empty(), "docs/json-output.schema.json: {faults:#?}\nof the {part} {value}");
}

/// Lets objects have the fields that are listed, and no others.
fn close(schema: &mut Value) {
    if let Value::Object(map) = schema {
        if map.contains_key("properties") {
            map.insert("additionalProperties".to_owned(), json!(false));
        }
        map.values_mut().for_each(close);
    } else if let Value::Array(items) = schema {
        items.iter_mut().for_each(close);
    }
}
