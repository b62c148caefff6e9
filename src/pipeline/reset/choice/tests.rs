//! What goes and what stays, object by object.

use serde_json::{Value, json};

use super::*;
use crate::release::{Action, Author, Intent};
use crate::render::Object;

/// The uid that the release before has recorded.
const RECORDED: &str = "recorded";

/// A plan with a Deployment, a StatefulSet, a Secret, media and backups.
fn plan() -> Plan {
    let mut plan = Plan::default();
    for (phase, manifest) in [
        (Phase::Config, json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keyboss-secrets"}})),
        (Phase::Config, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "keyboss"}})),
        (Phase::Stateful, set("postgres")),
        (Phase::Migration, claim("media")),
        (Phase::Deployments, json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api"}})),
        (Phase::Backup, claim("postgres-backup")),
    ] {
        plan.add(phase, Object::new("a manifest".to_owned(), manifest).unwrap()).unwrap();
    }
    plan
}

fn set(name: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name},
           "spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]}})
}

fn claim(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
           "spec": {"resources": {"requests": {"storage": "1Gi"}}, "volumeName": format!("pv-{name}")}})
}

fn object(kind: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}})
}

/// The same object, managed by keyboss.
fn ours(object: Value) -> Value {
    with(object, "/metadata/labels", json!({"app.kubernetes.io/managed-by": "keyboss"}))
}

/// The same object, as the server's books have it when keyboss has applied it.
fn applied(object: Value) -> Value {
    let entry = json!({"manager": "keyboss", "operation": "Apply", "fieldsV1": {"f:spec": {}}});
    with(object, "/metadata/managedFields", json!([entry]))
}

fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    object.pointer_mut(parent).unwrap()[field] = value;
    object
}

fn live(objects: Vec<Value>) -> Live {
    let mut live = Live::default();
    for mut object in objects {
        let text = |field: &Value| field.as_str().unwrap().to_owned();
        let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(format!("uid-{name}"));
        }
        live.insert(&kind, &name, object);
    }
    live
}

fn journal(action: Action, objects: &[(&str, &str)]) -> Journal {
    let owned = |(object, uid): &(&str, &str)| ((*object).to_owned(), (*uid).to_owned());
    let started = jiff::Timestamp::UNIX_EPOCH;
    Journal { objects: objects.iter().map(owned).collect(), ..Journal::new(1, action, started, Author::default()) }
}

fn names(list: &[Doomed]) -> Vec<String> {
    list.iter().map(|doomed| doomed.id.to_string()).collect()
}

#[test]
fn what_keyboss_made_goes_and_nothing_else() {
    let uid = |object: Value, uid: &str| with(object, "/metadata/uid", json!(uid));
    let controlled = json!([{"kind": "CronJob", "name": "b", "uid": "b", "controller": true}]);
    let record = json!({"app.kubernetes.io/managed-by": "keyboss", "app.kubernetes.io/name": "keyboss-release"});
    let table: Vec<(&str, Value, bool)> = vec![
        ("ours, of the plan", ours(object("Deployment", "api")), true),
        ("our Secret", ours(object("Secret", "keyboss-secrets")), true),
        ("ours, recorded, no longer in the plan", uid(ours(object("Service", "old")), RECORDED), true),
        ("ours, recorded, of a kind that is not in the plan", uid(ours(object("DaemonSet", "old")), RECORDED), true),
        ("ours by the server's books, though no record is left", applied(ours(object("ConfigMap", "older"))), true),
        ("a label that somebody has copied", ours(object("Deployment", "copy")), false),
        ("a label that somebody has copied, on another kind", ours(object("DaemonSet", "copy")), false),
        ("foreign", object("Deployment", "theirs"), false),
        ("foreign, of a name of the plan", object("Deployment", "api"), false),
        ("foreign, with a recorded uid but without our label", uid(object("Service", "x"), RECORDED), false),
        ("foreign Secret", object("Secret", "ksm-kubeconfig"), false),
        ("a Job of our CronJob", with(ours(object("Job", "b-1")), "/metadata/ownerReferences", controlled), false),
        ("the lock", applied(ours(object("ConfigMap", LOCK_NAME))), false),
        ("the lock as a Lease", applied(ours(object("Lease", LOCK_NAME))), false),
        ("a record", with(applied(object("Secret", "keyboss-release-1")), "/metadata/labels", record.clone()), false),
        ("a journal", with(applied(object("ConfigMap", "keyboss-release-1")), "/metadata/labels", record), false),
        ("the Namespace", applied(ours(object("Namespace", "keyboss"))), false),
    ];
    let recorded = [journal(Action::Deploy, &[("Service old", RECORDED)])];
    for (what, object, goes) in table {
        let choice = choose(&plan(), &live(vec![object]), &recorded, true);
        assert_eq!(choice.doomed.len(), usize::from(goes), "{what}: {choice:?}");
        assert_eq!(choice.kept, [], "{what}");
    }
}

