//! Objects as the server answered, in the types that readiness looks at.

use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;

use super::preconditions::identity;
use crate::cluster::{FIELD_MANAGER, last_change};
use crate::readiness::{Kind, Target, World, Write};
use crate::render::{Object, ObjectId};

/// A [`World`] of these objects and no others.
pub fn world<'a>(objects: impl IntoIterator<Item = &'a Value>) -> World {
    let mut world = World::default();
    for object in objects {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        match object["kind"].as_str() {
            Some("Deployment") => insert(&mut world.deployments, name, object),
            Some("StatefulSet") => insert(&mut world.stateful_sets, name, object),
            Some("Job") => insert(&mut world.jobs, name, object),
            Some("PersistentVolumeClaim") => insert(&mut world.claims, name, object),
            Some("Service") => insert(&mut world.services, name, object),
            Some("ScaledObject") => insert(&mut world.scaled_objects, name, object),
            _ => {}
        }
    }
    world
}

fn insert<T: DeserializeOwned>(into: &mut std::collections::BTreeMap<String, Arc<T>>, name: String, object: &Value) {
    if let Ok(typed) = T::deserialize(object) {
        into.insert(name, Arc::new(typed));
    }
}

/// What has to become ready of an object that is there already; None for what is ready once applied.
pub fn target(object: &Object, live: &Value) -> Option<Target> {
    written(&object.id, live, false)
}

/// What has to become ready of an object that was written; `changed` says whether the write changed it.
pub fn written(id: &ObjectId, after: &Value, changed: bool) -> Option<Target> {
    let kind = Kind::of(&id.api_version, &id.kind)?;
    let (uid, generation) = identity(after);
    let created = || after["metadata"]["creationTimestamp"].as_str()?.parse().ok();
    let at = last_change(after, FIELD_MANAGER).or_else(created);
    Some(Target { kind, name: id.name.clone(), write: Write { uid, generation, changed, at } })
}
