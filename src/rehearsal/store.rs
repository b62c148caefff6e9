//! The objects of the rehearsal cluster, each with a version, and what happened to them
//! (<https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes>).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};

use super::kinds::{KINDS, Kind};
use super::status::Status;

/// How many changes are remembered for watches that begin late.
const HISTORY: usize = 10_000;

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Its kind.
    pub kind: &'static Kind,
    /// Its namespace; empty where the kind has none.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It came to be.
    Added,
    /// It was changed.
    Modified,
    /// It is gone; this was its last state.
    Deleted,
}

impl Event {
    /// As a watch names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// One change of one object.
#[derive(Clone, Debug)]
pub struct Change {
    /// The version that it made.
    pub version: u64,
    /// What happened.
    pub event: Event,
    /// Of which object.
    pub key: Key,
    /// The state before it.
    pub before: Option<Arc<Value>>,
    /// The state after it.
    pub object: Arc<Value>,
}

/// Every object of one kind, by namespace and name.
type Objects = BTreeMap<(String, String), Arc<Value>>;

/// Every object.
#[derive(Clone, Debug, Default)]
pub struct Store {
    objects: [Objects; KINDS.len()],
    /// The version of the last change of each kind.
    changed: [u64; KINDS.len()],
    history: VecDeque<Change>,
    version: u64,
}

impl Store {
    /// The version of the last change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The version of the last change of a kind's objects.
    pub fn changed(&self, kind: &Kind) -> u64 {
        self.changed[kind.place()]
    }

    /// One object.
    pub fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.objects[key.kind.place()].get(&place(key))
    }

    /// Every object of a kind, in one namespace or in all (empty).
    pub fn list<'a>(&'a self, kind: &Kind, namespace: &'a str) -> impl Iterator<Item = &'a Arc<Value>> {
        let of = self.objects[kind.place()].iter();
        of.filter(move |((of, _), _)| namespace.is_empty() || of == namespace).map(|(_, object)| object)
    }

    /// Stores a state under the next version.
    pub fn put(&mut self, key: Key, object: Value) -> Arc<Value> {
        let before = self.get(&key).cloned();
        let event = if before.is_some() { Event::Modified } else { Event::Added };
        let object = self.happened(event, key.clone(), before, object);
        self.objects[key.kind.place()].insert(place(&key), Arc::clone(&object));
        object
    }

    /// Forgets an object.
    pub fn remove(&mut self, key: &Key) {
        if let Some(object) = self.objects[key.kind.place()].remove(&place(key)) {
            self.happened(Event::Deleted, key.clone(), Some(Arc::clone(&object)), Value::clone(&object));
        }
    }

    fn happened(&mut self, event: Event, key: Key, before: Option<Arc<Value>>, mut object: Value) -> Arc<Value> {
        self.version += 1;
        self.changed[key.kind.place()] = self.version;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let object = Arc::new(object);
        let change = Change { version: self.version, event, key, before, object: Arc::clone(&object) };
        self.history.push_back(change);
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
        object
    }

    /// What happened after a version, to objects of a kind.
    ///
    /// # Errors
    /// 410 Gone when so old a version is not remembered.
    pub fn since(&self, version: u64, kind: &'static Kind, namespace: &str) -> Result<Vec<Change>, Status> {
        let oldest = self.history.front().map_or(self.version + 1, |change| change.version);
        if version + 1 < oldest {
            return Err(Status::expired(version, oldest));
        }
        // Every change has made one version.
        let known = usize::try_from(version + 1 - oldest).unwrap_or(usize::MAX);
        let of = self.history.iter().skip(known).filter(|change| change.key.kind == kind);
        Ok(of.filter(|change| namespace.is_empty() || change.key.namespace == namespace).cloned().collect())
    }
}

fn place(key: &Key) -> (String, String) {
    (key.namespace.clone(), key.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        let kind = Kind::named("v1", "ConfigMap").unwrap();
        Key { kind, namespace: "a".to_owned(), name: name.to_owned() }
    }

    #[test]
    fn a_watch_sees_what_happened_since() {
        let mut store = Store::default();
        store.put(key("x"), json!({"metadata": {}, "data": {"a": "1"}}));
        let before = store.version();
        store.put(key("x"), json!({"metadata": {}, "data": {"a": "2"}}));
        store.put(key("y"), json!({"metadata": {}}));
        store.remove(&key("x"));
        let seen = store.since(before, key("x").kind, "a").unwrap();
        let events: Vec<(Event, &str)> = seen.iter().map(|change| (change.event, change.key.name.as_str())).collect();
        assert_eq!(events, [(Event::Modified, "x"), (Event::Added, "y"), (Event::Deleted, "x")]);
        assert_eq!(seen[2].object["metadata"]["resourceVersion"], "4", "a deletion has a version of its own");
        assert_eq!(seen[2].object["data"]["a"], "2");
        assert!(store.since(before, key("x").kind, "b").unwrap().is_empty());
        assert_eq!(store.list(key("x").kind, "").count(), 1);
    }

    #[test]
    fn a_watch_that_is_too_late_begins_anew() {
        let mut store = Store::default();
        (0..=HISTORY).for_each(|_| drop(store.put(key("x"), json!({"metadata": {}}))));
        assert_eq!(store.since(0, key("x").kind, "a").unwrap_err().code, 410);
        assert_eq!(store.since(1, key("x").kind, "a").unwrap().len(), HISTORY);
    }
}
