//! Kinds of which a release has nothing left: their objects are told, and pruned when that is asked for.

use std::collections::BTreeMap;

use keyboss::pipeline::{Ending, Event, Options, Request};
use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::kinds::Kind;
use keyboss::rehearsal::rights::Denial;
use keyboss::rehearsal::store::Key;
use keyboss::render::{Object, Phase};
use serde_json::{Value, json};

use crate::diff::{edit, standing};
use crate::served::Served;
use crate::stage::{face, options, request};
use crate::transaction::{act, histories, object, roll_back_to, run};

/// Of the local shop it leaves no NetworkPolicy.
const WITHOUT: [&str; 2] = ["--set", "networkPolicies.enabled=false"];
const WORDS: &str = "earlier releases had what this one has not; --prune deletes it: ";

fn policy() -> &'static Kind {
    Kind::named("networking.k8s.io/v1", "NetworkPolicy").unwrap()
}

/// The names of the NetworkPolicies.
fn policies(face: &Face) -> Vec<String> {
    let server = face.server();
    let all = server.store().list(policy(), "keyboss");
    all.map(|policy| policy["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

/// Puts a NetworkPolicy there that no release has recorded.
fn put(face: &Face, name: &str, labels: &Value) {
    let key = Key { kind: policy(), namespace: "keyboss".to_owned(), name: name.to_owned() };
    let (api_version, kind) = (policy().api_version, policy().kind);
    let metadata = json!({"name": name, "namespace": "keyboss", "uid": format!("uid-{name}"), "labels": labels});
    let value = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": {"podSelector": {}}});
    face.change(|server| server.adopt(key, value));
}

fn told(served: &Served, command: &str, arguments: &[&str]) -> (i32, String) {
    let (code, printed, error) = served.told(&[&[command, "--local"], &WITHOUT[..], arguments].concat());
    (code, printed + &error)
}

/// How many requests of that form were received, and how many in all, since the last time.
fn requests(face: &Face, what: &str) -> (usize, usize) {
    let received = face.faults().received();
    face.faults().forget();
    (received.iter().filter(|one| one.what == what).count(), received.len())
}

#[test]
fn a_kind_that_is_gone_from_the_plan_is_told_and_pruned_when_asked() {
    let face = standing();
    let served = Served::new(&face, "k3d-x", "keyboss");
    let before = policies(&face);
    assert!(before.len() > 5, "{before:?}");
    let list = "list networkpolicies";
    face.faults().forget();
    let (code, printed, error) = served.told(&["deploy", "--local"]);
    assert!(code == 0 && printed.contains("nothing changed"), "{printed}{error}");
    let (lists, ordinary) = requests(&face, list);
    assert_eq!(lists, 1, "the plan has some, and they are listed once");
    let ours = json!({"app.kubernetes.io/managed-by": "keyboss"});
    put(&face, "theirs", &json!({}));
    put(&face, "copied-label", &ours);

    let (code, text) = told(&served, "deploy", &[]);
    let named: Vec<String> = before.iter().map(|name| format!("NetworkPolicy {name}")).collect();
    assert!(code == 0 && text.contains(&format!("{WORDS}{}\n", named.join(", "))), "{text}");
    assert!(text.contains("nothing changed"), "{text}");
    let (lists, all) = requests(&face, list);
    assert_eq!((lists, all), (1, ordinary), "nothing more is read for them");
    assert_eq!(policies(&face).len(), before.len() + 2);

    let (code, text) = told(&served, "diff", &["--prune"]);
    assert_eq!(code, 1, "{text}");
    for object in &named {
        assert!(text.contains(&format!("- {object} (deleted; no release needs it any more)\n")), "{object}: {text}");
    }
    let (code, text) = told(&served, "deploy", &["--prune"]);
    assert!(code == 0 && text.contains(&format!("{} is deleted", named[0])), "{text}");
    assert_eq!(policies(&face), ["copied-label", "theirs"]);
    let (code, text) = told(&served, "deploy", &["--prune"]);
    assert!(code == 0 && text.contains("nothing changed") && !text.contains("NetworkPolicy"), "{text}");
}

#[test]
fn who_may_not_list_that_kind_deploys_all_the_same() {
    let face = standing();
    let before = policies(&face);
    face.rights().deny(Denial { verb: "*".to_owned(), resource: "networkpolicies".to_owned() });
    let served = Served::new(&face, "k3d-x", "keyboss");
    for arguments in [&[][..], &["--prune"]] {
        let (code, text) = told(&served, "deploy", arguments);
        assert!(code == 0 && text.contains("nothing changed"), "{arguments:?}: {text}");
        let words = "note: earlier releases had objects of kind NetworkPolicy, and this one has none: if there are any \
                     left, they stay, for they cannot be listed: ";
        let (_, why) = text.split_once(words).unwrap_or_else(|| panic!("{arguments:?}: {text}"));
        assert!(why.lines().next().unwrap().contains("networkpolicies.networking.k8s.io is forbidden"), "{why}");
    }
    assert_eq!(policies(&face), before);
    // Nobody goes back to nothing without knowing what goes.
    let reset = served.told(&[&["deploy", "--local", "--reset", "--yes"], &WITHOUT[..]].concat());
    assert!(reset.0 == 2 && reset.2.contains("networkpolicies.networking.k8s.io is forbidden"), "{reset:?}");
    assert_eq!(histories(&face).len(), 1);
}

#[test]
fn a_kind_that_is_not_served_any_more_is_not_missed() {
    let face = standing();
    let served = Served::new(&face, "k3d-x", "keyboss");
    let unchanged = |arguments: &[&str]| {
        face.faults().forget();
        let (code, printed, error) = served.told(&[&["deploy", "--local"], arguments].concat());
        assert!(code == 0 && printed.contains("nothing changed"), "{printed}{error}");
        assert!(!printed.contains("Widget") && !printed.contains("earlier releases"), "{printed}");
        requests(&face, "get apis").0
    };
    let before = unchanged(&[]);
    edit(&face, "v1", "ConfigMap", "keyboss-release-1", |map| {
        let mut journal: Value = serde_json::from_str(map["data"]["journal"].as_str().unwrap()).unwrap();
        let id = json!({"apiVersion": "example.com/v1", "kind": "Widget", "name": "a"});
        let written = journal["written"].as_array_mut().unwrap();
        assert!(written[0]["id"]["apiVersion"].is_string(), "{written:?}");
        written.push(json!({"id": id, "uid": "uid-a", "generation": 1}));
        journal["objects"]["Widget a"] = json!("uid-a");
        map["data"]["journal"] = json!(journal.to_string());
    });
    for arguments in [&[][..], &["--prune"]] {
        assert_eq!(unchanged(arguments), before + 1, "the cluster is asked whether it serves it");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollback_deletes_the_kinds_that_came_with_what_it_leaves() {
    let face = face();
    let _controllers = Controllers::start(&face);
    for sets in [&WITHOUT[1..], &[]] {
        let (ended, _) = run(&face, sets, &options()).await;
        assert!(matches!(ended, Ok(Ending::Done)), "{ended:?}");
    }
    let with = policies(&face);
    assert!(!with.is_empty());
    assert_eq!(roll_back_to(&face, Some(1)).await, Some(1));
    assert_eq!(policies(&face), [""; 0]);
    assert_eq!(roll_back_to(&face, Some(2)).await, Some(2));
    assert_eq!(policies(&face), with);
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_no_manifest_has_any_more_is_asked_for_by_the_record() {
    let face = face();
    let _controllers = Controllers::start(&face);
    let with = || {
        let mut request = request(&face, "local", "k3d-x", &[]);
        let labels = json!({"app.kubernetes.io/managed-by": "keyboss"});
        let value = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                           "metadata": {"name": "extra", "labels": labels}, "spec": {}});
        request.plan.add(Phase::Config, Object::new("extra.yaml".to_owned(), value).unwrap()).unwrap();
        request
    };
    let act = async |request: Request, prunes: bool| -> Vec<Event> {
        let (ended, events) = act(request, &Options { prunes, ..options() }).await;
        assert!(matches!(ended, Ok(Ending::Done)), "{ended:?} {events:?}");
        events
    };
    let is_there = || object(&face, "coordination.k8s.io/v1", "Lease", "extra").is_some();
    act(with(), false).await;
    assert!(is_there());
    let without = || Request { supplied: BTreeMap::new(), ..request(&face, "local", "k3d-x", &[]) };
    let events = act(without(), false).await;
    let is_told =
        |event: &Event| matches!(event, Event::Notice { message, .. } if *message == format!("{WORDS}Lease extra"));
    assert!(events.iter().any(is_told) && is_there(), "{events:?}");
    act(without(), true).await;
    assert!(!is_there() && object(&face, "coordination.k8s.io/v1", "Lease", "keyboss-deploy").is_some());
}
