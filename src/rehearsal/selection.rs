//! Which objects a list or a watch asks for
//! (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#api>,
//! <https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/>).

use std::collections::{BTreeMap, BTreeSet};

use kube::core::{Expression, SelectorExt};
use serde_json::Value;

use super::kinds::Kind;
use super::route::Parameters;
use super::status::Status;

/// Fields that every kind can be selected by.
const ALL: [&str; 2] = ["metadata.name", "metadata.namespace"];
/// Fields that one kind can be selected by, of those that matter here.
const SOME: [(&str, &[&str]); 3] = [
    ("Pod", &["spec.nodeName", "status.phase"]),
    ("Event", &["involvedObject.kind", "involvedObject.name", "involvedObject.uid", "reason", "type"]),
    ("Job", &["status.successful"]),
];

/// A label selector and a field selector.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    labels: Vec<Expression>,
    /// JSON pointer, value, and whether it is to be that value.
    fields: Vec<(String, String, bool)>,
}

impl Selection {
    /// Reads both selectors of a request.
    ///
    /// # Errors
    /// 400 for a selector that is none, or for a field that the kind cannot be selected by.
    pub fn read(kind: &Kind, parameters: &Parameters) -> Result<Self, Status> {
        let labels = split(parameters.text("labelSelector")).into_iter().map(expression).collect::<Result<_, _>>()?;
        let fields = split(parameters.text("fieldSelector"));
        let fields = fields.into_iter().map(|text| field(kind, text)).collect::<Result<_, _>>()?;
        Ok(Self { labels, fields })
    }

    /// Whether an object is asked for.
    pub fn takes(&self, object: &Value) -> bool {
        let has = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        self.fields.iter().all(|(pointer, value, equal)| (has(pointer) == *value) == *equal)
            && (self.labels.is_empty() || {
                let labels = object["metadata"]["labels"].as_object().into_iter().flatten();
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let labels: BTreeMap<String, String> = labels.map(|(key, value)| (key.clone(), text(value))).collect();
                self.labels.iter().all(|expression| expression.matches(&labels))
            })
    }
}

/// The requirements of a selector: commas separate them, but not those within parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0;
    let parts = text.split(|character| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        character == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn expression(text: &str) -> Result<Expression, Status> {
    let own = |text: &str| text.trim().to_owned();
    let set = |text: &str| -> Option<BTreeSet<String>> {
        Some(text.trim().strip_prefix('(')?.strip_suffix(')')?.split(',').map(own).collect())
    };
    let parsed = if let Some((key, value)) = text.split_once("!=") {
        Some(Expression::NotEqual(own(key), own(value)))
    } else if let Some((key, value)) = text.split_once('=') {
        Some(Expression::Equal(own(key), own(value.trim_start_matches('='))))
    } else if let Some((key, values)) = text.split_once(" notin ") {
        set(values).map(|values| Expression::NotIn(own(key), values))
    } else if let Some((key, values)) = text.split_once(" in ") {
        set(values).map(|values| Expression::In(own(key), values))
    } else if let Some(key) = text.strip_prefix('!') {
        Some(Expression::DoesNotExist(own(key)))
    } else {
        Some(Expression::Exists(own(text)))
    };
    let is_name = |key: &String| !key.is_empty() && !key.contains([' ', '(', ')']);
    parsed.filter(|expression| is_name(key(expression))).ok_or_else(|| no_selector(text))
}

fn key(expression: &Expression) -> &String {
    match expression {
        Expression::In(key, _)
        | Expression::NotIn(key, _)
        | Expression::Equal(key, _)
        | Expression::NotEqual(key, _)
        | Expression::Exists(key)
        | Expression::DoesNotExist(key) => key,
    }
}

fn field(kind: &Kind, text: &str) -> Result<(String, String, bool), Status> {
    let (name, value, equal) = match (text.split_once("!="), text.split_once('=')) {
        (Some((name, value)), _) => (name, value, false),
        (None, Some((name, value))) => (name, value.trim_start_matches('='), true),
        (None, None) => return Err(no_selector(text)),
    };
    let own = SOME.iter().find(|(of, _)| *of == kind.kind).map_or(&[][..], |(_, fields)| fields);
    if !ALL.contains(&name) && !own.contains(&name) {
        return Err(Status::bad_request(match own {
            [] => format!("{name:?} is not a known field selector: only {:?}, {:?}", ALL[0], ALL[1]),
            _ => format!("field label not supported: {name}"),
        }));
    }
    Ok((format!("/{}", name.replace('.', "/")), value.to_owned(), equal))
}

fn no_selector(text: &str) -> Status {
    Status::bad_request(format!("unable to parse requirement: {text:?} is no selector"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn selection(kind: &str, query: &str) -> Result<Selection, Status> {
        Selection::read(Kind::named("v1", kind).unwrap(), &Parameters::read(Some(query)))
    }

    #[test]
    fn objects_are_taken_by_labels_and_fields() {
        let pod = json!({"metadata": {"name": "x", "labels": {"app": "shop", "tier": "web"}}, "status": {"phase": "Running"}});
        for (query, taken) in [
            ("", true),
            ("labelSelector=app=shop,tier=web", true),
            ("labelSelector=app==shop", true),
            ("labelSelector=app=other", false),
            ("labelSelector=app!=other,none!=x", true),
            ("labelSelector=app in (a, shop),tier notin (db)", true),
            ("labelSelector=app notin (a,shop)", false),
            ("labelSelector=app,!none", true),
            ("labelSelector=none", false),
            ("fieldSelector=metadata.name=x,status.phase!=Pending", true),
            ("fieldSelector=metadata.name=y", false),
            ("labelSelector=app=shop&fieldSelector=status.phase=Pending", false),
        ] {
            assert_eq!(selection("Pod", query).unwrap().takes(&pod), taken, "{query}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for (kind, query) in [
            ("Pod", "labelSelector=app in shop"),
            ("Pod", "labelSelector==x"),
            ("Pod", "fieldSelector=metadata.name"),
            ("Pod", "fieldSelector=spec.replicas=1"),
            ("Service", "fieldSelector=status.phase=Running"),
        ] {
            assert_eq!(selection(kind, query).unwrap_err().code, 400, "{query}");
        }
    }
}
