//! Selectors by label (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>).

use std::collections::BTreeMap;

use serde_json::Value;

/// The labels of one object.
pub type Labels = BTreeMap<String, String>;

/// The labels in a mapping.
pub fn labels(mapping: &Value) -> Labels {
    let members = mapping.as_object().into_iter().flatten();
    members.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// Whether every one of the wanted labels is there. Wanting none is met by all.
pub fn has_all(wanted: &Value, labels: &Labels) -> bool {
    wanted
        .as_object()
        .into_iter()
        .flatten()
        .all(|(key, value)| labels.get(key).map(String::as_str) == value.as_str() && value.is_string())
}

/// Whether a selector of `matchLabels` and `matchExpressions` selects these labels.
pub fn selects(selector: &Value, labels: &Labels) -> bool {
    let mut expressions = selector["matchExpressions"].as_array().into_iter().flatten();
    has_all(&selector["matchLabels"], labels) && expressions.all(|expression| is_met(expression, labels))
}

fn is_met(expression: &Value, labels: &Labels) -> bool {
    let value = expression["key"].as_str().and_then(|key| labels.get(key));
    let is_listed = value.is_some_and(|value| {
        expression["values"].as_array().into_iter().flatten().any(|listed| listed.as_str() == Some(value))
    });
    match expression["operator"].as_str() {
        Some("In") => is_listed,
        Some("NotIn") => !is_listed,
        Some("Exists") => value.is_some(),
        Some("DoesNotExist") => value.is_none(),
        _ => false,
    }
}

/// The selector as one line.
pub fn print(selector: &Value) -> String {
    serde_json::to_string(selector).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selects_as_kubernetes_does() {
        let these = labels(&json!({"app": "api", "tier": "web"}));
        let by = |key: &str, operator: &str, values: &[&str]| {
            let expression = json!({"key": key, "operator": operator, "values": values});
            json!({"matchExpressions": [expression]})
        };
        for (selector, is_selected) in [
            (json!({}), true),
            (json!({"matchLabels": {"app": "api"}}), true),
            (json!({"matchLabels": {"app": "api", "tier": "web"}}), true),
            (json!({"matchLabels": {"app": "api", "tier": "db"}}), false),
            (json!({"matchLabels": {"other": "api"}}), false),
            (by("app", "In", &["api", "worker"]), true),
            (by("app", "In", &["worker"]), false),
            (by("other", "In", &["api"]), false),
            (by("app", "NotIn", &["api"]), false),
            (by("other", "NotIn", &["api"]), true),
            (by("app", "Exists", &[]), true),
            (by("other", "Exists", &[]), false),
            (by("app", "DoesNotExist", &[]), false),
            (by("other", "DoesNotExist", &[]), true),
            (by("app", "Is", &["api"]), false),
        ] {
            assert_eq!(selects(&selector, &these), is_selected, "{selector}");
        }
    }
}
