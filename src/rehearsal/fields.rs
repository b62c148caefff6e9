//! Sets of fields, as `metadata.managedFields` keeps them
//! (<https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management>).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::schema::{Schema, Type};

/// A set of fields. Elements of a path are written as in `fieldsV1`: `f:name` for a field, `k:{...}` for an
/// item of a list by its keys, `v:...` for one by its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// The field that this stands for is in the set itself (`.`), not only fields inside it.
    pub own: bool,
    /// Fields inside it.
    pub inner: BTreeMap<String, Fields>,
}

impl Fields {
    /// A field and nothing inside it.
    pub fn leaf() -> Self {
        Self { own: true, inner: BTreeMap::new() }
    }

    /// Nothing is in the set.
    pub fn is_empty(&self) -> bool {
        !self.own && self.inner.is_empty()
    }

    /// Reads a `fieldsV1`.
    pub fn read(fields: &Value) -> Self {
        let map = fields.as_object();
        let inner = |(key, value): (&String, &Value)| {
            let mut inner = Self::read(value);
            // An empty mapping is a leaf.
            inner.own |= inner.inner.is_empty();
            (key.clone(), inner)
        };
        Self {
            own: map.is_some_and(|map| map.contains_key(".")),
            inner: map.into_iter().flatten().filter(|(key, _)| *key != ".").map(inner).collect(),
        }
    }

    /// Writes a `fieldsV1`.
    pub fn write(&self) -> Value {
        let mut map = Map::new();
        if self.own && !self.inner.is_empty() {
            map.insert(".".to_owned(), json!({}));
        }
        map.extend(self.inner.iter().map(|(key, inner)| (key.clone(), inner.write())));
        Value::Object(map)
    }

    /// What is in either.
    pub fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.own |= other.own;
        for (key, inner) in &other.inner {
            let together = all.inner.get(key).map_or_else(|| inner.clone(), |mine| mine.union(inner));
            all.inner.insert(key.clone(), together);
        }
        all
    }

    /// What is here and not there.
    pub fn without(&self, other: &Self) -> Self {
        self.filter(other, |mine, theirs| mine && !theirs)
    }

    /// What is in both.
    pub fn common(&self, other: &Self) -> Self {
        self.filter(other, |mine, theirs| mine && theirs)
    }

    fn filter(&self, other: &Self, keep: fn(bool, bool) -> bool) -> Self {
        let nothing = Self::default();
        let inner = |(key, mine): (&String, &Self)| {
            let left = mine.filter(other.inner.get(key).unwrap_or(&nothing), keep);
            (!left.is_empty()).then(|| (key.clone(), left))
        };
        Self { own: keep(self.own, other.own), inner: self.inner.iter().filter_map(inner).collect() }
    }

    /// The same set, and with every field of a structure that holds a field of the set that structure's
    /// field itself. (Items of lists and keys of maps are not fields of a structure.)
    ///
    /// k8s:vendor/sigs.k8s.io/structured-merge-diff/v4/fieldpath/set.go (`EnsureNamedFieldsAreMembers`)
    pub fn with_structures(&self, schema: &Schema, of: &Type) -> Self {
        let inner = |(key, inner): (&String, &Self)| {
            let (element, is_named) = schema.element(of, key);
            let mut inner = inner.with_structures(schema, element);
            inner.own |= is_named;
            (key.clone(), inner)
        };
        Self { own: self.own, inner: self.inner.iter().map(inner).collect() }
    }

    /// Its members as the server prints them in a conflict: `.spec.template.spec.containers[name="a"].image`.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect(String::new(), &mut paths);
        paths
    }

    fn collect(&self, path: String, into: &mut Vec<String>) {
        if self.own {
            into.push(path.clone());
        }
        for (key, inner) in &self.inner {
            inner.collect(format!("{path}{}", step(key)), into);
        }
    }
}

/// A path element as the server prints it: `.image`, `[name="a"]`, `[="a"]`.
pub fn step(element: &str) -> String {
    let (kind, rest) = element.split_at(2);
    match kind {
        "f:" => format!(".{rest}"),
        "v:" => format!("[={rest}]"),
        _ => format!("[{}]", by_keys(rest)),
    }
}

/// `containerPort=80,protocol="TCP"` of `{"containerPort":80,"protocol":"TCP"}`.
fn by_keys(keys: &str) -> String {
    let keys: BTreeMap<String, Value> = serde_json::from_str(keys).unwrap_or_default();
    keys.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(value: Value) -> Fields {
        Fields::read(&value)
    }

    #[test]
    fn is_read_and_written_as_the_server_does() {
        for value in [
            json!({}),
            json!({"f:data": {".": {}, "f:a": {}}}),
            json!({"f:spec": {"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}}}}),
            json!({"f:metadata": {"f:finalizers": {"v:\"x/y\"": {}}}}),
        ] {
            assert_eq!(fields(value.clone()).write(), value);
        }
    }

    #[test]
    fn sets_are_sets() {
        let (a, b) =
            (fields(json!({"f:a": {".": {}, "f:b": {}}, "f:c": {}})), fields(json!({"f:a": {"f:b": {}}, "f:d": {}})));
        assert_eq!(a.union(&b).write(), json!({"f:a": {".": {}, "f:b": {}}, "f:c": {}, "f:d": {}}));
        assert_eq!(a.without(&b).write(), json!({"f:a": {}, "f:c": {}}));
        assert_eq!(a.common(&b).write(), json!({"f:a": {"f:b": {}}}));
        assert!(b.without(&b).is_empty());
    }

    #[test]
    fn paths_are_the_servers() {
        let set = fields(
            json!({"f:spec": {"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {"f:nodePort": {}}}, "f:x": {"v:\"y\"": {}}}}),
        );
        assert_eq!(set.paths(), [".spec.ports[port=80,protocol=\"TCP\"].nodePort", ".spec.x[=\"y\"]"]);
    }
}
