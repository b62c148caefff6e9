//! A plan that was saved: what a deploy would change, kept so that another run does exactly that or refuses (`diff --save`,
//! `deploy --plan`).
//!
//! It holds digests, and no value of a secret in any form: a digest would let a short password be guessed, and a salt
//! beside it in the same file would not help. Of a Secret it holds the uid and the `resourceVersion`, which every write
//! of a Secret changes (a Secret has no status), and the names of the keys that are to be written. The checksum on pod
//! templates, which depends on secret values, is left out: what it is taken of is in the plan by itself.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::survey::Survey;
use super::{Options, Prepared, Refused, tidy};
use crate::cluster::{Live, essence, next_release};
use crate::render::{Object, ObjectId, Phase, canonical, insert, unstamp};

/// The format of a plan. Another one is refused.
const FORMAT: u32 = 1;

/// A plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Planned {
    format: u32,
    /// The version of keyboss: another one may deploy the same objects otherwise.
    keyboss: String,
    saved: Timestamp,
    place: Place,
    /// The phases that run.
    phases: Vec<Phase>,
    /// Whether objects of earlier releases are deleted.
    prunes: bool,
    /// The last release that there was, whatever became of it.
    release: u64,
    /// By kind and name.
    objects: BTreeMap<String, Entry>,
    /// The uids of what is deleted, by kind and name.
    deletions: BTreeMap<String, String>,
}

/// Where it is to be deployed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Place {
    environment: String,
    namespace: String,
    server: String,
    /// The uid of namespace kube-system, which no other cluster has; None where it may not be read.
    cluster: Option<String>,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    source: String,
    /// What is to become of it.
    change: String,
    /// A digest of what is applied.
    rendered: String,
    /// The keys of a Secret that are to be written.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    keys: BTreeSet<String>,
    /// What is there.
    live: Option<Mark>,
}

/// A live object, as far as a plan cares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Mark {
    uid: String,
    /// A digest; of a Secret its `resourceVersion`.
    state: String,
}

impl Planned {
    /// The plan of a deploy that was prepared, with what lives there now.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn of(prepared: &Prepared, survey: &Survey, live: &Live, prunes: bool) -> Result<Self, Refused> {
        let request = &prepared.request;
        let place = Place {
            environment: request.environment.name.clone(),
            namespace: prepared.cluster.namespace().to_owned(),
            server: request.connection.server.clone(),
            cluster: prepared.cluster.cluster_uid().await?,
        };
        let entry = |(_, object): (Phase, &Object)| {
            let change = survey.of(&object.id).word().to_owned();
            let entry = Entry {
                source: object.source.clone(),
                change,
                rendered: rendered(object),
                keys: keys(object),
                live: live.get(&object.id).map(|live| mark(object, live)),
            };
            (object.id.to_string(), entry)
        };
        let going = tidy::deletions(prepared, survey, prunes).into_iter();
        Ok(Self {
            format: FORMAT,
            keyboss: env!("CARGO_PKG_VERSION").to_owned(),
            saved: request.clock.now(),
            place,
            phases: prepared.phases().collect(),
            prunes,
            release: next_release(live) - 1,
            objects: prepared.all_objects().map(entry).collect(),
            deletions: going.map(|one| (one.id.to_string(), one.uid)).collect(),
        })
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// When it is none, or one of another version of keyboss.
    pub fn read(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("it is no plan of keyboss: {error}"))?;
        let Some(format) = value["format"].as_u64() else { return Err("it is no plan of keyboss".to_owned()) };
        if format != u64::from(FORMAT) {
            return Err(format!("it is a plan of format {format}, and this version of keyboss reads {FORMAT}"));
        }
        serde_json::from_value(value).map_err(|error| format!("it is no plan of keyboss: {error}"))
    }

    /// The plan as it is kept.
    ///
    /// # Errors
    /// Never in practice.
    pub fn write(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// Refuses a deploy that would not do exactly what was planned. `live` is what lives there now.
    ///
    /// # Errors
    /// Everything that has changed since.
    pub async fn hold(
        &self,
        prepared: &Prepared,
        survey: &Survey,
        live: &Live,
        options: &Options,
    ) -> Result<(), Refused> {
        let changed = self.changed(&Self::of(prepared, survey, live, options.prunes).await?);
        if changed.is_empty() {
            return Ok(());
        }
        Err(Refused::because(format!(
            "the plan of {} no longer holds, and nothing was touched; look again with `keyboss diff --save`:\n  - {}",
            self.saved.strftime("%Y-%m-%d %H:%M:%SZ"),
            changed.join("\n  - ")
        )))
    }

    /// The same with what lives there at this moment.
    ///
    /// # Errors
    /// Everything that has changed since; or that it cannot be read.
    pub async fn still_holds(&self, prepared: &Prepared, survey: &Survey, options: &Options) -> Result<(), Refused> {
        let maps = ObjectId { api_version: "v1".to_owned(), kind: "ConfigMap".to_owned(), name: String::new() };
        let ids = prepared.all_objects().map(|(_, object)| object.id.clone());
        let mut live = prepared.cluster.live(&ids.chain([maps]).collect::<Vec<_>>()).await?;
        // One that was not there was made by this deploy, for its lock lives in it.
        if prepared.namespace_exists
            && let Some(namespace) = prepared.cluster.namespace_object().await?.flatten()
        {
            live.insert("Namespace", prepared.cluster.namespace(), namespace);
        }
        self.hold(prepared, survey, &live, options).await
    }

    /// What is otherwise in another plan, in words.
    fn changed(&self, now: &Self) -> Vec<String> {
        let mut reasons = Vec::new();
        let mut differ = |what: &str, then: &str, is: &str| {
            if then != is {
                reasons.push(format!("it was made {what} {then}, and this is {is}"));
            }
        };
        differ("by keyboss", &self.keyboss, &now.keyboss);
        differ("for environment", &self.place.environment, &now.place.environment);
        differ("for namespace", &self.place.namespace, &now.place.namespace);
        match (&self.place.cluster, &now.place.cluster) {
            (Some(then), Some(is)) => differ("for the cluster whose namespace kube-system has the uid", then, is),
            _ => differ("for the API server", &self.place.server, &now.place.server),
        }
        differ("for phases", &names(&self.phases), &names(&now.phases));
        if !reasons.is_empty() {
            // Of another place everything is otherwise.
            return reasons;
        }
        if self.prunes != now.prunes {
            let (then, is) = if self.prunes { ("with", "without") } else { ("without", "with") };
            reasons.push(format!("it was made {then} --prune, and this deploy is {is}"));
        }
        if self.release != now.release {
            reasons.push(match self.release.max(now.release) {
                newer if newer == now.release => format!("release {newer} was made since"),
                older => format!("release {older}, which was the last one, is gone"),
            });
        }
        for (name, then) in &self.objects {
            match now.objects.get(name) {
                None => reasons.push(format!("{name} ({}) is not rendered any more", then.source)),
                Some(now) => reasons.extend(then.changed(now).into_iter().map(|what| format!("{name} {what}"))),
            }
        }
        let new = now.objects.iter().filter(|(name, _)| !self.objects.contains_key(*name));
        reasons.extend(new.map(|(name, entry)| format!("{name} ({}) was not rendered then", entry.source)));
        // Most often for one of the reasons above.
        if reasons.is_empty() && self.deletions != now.deletions {
            let list = |plan: &Self| plan.deletions.keys().cloned().collect::<Vec<_>>().join(", ");
            reasons.push(format!("other objects would be deleted: then [{}], now [{}]", list(self), list(now)));
        }
        reasons
    }
}

