//! Who owns which fields: server-side apply, and every other write as one more manager of fields
//! (<https://kubernetes.io/docs/reference/using-api/server-side-apply/>).

use serde_json::{Value, json};

use super::fields::Fields;
use super::merge::{MissingKey, compare, fields_of, merge, remove};
use super::schema::{Schema, Type};

/// What the server keeps about an object and no manager owns.
const UNOWNED: [&str; 9] = [
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
];

/// One write to an object.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// The shapes of everything inside it.
    pub schema: &'a Schema,
    /// The shape of what is written.
    pub shape: &'a Type,
    /// Who writes.
    pub manager: &'a str,
    /// When: RFC 3339, in whole seconds.
    pub time: &'a str,
}

/// Why an apply was refused.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Other managers own fields with other values: the manager in the server's words, and the fields.
    Conflict(Vec<(String, Vec<String>)>),
    /// An item of a keyed list lacks a key.
    MissingKey(MissingKey),
}

/// One entry of `metadata.managedFields`.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    manager: String,
    operation: String,
    api_version: String,
    time: String,
    fields: Fields,
}

impl Entry {
    fn read(value: &Value) -> Self {
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        Self {
            manager: text("manager"),
            operation: text("operation"),
            api_version: text("apiVersion"),
            time: text("time"),
            fields: Fields::read(&value["fieldsV1"]),
        }
    }

    fn write(&self) -> Value {
        json!({
            "manager": self.manager,
            "operation": self.operation,
            "apiVersion": self.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": self.fields.write(),
        })
    }

    /// As the server names it in a conflict.
    fn title(&self) -> String {
        match self.operation.as_str() {
            "Apply" => format!("{:?}", self.manager),
            _ => format!("{:?} using {}", self.manager, self.api_version),
        }
    }
}

impl Write<'_> {
    /// Applies a configuration: the object to be stored, or why not.
    ///
    /// # Errors
    /// Conflicts, unless forced; items without their keys.
    pub fn apply(&self, live: Option<&Value>, applied: &Value, force: bool) -> Result<Value, Refusal> {
        let set = self.owned(fields_of(self.schema, self.shape, applied).map_err(Refusal::MissingKey)?);
        let before = live.map(entries).unwrap_or_default();
        let version = applied["apiVersion"].as_str().unwrap_or_default();
        let is_mine = |entry: &Entry| entry.manager == self.manager && entry.operation == "Apply";

        let mut after = before.clone();
        let last = take(&mut after, is_mine).map_or_else(Fields::default, |entry| entry.fields);
        let owned = after.iter().fold(set.clone(), |all, entry| all.union(&entry.fields));
        let nothing = json!({});
        let live = live.unwrap_or(&nothing);
        let dropped =
            last.with_structures(self.schema, self.shape).without(&owned.with_structures(self.schema, self.shape));
        let merged = merge(self.schema, self.shape, live, applied);
        let mut object = remove(self.schema, self.shape, &merged, &dropped);

        let difference = compare(self.schema, self.shape, &without_managers(live), &without_managers(&object));
        let written = difference.added.union(&difference.modified);
        let mut conflicts = Vec::new();
        for entry in &mut after {
            let contested = entry.fields.common(&written);
            if !contested.is_empty() {
                conflicts.push((entry.title(), contested.paths()));
                entry.fields = entry.fields.without(&contested);
            }
            entry.fields = entry.fields.without(&difference.removed);
        }
        if !conflicts.is_empty() && !force {
            return Err(Refusal::Conflict(conflicts));
        }
        after.insert(0, self.entry("Apply", version, set));
        store(&mut object, &before, after, !written.is_empty() || !difference.removed.is_empty());
        Ok(object)
    }

    /// Notes who owns what after a write that is no apply: `object` is what was written. Managers that are written with
    /// it replace the live ones; none do not
    /// (k8s:staging/src/k8s.io/apiserver/pkg/endpoints/handlers/fieldmanager/fieldmanager.go, `Update`).
    pub fn update(&self, live: Option<&Value>, object: &mut Value) {
        let given = live.map(|_| entries(object)).filter(|given| !given.is_empty());
        let before = given.or_else(|| live.map(entries)).unwrap_or_default();
        let version = object["apiVersion"].as_str().unwrap_or_default().to_owned();
        let nothing = json!({});
        let difference =
            compare(self.schema, self.shape, &without_managers(live.unwrap_or(&nothing)), &without_managers(object));
        let written = self.owned(difference.added.union(&difference.modified));
        let is_mine = |entry: &Entry| {
            entry.manager == self.manager && entry.operation == "Update" && entry.api_version == version
        };

        let mut after = before.clone();
        let mine = take(&mut after, is_mine);
        let had = mine.as_ref().map_or_else(Fields::default, |entry| entry.fields.without(&difference.removed));
        for entry in &mut after {
            entry.fields = entry.fields.without(&written).without(&difference.removed);
        }
        after.push(self.entry("Update", &version, had.union(&written)));
        store(object, &before, after, !written.is_empty());
    }

    fn entry(&self, operation: &str, version: &str, fields: Fields) -> Entry {
        Entry {
            manager: self.manager.to_owned(),
            operation: operation.to_owned(),
            api_version: version.to_owned(),
            time: self.time.to_owned(),
            fields,
        }
    }

    /// Without what no manager owns.
    fn owned(&self, mut fields: Fields) -> Fields {
        fields.inner.remove("f:apiVersion");
        fields.inner.remove("f:kind");
        if let Some(metadata) = fields.inner.get_mut("f:metadata") {
            metadata.own = false;
            UNOWNED.iter().for_each(|field| drop(metadata.inner.remove(&format!("f:{field}"))));
            if metadata.is_empty() {
                fields.inner.remove("f:metadata");
            }
        }
        fields
    }
}

fn entries(object: &Value) -> Vec<Entry> {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    entries.into_iter().flatten().map(Entry::read).collect()
}

fn take(entries: &mut Vec<Entry>, is_it: impl Fn(&Entry) -> bool) -> Option<Entry> {
    let index = entries.iter().position(is_it)?;
    Some(entries.remove(index))
}

fn without_managers(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    object
}

/// Writes the entries that own something: appliers first, then by time and name. An entry keeps its time when neither
/// the object nor its own fields changed.
fn store(object: &mut Value, before: &[Entry], mut after: Vec<Entry>, changed: bool) {
    after.retain(|entry| !entry.fields.is_empty());
    for entry in &mut after {
        let same = |old: &&Entry| {
            (&old.manager, &old.operation, &old.api_version) == (&entry.manager, &entry.operation, &entry.api_version)
        };
        if let Some(old) = before.iter().find(same).filter(|old| !changed && old.fields == entry.fields) {
            entry.time.clone_from(&old.time);
        }
    }
    after.sort_by(|a, b| {
        let rank = |entry: &Entry| (entry.operation != "Apply", entry.time.clone(), entry.manager.clone());
        rank(a).cmp(&rank(b))
    });
    object["metadata"]["managedFields"] = after.iter().map(Entry::write).collect();
}
