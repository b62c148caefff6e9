//! Records of releases, as tables.

mod applied;
mod as_applied;
mod journal;
mod restore;
mod retention;
mod snapshot;
mod target;

use std::collections::BTreeMap;

use super::{Action, Author, Journal, State};
use crate::render::ObjectId;

fn id(kind: &str, name: &str) -> ObjectId {
    ObjectId { api_version: "v1".into(), kind: kind.into(), name: name.into() }
}

/// A release that tells nothing but how it ended.
fn journal(release: u64, state: State, content: &str) -> Journal {
    Journal {
        release,
        action: Action::Deploy,
        state,
        started: "2026-01-02T12:00:00Z".parse().unwrap(),
        finished: None,
        author: Author::default(),
        environment: "local".into(),
        keyboss: "0.1.0".into(),
        commit: None,
        images: BTreeMap::new(),
        content: content.into(),
        phases: Vec::new(),
        intended: Vec::new(),
        written: Vec::new(),
        objects: BTreeMap::new(),
        message: None,
    }
}
