//! What is no longer as the release in place has applied it: gone, made anew by somebody else, or with fields that somebody
//! else has written since.
//!
//! The server's own books say who wrote which field last, and when
//! (<https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management>). They do not tell of a field
//! that was only taken out, nor of Secrets, which nobody reads here, nor of Jobs, which go when they are done:
//! `keyboss diff` tells those. What Kubernetes and its autoscalers move is none, nor the records of who leads.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::objects::Objects;
use crate::cluster::{FIELD_MANAGER, Fields, INITIAL_FIELD_MANAGER};
use crate::release::Journal;
use crate::render::MANAGED_BY;
use crate::{backup, watchdog};

/// What is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// The release it is compared with.
    pub release: u64,
    /// How many of its objects were looked at.
    pub looked_at: usize,
    /// Those that are otherwise.
    pub objects: Vec<Drifted>,
    /// The kinds that could not be looked at, and why.
    pub unknown: BTreeMap<String, String>,
}

/// An object that is not as it was left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drifted {
    /// Its kind and name.
    pub object: String,
    /// What has become of it.
    pub change: Change,
    /// Who has changed it: field managers.
    pub by: BTreeSet<String>,
    /// When it was changed last.
    pub at: Option<Timestamp>,
    /// Which fields they have written.
    pub fields: Vec<String>,
}

/// What has become of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// It is not there.
    Deleted,
    /// Another one of its name is there, which keyboss has not applied.
    Replaced,
    /// Others have written fields of it.
    Changed,
}

/// Kinds that are not looked at.
const UNSEEN: [&str; 4] = ["Secret", "Job", "Namespace", "PersistentVolumeClaim"];
/// Those of keyboss.
const OURS: [&str; 4] = [FIELD_MANAGER, INITIAL_FIELD_MANAGER, watchdog::FIELD_MANAGER, backup::FIELD_MANAGER];
/// Those of Kubernetes itself, of k3s, which is all of them in one, and of KEDA.
const CONTROLLERS: [&str; 8] = [
    "kube-controller-manager",
    "kube-scheduler",
    "kube-apiserver",
    "kubelet",
    "cloud-controller-manager",
    "k3s",
    "keda",
    "keda-operator",
];
/// Fields that say nothing of what was meant: an order to restart is one of them, and so is kubectl's copy.
const NOISE: [&[&str]; 6] = [
    &["f:status"],
    &["f:metadata", "f:finalizers"],
    &["f:metadata", "f:ownerReferences"],
    &["f:metadata", "f:annotations", "f:deployment.kubernetes.io/revision"],
    &["f:metadata", "f:annotations", "f:kubectl.kubernetes.io/last-applied-configuration"],
    &["f:spec", "f:template", "f:metadata", "f:annotations", "f:kubectl.kubernetes.io/restartedAt"],
];

/// Compares what lives with what a release has left.
pub fn drift(release: &Journal, objects: &Objects) -> Drift {
    let mut drift = Drift {
        release: release.release,
        unknown: objects.unread().map(|(kind, fault)| (kind.to_owned(), fault.to_string())).collect(),
        ..Drift::default()
    };
    let scaled = scaled(objects);
    for (object, uid) in &release.objects {
        let Some((kind, name)) = object.split_once(' ').filter(|(kind, _)| !UNSEEN.contains(kind)) else { continue };
        if !objects.is_read(kind) {
            let why = || "the cluster does not serve it any more".to_owned();
            drift.unknown.entry(kind.to_owned()).or_insert_with(why);
            continue;
        }
        drift.looked_at += 1;
        let found =
            |change| Drifted { object: object.clone(), change, by: BTreeSet::new(), at: None, fields: Vec::new() };
        match objects.named(kind, name) {
            None => drift.objects.push(found(Change::Deleted)),
            Some(live) if live["metadata"]["uid"] != uid.as_str() && !is_applied(live) => {
                let at = live["metadata"]["creationTimestamp"].as_str().and_then(|time| time.parse().ok());
                let by = entries(live).filter(|entry| is_foreign(entry)).map(manager).collect();
                drift.objects.push(Drifted { at, by, ..found(Change::Replaced) });
            }
            Some(live) => {
                let (by, at, fields) = written(live, release.started, scaled.contains(object));
                if !fields.is_empty() {
                    drift.objects.push(Drifted { by, at, fields, ..found(Change::Changed) });
                }
            }
        }
    }
    drift
}

/// Whether keyboss has deployed it.
pub fn is_ours(object: &Value) -> bool {
    object["metadata"]["labels"]["app.kubernetes.io/managed-by"] == MANAGED_BY
}

