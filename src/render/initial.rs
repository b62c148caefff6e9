//! Initial fields: written once, then left to whoever moves them (an HPA, a failover).
//!
//! An object names them in the annotation `keyboss.io/initial`, as JSON pointers
//! (<https://www.rfc-editor.org/rfc/rfc6901>) separated by commas.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A field that is written only while no field manager owns it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InitialField {
    /// Its JSON pointer.
    pub pointer: String,
    /// The first value.
    pub value: Value,
}

/// Takes the initial fields out of an object.
///
/// # Errors
/// When a pointer leads nowhere in the manifest, or through a list: a merge patch cannot write into one.
pub fn split(object: &mut Value) -> Result<Vec<InitialField>> {
    let Some(annotation) = object.pointer("/metadata/annotations/keyboss.io~1initial") else { return Ok(Vec::new()) };
    let annotation = annotation.as_str().context("the annotation keyboss.io/initial is not a string")?.to_owned();
    let mut fields = Vec::new();
    for pointer in annotation.split(',').map(str::trim).filter(|pointer| !pointer.is_empty()) {
        if leads_through_list(object, pointer) {
            bail!("keyboss.io/initial names {pointer}, which leads through a list; name the list as a whole");
        }
        let Some(value) = take(object, pointer) else {
            bail!("keyboss.io/initial names {pointer}, but the manifest has no first value there");
        };
        fields.push(InitialField { pointer: pointer.to_owned(), value });
    }
    Ok(fields)
}

fn leads_through_list(object: &Value, pointer: &str) -> bool {
    let ends = pointer.match_indices('/').map(|(index, _)| index);
    ends.filter_map(|end| object.pointer(&pointer[..end])).any(Value::is_array)
}

/// Removes the field, and each parent that it leaves empty: an empty mapping would be owned as a whole.
fn take(object: &mut Value, pointer: &str) -> Option<Value> {
    let (parent, key) = pointer.rsplit_once('/')?;
    let key = key.replace("~1", "/").replace("~0", "~");
    let map = object.pointer_mut(parent)?.as_object_mut()?;
    let value = map.shift_remove(&key)?;
    if map.is_empty() && !parent.is_empty() {
        take(object, parent);
    }
    Some(value)
}
