//! Where the records of releases are kept: for each a Secret with its snapshot, written once, and a ConfigMap with its
//! journal (RULES.md T2, T3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::live::to_value;
use super::{Cluster, FIELD_MANAGER, Fault, Live, call};
use crate::release::{Before, Journal, Snapshot};
use crate::render::MANAGED_BY;

/// The value of the label `app.kubernetes.io/name` of every record.
pub const RECORD: &str = "keyboss-release";
/// The label that holds a release's number.
const NUMBER: &str = "keyboss.io/release";
/// The key of the journal in its ConfigMap.
const JOURNAL: &str = "journal";
/// The key of the snapshot in its Secret.
const SNAPSHOT: &str = "snapshot";
/// The largest Secret that the API server takes, less its metadata
/// (<https://kubernetes.io/docs/concepts/configuration/secret/#restriction-data-size>).
const LARGEST: usize = 1024 * 1024 - 16 * 1024;

/// The journals among the ConfigMaps of a namespace, the oldest first. What cannot be read is left out.
pub fn journals(live: &Live) -> Vec<Journal> {
    read(live.of_kind("ConfigMap"))
}

fn read<'a>(maps: impl Iterator<Item = &'a Value>) -> Vec<Journal> {
    let records = maps.filter(|map| map["metadata"]["labels"][NUMBER].is_string());
    let mut journals: Vec<Journal> =
        records.filter_map(|map| serde_json::from_str(map["data"][JOURNAL].as_str()?).ok()).collect();
    journals.sort_by_key(|journal| journal.release);
    journals
}

/// The number of the next release: after that of every record, of those too that cannot be read.
pub fn next_release(live: &Live) -> u64 {
    let numbers = live.of_kind("ConfigMap").filter_map(|map| map["metadata"]["labels"][NUMBER].as_str()?.parse().ok());
    numbers.max().unwrap_or(0) + 1
}

/// The records that cannot be read: of a newer keyboss, or changed by hand.
pub fn unreadable(live: &Live) -> Vec<String> {
    let of_release = |map: &&Value| map["metadata"]["labels"][NUMBER].is_string();
    let records = live.of_kind("ConfigMap").filter(of_release).filter(|map| read(std::iter::once(*map)).is_empty());
    records.filter_map(|map| map["metadata"]["name"].as_str().map(str::to_owned)).collect()
}

/// Whether an object is the record of a release.
pub fn is_record(object: &Value) -> bool {
    object["metadata"]["labels"]["app.kubernetes.io/name"] == RECORD
}

fn name(release: u64) -> String {
    format!("{RECORD}-{release}")
}

fn metadata(release: u64) -> Value {
    json!({"name": name(release), "labels": {
        "app.kubernetes.io/name": RECORD, "app.kubernetes.io/part-of": "keyboss",
        "app.kubernetes.io/managed-by": MANAGED_BY, NUMBER: release.to_string(),
    }})
}

fn typed<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, Fault> {
    serde_json::from_value(value).map_err(|error| Fault::Other(error.to_string()))
}

