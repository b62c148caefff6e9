//! The journal as it is written.

use std::collections::BTreeMap;

use serde_json::json;

use super::{id, journal};
use crate::release::{Action, Author, Intent, Journal, PhaseEntry, State, Written};
use crate::render::Phase;

#[test]
fn a_journal_is_written_and_read() {
    let (config, map) = (Phase::Config, id("ConfigMap", "keyboss-config"));
    let whole = Journal {
        action: Action::Rollback { to: 3 },
        finished: Some("2026-01-02T12:01:05.5Z".parse().unwrap()),
        author: Author { user: "ana".into(), host: "laptop".into(), job: Some("https://ci.example/7".into()) },
        commit: Some("0123abc".into()),
        images: BTreeMap::from([("redis".into(), "redis:7".into())]),
        phases: vec![PhaseEntry { phase: config, outcome: "done".into(), seconds: 0.4 }],
        intended: vec![Intent { phase: config, id: map.clone(), change: "changed".into() }],
        written: vec![Written { id: map, uid: "u".into(), generation: 2 }],
        objects: BTreeMap::from([("ConfigMap keyboss-config".into(), "u".into())]),
        message: Some("done".into()),
        ..journal(7, State::Succeeded, "c0ffee")
    };
    for journal in [whole.clone(), journal(1, State::Running, "a"), Journal { action: Action::Reset, ..whole.clone() }]
    {
        let text = serde_json::to_string(&journal).unwrap();
        assert_eq!(serde_json::from_str::<Journal>(&text).unwrap(), journal);
    }
    let expected = json!({
        "release": 7,
        "action": {"what": "rollback", "to": 3},
        "state": "succeeded",
        "started": "2026-01-02T12:00:00Z",
        "finished": "2026-01-02T12:01:05.5Z",
        "author": {"user": "ana", "host": "laptop", "job": "https://ci.example/7"},
        "environment": "local",
        "keyboss": "0.1.0",
        "commit": "0123abc",
        "images": {"redis": "redis:7"},
        "content": "c0ffee",
        "phases": [{"phase": "config", "outcome": "done", "seconds": 0.4}],
        "intended": [{"phase": "config", "change": "changed",
            "id": {"apiVersion": "v1", "kind": "ConfigMap", "name": "keyboss-config"}}],
        "written": [{"uid": "u", "generation": 2,
            "id": {"apiVersion": "v1", "kind": "ConfigMap", "name": "keyboss-config"}}],
        "objects": {"ConfigMap keyboss-config": "u"},
        "message": "done",
    });
    assert_eq!(serde_json::to_value(&whole).unwrap(), expected);
}

#[test]
fn some_are_for_another_run_to_finish() {
    for (state, unfinished) in [
        (State::Running, true),
        (State::Incomplete, true),
        (State::Succeeded, false),
        (State::RolledBack, false),
        (State::Kept, false),
    ] {
        assert_eq!(journal(1, state, "a").is_unfinished(), unfinished, "{state:?}");
    }
}
