//! Sets of fields, as `metadata.managedFields` keeps them
//! (<https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management>).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::release::is_named;

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

    /// Whether the set holds the field at a path, or fields inside it.
    pub fn has(&self, path: &[String]) -> bool {
        let mut steps = path.iter();
        steps.try_fold(self, |fields, element| fields.inner.get(element)).is_some()
    }

    /// Takes the field at a path out of the set, with all inside it; parents that hold nothing more go too.
    pub fn take(&mut self, path: &[String]) -> Option<Self> {
        let (element, rest) = path.split_first()?;
        if rest.is_empty() {
            return self.inner.remove(element);
        }
        let inner = self.inner.get_mut(element)?;
        let taken = inner.take(rest)?;
        if inner.inner.is_empty() {
            self.inner.remove(element);
        }
        Some(taken)
    }

    /// Adds fields at a path.
    pub fn put(&mut self, path: &[String], fields: &Self) {
        let mut place = self;
        for element in path {
            place = place.inner.entry(element.clone()).or_default();
        }
        *place = place.union(fields);
    }

    /// The fields that a value has, less mappings that are empty in it.
    pub fn living(&self, value: &Value) -> Self {
        let inner = |(element, inner): (&String, &Self)| {
            let value = find(value, element)?;
            let left = inner.living(value);
            (!left.is_empty() && *value != json!({})).then(|| (element.clone(), left))
        };
        Self { own: self.own, inner: self.inner.iter().filter_map(inner).collect() }
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

/// The path that a JSON pointer (<https://www.rfc-editor.org/rfc/rfc6901>) leads along, lists left out.
pub fn path(pointer: &str) -> Vec<String> {
    let elements = pointer.split('/').skip(1);
    elements.map(|element| format!("f:{}", element.replace("~1", "/").replace("~0", "~"))).collect()
}

/// What a path element leads to in a value.
fn find<'a>(value: &'a Value, element: &str) -> Option<&'a Value> {
    match element.strip_prefix("f:") {
        Some(field) => value.get(field),
        None => value.as_array()?.iter().find(|item| is_named(item, element)),
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
    fn fields_are_taken_out_and_put_in() {
        let all = json!({"f:data": {".": {}, "f:a": {}}, "f:spec": {".": {}, "f:b": {"f:c": {}}, "f:d": {}}});
        for (pointer, taken, left) in [
            ("/data/a", Some(json!({})), json!({"f:spec": {".": {}, "f:b": {"f:c": {}}, "f:d": {}}})),
            (
                "/spec/b",
                Some(json!({"f:c": {}})),
                json!({"f:data": {".": {}, "f:a": {}}, "f:spec": {".": {}, "f:d": {}}}),
            ),
            ("/spec/e", None, all.clone()),
            ("/spec/b/c/d", None, all.clone()),
        ] {
            let mut set = fields(all.clone());
            assert_eq!(set.has(&path(pointer)), taken.is_some(), "{pointer}");
            let found = set.take(&path(pointer));
            assert_eq!(found.as_ref().map(Fields::write), taken, "{pointer}");
            assert_eq!(set.write(), left, "{pointer}");
            if let Some(found) = found {
                set.put(&path(pointer), &found);
                assert!(set.has(&path(pointer)), "{pointer}");
            }
        }
        assert_eq!(path("/a/x~1y/~0z"), ["f:a", "f:x/y", "f:~z"]);
    }

    #[test]
    fn living_fields_are_those_of_the_value() {
        let port = |number: u64| format!("k:{{\"port\":{number}}}");
        let set = json!({"f:spec": {"f:gone": {"f:all": {}}, "f:ports": {port(1): {".": {}, "f:a": {}}, port(2): {".": {}}}},
                         "f:set": {"v:\"x\"": {}, "v:\"y\"": {}}, "f:empty": {}});
        let value = json!({"spec": {"ports": [{"port": 1, "a": 0}]}, "set": ["y"], "empty": {}});
        let expected = json!({"f:spec": {"f:ports": {port(1): {".": {}, "f:a": {}}}}, "f:set": {"v:\"y\"": {}}});
        assert_eq!(fields(set).living(&value).write(), expected);
    }

    #[test]
    fn paths_are_the_servers() {
        let set = fields(
            json!({"f:spec": {"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {"f:nodePort": {}}}, "f:x": {"v:\"y\"": {}}}}),
        );
        assert_eq!(set.paths(), [".spec.ports[port=80,protocol=\"TCP\"].nodePort", ".spec.x[=\"y\"]"]);
    }
}