impl Entry {
    fn changed(&self, now: &Self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.rendered != now.rendered {
            reasons.push(format!("({}) is rendered otherwise: a file or a value has changed", now.source));
        }
        match (&self.live, &now.live) {
            (None, Some(_)) => reasons.push("is there now, and was not then".to_owned()),
            (Some(_), None) => reasons.push("was deleted in the cluster".to_owned()),
            (Some(then), Some(now)) if then.uid != now.uid => {
                reasons.push("was deleted and made again in the cluster".to_owned());
            }
            (Some(then), Some(now)) if then.state != now.state => {
                reasons.push("was changed in the cluster".to_owned());
            }
            _ => {}
        }
        if self.keys != now.keys && reasons.is_empty() {
            let list = |keys: &BTreeSet<String>| keys.iter().cloned().collect::<Vec<_>>().join(", ");
            reasons.push(format!(
                "would get other keys: [{}] were planned, now [{}]; supply the same secrets",
                list(&self.keys),
                list(&now.keys)
            ));
        }
        if self.change != now.change && reasons.is_empty() {
            reasons.push(format!("would be {} and was to be {}", now.change, self.change));
        }
        reasons
    }
}

fn names(phases: &[Phase]) -> String {
    phases.iter().map(|phase| phase.name()).collect::<Vec<_>>().join(", ")
}

fn digest(value: &Value) -> String {
    Sha256::digest(canonical(value).as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A digest of what is applied.
fn rendered(object: &Object) -> String {
    let mut value = object.value.clone();
    unstamp(&mut value);
    let initial: Vec<Value> = match object.secret {
        Some(_) => Vec::new(),
        None => object.initial.iter().map(|field| json!([field.pointer, field.value])).collect(),
    };
    digest(&json!([value, initial]))
}

/// The keys of a Secret that are to be written.
fn keys(object: &Object) -> BTreeSet<String> {
    let fields = object.initial.iter().filter(|_| object.secret.is_some());
    fields.map(|field| field.pointer.trim_start_matches("/data/").to_owned()).collect()
}

/// What there is of an object: less initial fields, which others move at any time and a deploy leaves alone.
fn mark(object: &Object, live: &Value) -> Mark {
    let text = |field: &str| live["metadata"][field].as_str().unwrap_or_default().to_owned();
    let state = match object.id.kind.as_str() {
        "Secret" => text("resourceVersion"),
        // Other tools annotate it at any time, and a deploy only puts its labels on.
        "Namespace" => digest(&live["metadata"]["labels"]),
        _ => {
            let mut state = essence(live);
            for field in object.initial.iter().filter(|field| live.pointer(&field.pointer).is_some()) {
                insert(&mut state, &field.pointer, &json!("initial"));
            }
            digest(&state)
        }
    };
    Mark { uid: text("uid"), state }
}

#[cfg(test)]
mod tests;
