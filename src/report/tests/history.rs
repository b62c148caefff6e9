//! Releases, for people.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::release::{Action, Author, Intent, Journal, PhaseEntry, State, Written};
use crate::render::{ObjectId, Phase};
use crate::report::history::{list, one};

use super::described::assert_described;

fn journal(release: u64, action: Action, state: State, seconds: Option<i64>) -> Journal {
    let started: Timestamp = "2026-01-02T12:00:05.25Z".parse().unwrap();
    let id = |kind: &str, name: &str| ObjectId { api_version: "v1".into(), kind: kind.into(), name: name.into() };
    let intent = |phase, kind, name, change: &str| Intent { phase, id: id(kind, name), change: change.into() };
    Journal {
        release,
        action,
        state,
        started,
        finished: seconds.map(|seconds| started + SignedDuration::from_secs(seconds)),
        author: Author { user: "ana".into(), host: "laptop".into(), job: Some("https://ci.example/jobs/7".into()) },
        environment: "local".into(),
        keyboss: "0.1.0".into(),
        commit: Some("0123456789abcdef0123456789abcdef01234567".into()),
        images: BTreeMap::from([("saleor".into(), "saleor:3.20".into()), ("redis".into(), "redis:7".into())]),
        content: "c0ffee".into(),
        phases: vec![
            PhaseEntry { phase: Phase::Config, outcome: "done".into(), seconds: 0.4 },
            PhaseEntry { phase: Phase::ServiceMonitors, outcome: "skipped".into(), seconds: 0.0 },
        ],
        intended: vec![
            intent(Phase::Config, "ConfigMap", "keyboss-config", "changed"),
            intent(Phase::Config, "Secret", "keyboss-secrets", "created"),
            intent(Phase::Deployments, "Deployment", "saleor-api", "changed"),
            intent(Phase::Deployments, "Service", "saleor-api", "changed"),
        ],
        written: vec![Written { id: id("ConfigMap", "keyboss-config"), uid: "uid-1".into(), generation: 3 }],
        objects: BTreeMap::from([("ConfigMap keyboss-config".into(), "uid-1".into())]),
        message: Some("deployed to namespace keyboss".into()),
    }
}

#[test]
fn all_releases_are_listed_the_newest_first() {
    let journals = [
        Journal { commit: None, ..journal(9, Action::Deploy, State::Succeeded, Some(65)) },
        journal(10, Action::Reset, State::Succeeded, Some(4)),
        journal(11, Action::Deploy, State::Kept, Some(5)),
        journal(12, Action::Rollback { to: 9 }, State::Succeeded, Some(7)),
        journal(13, Action::Deploy, State::RolledBack, Some(90)),
        journal(14, Action::Deploy, State::Incomplete, Some(91)),
        journal(15, Action::Deploy, State::Running, None),
    ];
    let expected = "\
release  when (UTC)           what           who         environment  commit    took   outcome
15       2026-01-02 12:00:05  deploy         ana@laptop  local        01234567  -      unfinished: under way or broken off
14       2026-01-02 12:00:05  deploy         ana@laptop  local        01234567  1m31s  rollback incomplete
13       2026-01-02 12:00:05  deploy         ana@laptop  local        01234567  1m30s  rolled back
12       2026-01-02 12:00:05  rollback to 9  ana@laptop  local        01234567  7.0s   succeeded (in place)
11       2026-01-02 12:00:05  deploy         ana@laptop  local        01234567  5.0s   failed and left as it was
10       2026-01-02 12:00:05  reset          ana@laptop  local        01234567  4.0s   succeeded
9        2026-01-02 12:00:05  deploy         ana@laptop  local        -         1m05s  succeeded";
    assert_eq!(list(&journals, "keyboss").join("\n"), expected);
    assert_eq!(list(&[], "keyboss"), ["nothing was released to namespace keyboss yet"]);
}

#[test]
fn one_release_is_shown_whole() {
    let expected = "\
release 12, rollback to 9 of environment local: succeeded (in place)
  when     2026-01-02 12:00:05 UTC, took 7.0s
  who      ana@laptop
  CI job   https://ci.example/jobs/7
  commit   0123456789abcdef0123456789abcdef01234567
  keyboss  0.1.0
  message  deployed to namespace keyboss
  images
    redis   redis:7
    saleor  saleor:3.20
  phases
    1 Namespace & config  done     0.4s
    8 ServiceMonitors     skipped
  changes
    1 Namespace & config  created Secret keyboss-secrets; changed ConfigMap keyboss-config
    4 Deployments         changed Deployment saleor-api, Service saleor-api";
    let release = journal(12, Action::Rollback { to: 9 }, State::Succeeded, Some(7));
    assert_eq!(one(&release, true).join("\n"), expected);
}

#[test]
fn one_that_was_broken_off_says_what_it_began() {
    let whole = journal(15, Action::Deploy, State::Running, None);
    let author = Author { job: None, ..whole.author.clone() };
    let (images, phases) = (BTreeMap::new(), Vec::new());
    let broken = Journal { author, commit: None, images, phases, message: None, ..whole };
    let text = one(&broken, false).join("\n");
    assert!(
        text.starts_with("release 15, deploy of environment local: unfinished: under way or broken off\n"),
        "{text}"
    );
    assert!(text.contains("  changes that it began\n    1 Namespace & config  created Secret"), "{text}");
    for absent in ["took", "CI job", "commit", "message", "images", "phases", "uid-1"] {
        assert!(!text.contains(absent), "{absent}: {text}");
    }
}

#[test]
fn the_description_of_its_json_has_every_field() {
    let description = include_str!("../../../docs/json-output.md");
    let section = description.split("\n## ").find(|section| section.starts_with("`keyboss history`\n")).unwrap();
    let value = serde_json::to_value(journal(1, Action::Deploy, State::Succeeded, None)).unwrap();
    assert_described("release", &value);
    let rollback = journal(2, Action::Rollback { to: 1 }, State::Kept, Some(7));
    assert_described("release", &serde_json::to_value(rollback).unwrap());
    for field in value.as_object().unwrap().keys() {
        assert!(section.contains(&format!("`{field}`")), "{field}");
    }
}