#[test]
fn the_claims_of_our_stateful_sets_go_with_their_data() {
    let claims = ["data-postgres-0", "data-postgres-12", "data-postgres-x", "data-postgres-", "log-postgres-0", "data"];
    let goes = |set: Option<Value>, journals: &[Journal]| {
        let objects = claims.iter().map(|name| claim(name)).chain(set).collect();
        let mut names = names(&choose(&plan(), &live(objects), journals, false).doomed);
        names.retain(|name| name.starts_with(CLAIM));
        names
    };
    let data = ["PersistentVolumeClaim data-postgres-0", "PersistentVolumeClaim data-postgres-12"];
    assert_eq!(goes(Some(ours(set("postgres"))), &[]), data);
    assert_eq!(goes(Some(set("postgres")), &[]), [""; 0], "of somebody else's StatefulSet");
    // A person has deleted it, or a reset that was broken off.
    assert_eq!(goes(None, &[journal(Action::Deploy, &[("StatefulSet postgres", "x")])]), data);
    assert_eq!(goes(None, &[]), [""; 0], "keyboss was never here");
    // One that the plan no longer has: the reset that has chosen its claims has deleted it.
    let chosen = [journal(Action::Reset, &[("PersistentVolumeClaim log-postgres-0", "uid-log-postgres-0")])];
    assert_eq!(goes(None, &chosen), ["PersistentVolumeClaim log-postgres-0"]);

    let theirs = json!({"app.kubernetes.io/managed-by": "Helm"});
    let objects = vec![ours(set("postgres")), with(claim("data-postgres-0"), "/metadata/labels", theirs)];
    assert_eq!(names(&choose(&plan(), &live(objects), &[], false).doomed), ["StatefulSet postgres"]);
}

#[test]
fn the_backups_stay_unless_they_are_to_go() {
    let mut renamed = journal(Action::Deploy, &[("PersistentVolumeClaim dumps", "uid-dumps")]);
    let id = id(&claim("dumps"));
    renamed.intended = vec![Intent { phase: Phase::Backup, id, change: "created".to_owned() }];
    let told = with(ours(claim("postgres-backup")), "/metadata/deletionTimestamp", json!("2026-01-01T00:00:00Z"));
    let (media, backup) = ("PersistentVolumeClaim media", "PersistentVolumeClaim postgres-backup");
    let dumps = "PersistentVolumeClaim dumps";
    let table: Vec<(Value, bool, Vec<&str>, Vec<&str>)> = vec![
        (ours(claim("postgres-backup")), false, vec![media], vec![backup]),
        (ours(claim("postgres-backup")), true, vec![media, backup], vec![]),
        (claim("postgres-backup"), true, vec![media], vec![]),
        // Those of an earlier release are backups as well.
        (ours(claim("dumps")), false, vec![media], vec![dumps]),
        (ours(claim("dumps")), true, vec![dumps, media], vec![]),
        // It is too late for that.
        (told, false, vec![media, backup], vec![]),
    ];
    for (object, with_backups, doomed, kept) in table {
        let words = object.to_string();
        let objects = live(vec![ours(claim("media")), object]);
        let choice = choose(&plan(), &objects, std::slice::from_ref(&renamed), with_backups);
        assert_eq!(
            (names(&choice.doomed), names(&choice.kept)),
            (doomed.into_iter().map(str::to_owned).collect(), kept.into_iter().map(str::to_owned).collect(),),
            "{words}, with_backups {with_backups}"
        );
    }
}

#[test]
fn a_claim_is_chosen_with_its_size_and_its_volume() {
    let objects = live(vec![ours(claim("media")), ours(object("Deployment", "api"))]);
    let choice = choose(&plan(), &objects, &[], false);
    let told: Vec<_> =
        choice.doomed.iter().map(|one| (one.uid.as_str(), one.size.as_deref(), one.volume.as_deref())).collect();
    assert_eq!(told, [("uid-api", None, None), ("uid-media", Some("1Gi"), Some("pv-media"))]);
}
