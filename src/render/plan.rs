//! What a deploy will apply.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use super::{Object, ObjectId, Phase};

/// Eight phases of objects.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    phases: BTreeMap<Phase, Vec<Object>>,
    /// What is not applied, each with its place in its phase, in that order.
    aside: Vec<(Phase, usize, Object)>,
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

    /// Sets objects aside, so that the plan does not apply them.
    pub(super) fn set_aside(&mut self, ids: &[(Phase, ObjectId)]) {
        for (phase, objects) in &mut self.phases {
            let is_aside = |object: &Object| ids.contains(&(*phase, object.id.clone()));
            let (aside, kept): (Vec<_>, Vec<_>) =
                std::mem::take(objects).into_iter().enumerate().partition(|(_, object)| is_aside(object));
            self.aside.extend(aside.into_iter().map(|(place, object)| (*phase, place, object)));
            *objects = kept.into_iter().map(|(_, object)| object).collect();
        }
    }

    /// The objects that were set aside.
    pub fn aside(&self) -> impl Iterator<Item = (Phase, &Object)> {
        self.aside.iter().map(|(phase, _, object)| (*phase, object))
    }

    /// The plan with what was set aside back in its place.
    pub fn whole(&self) -> Self {
        let mut whole = Self { phases: self.phases.clone(), aside: Vec::new() };
        for (phase, place, object) in &self.aside {
            whole.phases.entry(*phase).or_default().insert(*place, object.clone());
        }
        whole
    }

    /// The object of that kind and name.
    pub fn get(&self, id: &ObjectId) -> Option<&Object> {
        self.objects().map(|(_, object)| object).find(|object| object.id.kind == id.kind && object.id.name == id.name)
    }
}
