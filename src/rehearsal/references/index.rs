//! The plan as references see it.

use serde_json::Value;

use super::pod::Pod;
use super::{Existing, Field};
use crate::environment::Storage;
use crate::render::{Object, Plan, insert};

/// Every object of a plan with its initial fields in their places, and what is around the plan.
pub struct Index<'a> {
    objects: Vec<(&'a Object, Value)>,
    /// What every claim gets.
    pub storage: &'a Storage,
    existing: &'a Existing,
}

impl<'a> Index<'a> {
    /// Reads the plan.
    pub fn new(plan: &'a Plan, storage: &'a Storage, existing: &'a Existing) -> Self {
        let whole = |object: &'a Object| {
            let mut value = object.value.clone();
            object.initial.iter().for_each(|field| insert(&mut value, &field.pointer, &field.value));
            (object, value)
        };
        Self { objects: plan.objects().map(|(_, object)| whole(object)).collect(), storage, existing }
    }

    /// Every object.
    pub fn objects(&self) -> impl Iterator<Item = Field<'_>> {
        self.objects.iter().map(|(object, value)| Field::root(object, value))
    }

    /// The objects of a kind.
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = Field<'_>> {
        self.objects().filter(move |object| object.kind() == kind)
    }

    /// The object of the plan of that kind and name.
    pub fn get(&self, kind: &str, name: &str) -> Option<Field<'_>> {
        self.of_kind(kind).find(|object| object.object.id.name == name)
    }

    /// Whether there is an object of that kind and name outside of the plan.
    pub fn is_outside(&self, kind: &str, name: &str) -> bool {
        self.existing.has(kind, name)
    }

    /// Whether there is an object of that kind and name, in the plan or outside of it.
    pub fn has(&self, kind: &str, name: &str) -> bool {
        self.get(kind, name).is_some() || self.is_outside(kind, name)
    }

    /// Every pod template.
    pub fn pods(&self) -> impl Iterator<Item = Pod<'_>> {
        self.objects().filter_map(|object| Pod::of(&object))
    }
}
