//! What a deploy will apply.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use super::{Object, ObjectId, Phase};

/// Eight phases of objects.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    phases: BTreeMap<Phase, Vec<Object>>,
}

impl Plan {
    /// Adds an object.
    ///
    /// # Errors
    /// When the plan has an object of that kind and name already.
    pub fn add(&mut self, phase: Phase, object: Object) -> Result<()> {
        if let Some(other) = self.get(&object.id) {
            bail!("{}: {} is in {} already", object.source, object.id, other.source);
        }
        self.phases.entry(phase).or_default().push(object);
        Ok(())
    }

    /// The objects of a phase, in the order of the manifests.
    pub fn phase(&self, phase: Phase) -> &[Object] {
        self.phases.get(&phase).map_or(&[], Vec::as_slice)
    }

    /// Every object with its phase, in order.
    pub fn objects(&self) -> impl Iterator<Item = (Phase, &Object)> {
        self.phases.iter().flat_map(|(phase, objects)| objects.iter().map(|object| (*phase, object)))
    }

    /// Every object, to be changed.
    pub fn objects_mut(&mut self) -> impl Iterator<Item = &mut Object> {
        self.phases.values_mut().flatten()
    }

    /// The object of that kind and name.
    pub fn get(&self, id: &ObjectId) -> Option<&Object> {
        self.objects().map(|(_, object)| object).find(|object| object.id.kind == id.kind && object.id.name == id.name)
    }
}
