//! What a release applies, and what was there before it: written once, before the first change (RULES.md T2).

use std::io::{Read, Write};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::stays;
use crate::render::{InitialField, Object, ObjectId, Phase, Plan, canonical};

/// A release's snapshot. It holds values of ConfigMaps, and belongs into a Secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Nothing was there that could be gone back to.
    pub is_first: bool,
    /// The objects that a rollback to this release applies.
    pub rendered: Vec<Rendered>,
    /// Every object that this release is about to write or delete, as it was.
    pub before: Vec<Before>,
}

/// One object as it was rendered, with checksums, less its initial fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rendered {
    /// Its phase.
    pub phase: Phase,
    /// Which object.
    pub id: ObjectId,
    /// What is applied.
    pub value: Value,
    /// What is written only while nobody owns it.
    pub initial: Vec<InitialField>,
}

/// One object before a release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Before {
    /// Its phase.
    pub phase: Phase,
    /// Which object.
    pub id: ObjectId,
    /// The live object, with its managed fields and without its status; None: it did not exist.
    pub live: Option<Value>,
    /// Whether it was ready; None for what nobody waits for.
    pub healthy: Option<bool>,
    /// This release deletes it, for another autoscaler takes its place.
    #[serde(default)]
    pub displaced: bool,
}

impl Snapshot {
    /// What a plan applies, less what no rollback touches.
    pub fn rendered(plan: &Plan) -> Vec<Rendered> {
        let kept = plan.objects().filter(|(_, object)| object.namespaced() && !stays(&object.id.kind));
        let rendered = |(phase, object): (Phase, &Object)| Rendered {
            phase,
            id: object.id.clone(),
            value: object.value.clone(),
            initial: object.initial.clone(),
        };
        kept.map(rendered).collect()
    }

    /// The plan of a rollback to this release.
    pub fn plan(&self, source: &str) -> Result<Plan> {
        let mut plan = Plan::default();
        for Rendered { phase, id, value, initial } in self.rendered.clone() {
            let manifest_name = id.name.clone();
            let source = source.to_owned();
            plan.add(phase, Object { id, source, value, initial, secret: None, after: None, manifest_name })?;
        }
        Ok(plan)
    }

    /// Packs it: gzip of JSON.
    ///
    /// # Errors
    /// Never in practice.
    pub fn pack(&self) -> Result<Vec<u8>> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        packer.write_all(&serde_json::to_vec(self)?)?;
        Ok(packer.finish()?)
    }

    /// Unpacks it.
    ///
    /// # Errors
    /// When it is no such thing.
    pub fn unpack(packed: &[u8]) -> Result<Self> {
        let mut text = Vec::new();
        GzDecoder::new(packed).read_to_end(&mut text).context("it is not packed by gzip")?;
        serde_json::from_slice(&text).context("it is not a snapshot of a release")
    }
}

/// A digest of what a rollback to a release applies.
pub fn content(rendered: &[Rendered]) -> String {
    let mut digest = Sha256::new();
    let mut texts: Vec<String> = rendered.iter().map(|one| canonical(&one.value)).collect();
    texts.sort_unstable();
    texts.iter().for_each(|text| digest.update(text.as_bytes()));
    digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// An object as a snapshot keeps it.
pub fn kept(live: &Value) -> Value {
    let mut live = live.clone();
    if let Some(map) = live.as_object_mut() {
        map.remove("status");
    }
    live
}
