//! What server-side apply does to values: structures, maps and keyed lists are merged, all else is replaced.
//!
//! The rules are those of structured-merge-diff (k8s:vendor/sigs.k8s.io/structured-merge-diff/v4/typed), which the API
//! server uses.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::fields::{self, Fields};
use super::schema::{Schema, Type};

/// How one state of an object differs from another.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Only the later one has them.
    pub added: Fields,
    /// Both have them, with other values.
    pub modified: Fields,
    /// Only the earlier one had them.
    pub removed: Fields,
}

/// An item of a list without one of the fields by which items are told apart.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{path}: element {index}: associative list with keys has an element that omits key field {key:?} (and doesn't have default value)"
)]
pub struct MissingKey {
    path: String,
    index: usize,
    key: String,
}

impl MissingKey {
    fn inside(mut self, element: &str) -> Self {
        self.path.insert_str(0, &fields::step(element));
        self
    }
}

/// The fields that an applied configuration names. An empty structure or map names none.
///
/// # Errors
/// When an item of a keyed list lacks a key: the server does not default it before.
pub fn fields_of(schema: &Schema, of: &Type, value: &Value) -> Result<Fields, MissingKey> {
    let mut fields = Fields::default();
    match (of, value) {
        (Type::Structure(_) | Type::Map(_), Value::Object(map)) => {
            for (key, value) in map {
                let element = format!("f:{key}");
                let (inner_type, is_named) = schema.element(of, &element);
                let mut inner = fields_of(schema, inner_type, value).map_err(|missing| missing.inside(&element))?;
                inner.own |= !is_named;
                fields.inner.insert(element, inner);
            }
        }
        (Type::List(..) | Type::Set, Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                let element = identify(of, item).map_err(|key| MissingKey { path: String::new(), index, key })?;
                let mut inner = match of {
                    Type::List(inner, _) => {
                        fields_of(schema, inner, item).map_err(|missing| missing.inside(&element))?
                    }
                    _ => Fields::default(),
                };
                inner.own = true;
                fields.inner.insert(element, inner);
            }
        }
        _ => return Ok(Fields::leaf()),
    }
    fields.inner.retain(|_, inner| !inner.is_empty());
    Ok(fields)
}

/// The path element of a list's item, or the key that it lacks.
fn identify(of: &Type, item: &Value) -> Result<String, String> {
    let Type::List(_, keys) = of else { return Ok(format!("v:{item}")) };
    let value = |key: &String| match item.get(key) {
        Some(value) => Ok((key.clone(), value.clone())),
        None => Err(key.clone()),
    };
    let keys = keys.iter().map(value).collect::<Result<BTreeMap<String, Value>, String>>()?;
    Ok(format!("k:{}", Value::Object(keys.into_iter().collect())))
}

/// The children of a merged value, by path element; None for one that is replaced as a whole.
fn children<'a>(of: &Type, value: &'a Value) -> Option<Vec<(String, &'a Value)>> {
    match (of, value) {
        (Type::Structure(_) | Type::Map(_), Value::Object(map)) => {
            Some(map.iter().map(|(key, value)| (format!("f:{key}"), value)).collect())
        }
        (Type::List(..) | Type::Set, Value::Array(items)) => {
            Some(items.iter().filter_map(|item| Some((identify(of, item).ok()?, item))).collect())
        }
        _ => None,
    }
}

/// The live value with an applied configuration merged into it. What only one of them has is kept, in the live order.
pub fn merge(schema: &Schema, of: &Type, live: &Value, applied: &Value) -> Value {
    let (Some(live), Some(applied_children)) = (children(of, live), children(of, applied)) else {
        return applied.clone();
    };
    let mut merged: Vec<(String, Value)> = Vec::new();
    let theirs: BTreeMap<&str, &Value> = applied_children.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    for (element, value) in &live {
        let value = match theirs.get(element.as_str()) {
            Some(applied) => merge(schema, schema.element(of, element).0, value, applied),
            None => (*value).clone(),
        };
        merged.push((element.clone(), value));
    }
    let is_new = |element: &str| live.iter().all(|(known, _)| known != element);
    let new = applied_children.iter().filter(|(element, _)| is_new(element));
    merged.extend(new.map(|(element, value)| (element.clone(), (*value).clone())));
    assemble(applied, merged)
}

/// A mapping or list like the given one, of these children.
fn assemble(like: &Value, children: Vec<(String, Value)>) -> Value {
    match like {
        Value::Object(_) => {
            Value::Object(children.into_iter().map(|(element, value)| (element[2..].to_owned(), value)).collect())
        }
        _ => Value::Array(children.into_iter().map(|(_, value)| value).collect()),
    }
}

/// A value less some of its fields. What is left empty goes too.
pub fn remove(schema: &Schema, of: &Type, value: &Value, fields: &Fields) -> Value {
    let Some(children) = children(of, value) else { return value.clone() };
    let mut left = Vec::new();
    for (element, child) in children {
        match fields.inner.get(&element) {
            None => left.push((element, child.clone())),
            Some(inner) if inner.own => {}
            Some(inner) => {
                let rest = remove(schema, schema.element(of, &element).0, child, inner);
                if !is_empty(&rest) || is_empty(child) {
                    left.push((element, rest));
                }
            }
        }
    }
    assemble(value, left)
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

/// How `after` differs from `before`.
pub fn compare(schema: &Schema, of: &Type, before: &Value, after: &Value) -> Difference {
    let mut difference = Difference::default();
    let (Some(old), Some(new)) = (children(of, before), children(of, after)) else {
        difference.modified.own = before != after;
        return difference;
    };
    let new: BTreeMap<String, &Value> = new.into_iter().collect();
    let old: BTreeMap<String, &Value> = old.into_iter().collect();
    for (element, value) in &old {
        let inner_type = schema.element(of, element).0;
        match new.get(element) {
            None => put(&mut difference.removed, element, whole(schema, inner_type, value)),
            Some(after) => {
                let inner = compare(schema, inner_type, value, after);
                put(&mut difference.added, element, inner.added);
                put(&mut difference.modified, element, inner.modified);
                put(&mut difference.removed, element, inner.removed);
            }
        }
    }
    for (element, value) in new.iter().filter(|(element, _)| !old.contains_key(*element)) {
        put(&mut difference.added, element, whole(schema, schema.element(of, element).0, value));
    }
    difference
}

fn put(into: &mut Fields, element: &str, inner: Fields) {
    if !inner.is_empty() {
        into.inner.insert(element.to_owned(), inner);
    }
}

/// A value and everything in it.
fn whole(schema: &Schema, of: &Type, value: &Value) -> Fields {
    let inner = children(of, value).unwrap_or_default().into_iter().map(|(element, child)| {
        let inner = whole(schema, schema.element(of, &element).0, child);
        (element, inner)
    });
    Fields { own: true, inner: inner.collect() }
}