/// The workloads whose number of pods an autoscaler moves. Where autoscalers cannot be read it may be any.
fn scaled(objects: &Objects) -> BTreeSet<String> {
    let kinds = ["HorizontalPodAutoscaler", "ScaledObject"];
    let all = kinds.iter().filter_map(|kind| objects.of_kind(kind).ok()).flatten();
    let target = |one: &Value| {
        let target = &one["spec"]["scaleTargetRef"];
        format!("{} {}", target["kind"].as_str().unwrap_or("Deployment"), target["name"].as_str().unwrap_or_default())
    };
    let known = all.map(target);
    if objects.is_read(kinds[0]) {
        return known.collect();
    }
    let of_kind = |kind: &'static str| {
        let live = objects.of_kind(kind).unwrap_or_default();
        live.into_iter().map(move |one| format!("{kind} {}", one["metadata"]["name"].as_str().unwrap_or_default()))
    };
    known.chain(of_kind("Deployment")).chain(of_kind("StatefulSet")).collect()
}

/// What others have written since a moment: who, when last, and which fields.
fn written(live: &Value, since: Timestamp, is_scaled: bool) -> (BTreeSet<String>, Option<Timestamp>, Vec<String>) {
    let ours = entries(live).filter(|entry| !is_foreign(entry));
    let ours = ours.fold(Fields::default(), |all, entry| all.union(&Fields::read(&entry["fieldsV1"])));
    let (mut by, mut at, mut all) = (BTreeSet::new(), None, Fields::default());
    for entry in entries(live).filter(|entry| is_foreign(entry)) {
        let time = time(entry);
        // The server's books are in whole seconds.
        if time.is_none_or(|time| time.as_second() < since.as_second()) {
            continue;
        }
        // What two have applied alike is as it was meant.
        let mut fields = Fields::read(&entry["fieldsV1"]).without(&ours);
        for path in NOISE {
            fields.take(&path.iter().map(|&element| element.to_owned()).collect::<Vec<_>>());
        }
        if is_scaled {
            fields.take(&["f:spec".to_owned(), "f:replicas".to_owned()]);
        }
        if !leaves(&fields.write()).is_empty() {
            by.insert(manager(entry));
            at = at.max(time);
            all = all.union(&fields);
        }
    }
    (by, at, leaves(&all.write()))
}

fn entries(live: &Value) -> impl Iterator<Item = &Value> {
    live["metadata"]["managedFields"].as_array().into_iter().flatten()
}

fn manager(entry: &Value) -> String {
    entry["manager"].as_str().unwrap_or_default().to_owned()
}

fn time(entry: &Value) -> Option<Timestamp> {
    entry["time"].as_str()?.parse().ok()
}

fn is_foreign(entry: &Value) -> bool {
    let name = entry["manager"].as_str().unwrap_or_default();
    !OURS.contains(&name) && !CONTROLLERS.contains(&name) && entry["subresource"] != "status"
}

fn is_applied(live: &Value) -> bool {
    entries(live).any(|entry| entry["manager"] == FIELD_MANAGER && entry["operation"] == "Apply")
}

/// The fields of a `fieldsV1` in which there are no others, for people: `spec.template.spec.containers[api].image`.
fn leaves(fields: &Value) -> Vec<String> {
    let inner = |map: &Map<String, Value>| map.iter().filter(|(key, _)| *key != ".").count();
    fn walk(
        path: &str,
        fields: &Map<String, Value>,
        found: &mut Vec<String>,
        inner: &impl Fn(&Map<String, Value>) -> usize,
    ) {
        for (key, value) in fields.iter().filter(|(key, _)| *key != ".") {
            let path = format!("{path}{}", element(key, path.is_empty()));
            match value.as_object().filter(|map| inner(map) > 0) {
                Some(map) => walk(&path, map, found, inner),
                None => found.push(path),
            }
        }
    }
    let mut found = Vec::new();
    if let Some(map) = fields.as_object() {
        walk("", map, &mut found, &inner);
    }
    found
}

/// An element of a path, as people write it.
fn element(key: &str, is_first: bool) -> String {
    match key.split_once(':') {
        Some(("f", name)) if is_first => name.to_owned(),
        Some(("f", name)) if name.contains(['.', '/']) => format!("[{name}]"),
        Some(("f", name)) => format!(".{name}"),
        Some(("k", keys)) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("[{}]", keys.values().map(text).collect::<Vec<_>>().join(","))
        }
        Some((_, value)) => format!("[{}]", value.trim_matches('"')),
        None => format!(".{key}"),
    }
}
