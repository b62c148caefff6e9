//! The values of Secrets are never shown, only what becomes of them.

use serde_json::{Map, Value, json};

const MASK: &str = "••••";

/// Puts masks for the values of a Secret's two states; other kinds stay as they are.
pub fn mask(mut before: Option<&mut Value>, mut after: Option<&mut Value>) {
    let is_secret = |side: &Option<&mut Value>| side.as_ref().is_some_and(|side| side["kind"] == "Secret");
    if !is_secret(&before) && !is_secret(&after) {
        return;
    }
    for field in ["data", "stringData"] {
        let map = |side: &Option<&mut Value>| {
            side.as_ref().and_then(|side| side.get(field)?.as_object().cloned()).unwrap_or_default()
        };
        let (was, is) = (map(&before), map(&after));
        let put = |side: Option<&mut Value>, masked: Map<String, Value>| {
            if let Some(side) = side.filter(|_| !masked.is_empty()) {
                side[field] = Value::Object(masked);
            }
        };
        let of = |keys: &Map<String, Value>, words: &dyn Fn(&str) -> &'static str| {
            let masked = |key: &String| (key.clone(), json!(format!("{MASK}{}", words(key))));
            keys.keys().map(masked).collect::<Map<_, _>>()
        };
        let old = of(&was, &|key| match is.get(key) {
            Some(value) if *value == was[key] => " (unchanged)",
            Some(_) => "",
            None => " (removed)",
        });
        let new = of(&is, &|key| match was.get(key) {
            Some(value) if *value == is[key] => " (unchanged)",
            Some(_) => " (changed)",
            None => " (new)",
        });
        put(before.as_deref_mut(), old);
        put(after.as_deref_mut(), new);
    }
}
