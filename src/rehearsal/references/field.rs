//! A value of a plan that knows where it stands.

use serde_json::Value;

use super::Finding;
use crate::render::Object;

/// A field of an object, or the object itself.
#[derive(Clone, Debug)]
pub struct Field<'a> {
    /// The object.
    pub object: &'a Object,
    /// The value; null where there is none.
    pub value: &'a Value,
    path: String,
}

impl<'a> Field<'a> {
    /// The whole object.
    pub fn root(object: &'a Object, value: &'a Value) -> Self {
        Self { object, value, path: String::new() }
    }

    /// The field inside it at a path of plain names: "spec.template".
    pub fn at(&self, path: &str) -> Self {
        path.split('.').fold(self.clone(), |field, key| field.key(key))
    }

    /// The field inside it of any name.
    pub fn key(&self, key: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { object: self.object, value: &self.value[key], path: format!("{}{dot}{key}", self.path) }
    }

    /// The items of a list; none where it is no list.
    pub fn items(&self) -> Vec<Self> {
        let items = self.value.as_array().into_iter().flatten().enumerate();
        items.map(|(index, value)| Self { value, path: format!("{}[{index}]", self.path), ..*self }).collect()
    }

    /// The members of a mapping with their names; none where it is no mapping.
    pub fn members(&self) -> Vec<(&'a str, Self)> {
        self.value.as_object().into_iter().flatten().map(|(key, _)| (key.as_str(), self.key(key))).collect()
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// The text; "" where there is none.
    pub fn name(&self) -> &'a str {
        self.text().unwrap_or_default()
    }

    /// Whether there is a value.
    pub fn is_given(&self) -> bool {
        !self.value.is_null()
    }

    /// The kind of the object.
    pub fn kind(&self) -> &'a str {
        &self.object.id.kind
    }

    /// A finding about this field.
    pub fn wrong(&self, reason: impl Into<String>) -> Finding {
        Finding {
            source: self.object.source.clone(),
            object: self.object.id.to_string(),
            field: self.path.clone(),
            reason: reason.into(),
        }
    }
}