impl Cluster {
    /// Writes the record of a release that is about to begin: first the snapshot, then the journal that says so.
    ///
    /// # Errors
    /// When the snapshot is too large, or the server takes one of them not.
    pub async fn begin_record(&self, journal: &Journal, snapshot: &Snapshot) -> Result<(), Fault> {
        let packed = snapshot.pack().map_err(|error| Fault::Other(error.to_string()))?;
        if packed.len() > LARGEST {
            let size = |before: &&Before| before.live.as_ref().map_or(0, |live| live.to_string().len());
            let largest =
                snapshot.before.iter().max_by_key(size).map_or_else(String::new, |before| before.id.to_string());
            return Err(Fault::Other(format!(
                "the record of this release would be {} KiB, and a Secret holds 1 MiB; the largest object in it is \
                 {largest}: make that one smaller",
                packed.len() / 1024
            )));
        }
        let secret: Secret = typed(json!({
            "metadata": metadata(journal.release), "type": "keyboss.io/release", "immutable": true,
            "data": {SNAPSHOT: STANDARD.encode(packed)},
        }))?;
        let secrets: Api<Secret> = self.namespaced();
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..Default::default() };
        if let Err(fault) = self.write(secrets.create(&params, &secret)).await {
            if !fault.is_conflict() {
                return Err(fault);
            }
            // A run that died before its journal has left it, or it is ours and only the answer was lost.
            self.forget_secret(journal.release).await?;
            self.write(secrets.create(&params, &secret)).await?;
        }
        let map: ConfigMap = typed(json!({"metadata": metadata(journal.release), "data": {JOURNAL: text(journal)?}}))?;
        let maps: Api<ConfigMap> = self.namespaced();
        match self.write(maps.create(&params, &map)).await {
            Err(fault) if fault.is_conflict() => self.write_journal(journal).await,
            other => other.map(drop),
        }
    }

    /// Writes the journal anew.
    ///
    /// # Errors
    /// When the server does not take it.
    pub async fn write_journal(&self, journal: &Journal) -> Result<(), Fault> {
        let maps: Api<ConfigMap> = self.namespaced();
        let patch = json!({"data": {JOURNAL: text(journal)?}});
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..Default::default() };
        self.write(maps.patch(&name(journal.release), &params, &Patch::Merge(&patch))).await.map(drop)
    }

    /// The journals of all releases, the oldest first. It takes no other right than that to list ConfigMaps.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn journals(&self) -> Result<Vec<Journal>, Fault> {
        let maps: Api<ConfigMap> = self.namespaced();
        let records = ListParams::default().labels(&format!("app.kubernetes.io/name={RECORD}"));
        let list = call(maps.list(&records)).await?;
        let maps: Vec<Value> = list.items.iter().map(to_value).collect::<Result<_, _>>()?;
        Ok(read(maps.iter()))
    }

    /// The Secret with the snapshot of a release; None where it is gone.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn snapshot_secret(&self, release: u64) -> Result<Option<Value>, Fault> {
        let secrets: Api<Secret> = self.namespaced();
        match call(secrets.get(&name(release))).await {
            Ok(secret) => to_value(&secret).map(Some),
            Err(fault) if fault.is_not_found() => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// The snapshot of a release; None where it is gone.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn snapshot(&self, release: u64) -> Result<Option<Snapshot>, Fault> {
        let Some(secret) = self.snapshot_secret(release).await? else { return Ok(None) };
        let packed = secret["data"][SNAPSHOT].as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
        let snapshot = Snapshot::unpack(&packed);
        snapshot.map(Some).map_err(|error| Fault::Other(format!("Secret {}: {error:#}", name(release))))
    }

    /// Deletes the record of a release: its journal last, so that half a record is still known.
    ///
    /// # Errors
    /// When the server does not let it go.
    pub async fn forget_record(&self, release: u64) -> Result<(), Fault> {
        self.forget_secret(release).await?;
        let maps: Api<ConfigMap> = self.namespaced();
        gone(self.write(maps.delete(&name(release), &DeleteParams::default())).await.map(drop))
    }

    async fn forget_secret(&self, release: u64) -> Result<(), Fault> {
        let secrets: Api<Secret> = self.namespaced();
        gone(self.write(secrets.delete(&name(release), &DeleteParams::default())).await.map(drop))
    }

    fn namespaced<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
}

/// What is gone already is as good as deleted.
fn gone(deleted: Result<(), Fault>) -> Result<(), Fault> {
    deleted.or_else(|fault| if fault.is_not_found() { Ok(()) } else { Err(fault) })
}

fn text(journal: &Journal) -> Result<String, Fault> {
    serde_json::to_string(journal).map_err(|error| Fault::Other(error.to_string()))
}
