//! Who goes, who stays and who is told of: as a table of what lives beside the plan's own autoscaler.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::release::{Action, Author, Intent};
use crate::render::Object;

const OURS: &str = "keyboss";

/// A live autoscaler of Deployment x: who it says manages it, whether keyboss applied it, and who owns it.
fn scaler(kind: &str, name: &str, manager: &str, is_applied: bool, owner: Option<&str>) -> Value {
    let version = if kind == "ScaledObject" { "keda.sh/v1alpha1" } else { "autoscaling/v2" };
    let managers = match is_applied {
        true => json!([{"manager": "keyboss", "operation": "Apply", "fieldsV1": {"f:spec": {"f:scaleTargetRef": {}}}}]),
        false => json!([]),
    };
    let owners: Vec<Value> = owner.iter().map(|uid| json!({"uid": uid, "controller": true})).collect();
    json!({"apiVersion": version, "kind": kind, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "x"}},
        "metadata": {"name": name, "uid": format!("{kind}-{name}"), "managedFields": managers, "ownerReferences": owners,
            "labels": {"app.kubernetes.io/managed-by": manager}}})
}

fn object(kind: &str) -> Object {
    let mut value = scaler(kind, "x", OURS, false, None);
    value["metadata"] = json!({"name": "x"});
    Object::new("a.yaml".to_owned(), value).unwrap()
}

/// A plan that uses the first of these.
fn plan(kinds: &[&str]) -> Plan {
    let mut plan = Plan::default();
    kinds.iter().for_each(|kind| plan.add(Phase::Availability, object(kind)).unwrap());
    plan.settle(|_| None);
    plan
}

fn live(objects: &[Value]) -> Live {
    let mut live = Live::default();
    for object in objects {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        live.insert(&text(&object["kind"]), &text(&object["metadata"]["name"]), object.clone());
    }
    live
}

const HPA: &str = "HorizontalPodAutoscaler";
const SO: &str = "ScaledObject";

/// The plan's kinds, what lives, what goes, and how many are told of.
type Case = (&'static str, &'static [&'static str], Vec<Value>, &'static [&'static str], usize);

#[test]
fn what_goes_and_what_is_told() {
    let own = |kind, name| scaler(kind, name, OURS, true, None);
    let made = |owner| scaler(HPA, "keda-hpa-x", OURS, false, Some(owner));
    let table: [Case; 11] = [
        ("nothing lives", &[SO, HPA], vec![], &[], 0),
        ("its own", &[SO, HPA], vec![own(SO, "x")], &[], 0),
        ("its own, and what KEDA made for it", &[SO, HPA], vec![own(SO, "x"), made("ScaledObject-x")], &[], 0),
        ("the other of the plan", &[SO, HPA], vec![own(HPA, "x")], &["HorizontalPodAutoscaler x"], 0),
        ("both", &[SO, HPA], vec![own(HPA, "x"), own(SO, "x")], &["HorizontalPodAutoscaler x"], 0),
        (
            "of an earlier release; what it owns goes with it",
            &[HPA],
            vec![own(SO, "x"), made("ScaledObject-x")],
            &["ScaledObject x"],
            0,
        ),
        ("what KEDA left behind", &[HPA], vec![made("ScaledObject-gone")], &["HorizontalPodAutoscaler keda-hpa-x"], 0),
        ("what is left of somebody else's", &[HPA], vec![made("ScaledObject-other")], &[], 1),
        (
            "recorded, though nobody knows who applied it",
            &[HPA],
            vec![scaler(SO, "old", OURS, false, None)],
            &["ScaledObject old"],
            0,
        ),
        ("a label that was copied", &[HPA], vec![scaler(SO, "copy", OURS, false, None)], &[], 1),
        ("another tool's", &[SO, HPA], vec![scaler(HPA, "theirs", "helm", false, None)], &[], 1),
    ];
    let mut journal = Journal::new(1, Action::Deploy, Timestamp::UNIX_EPOCH, Author::default());
    for uid in ["ScaledObject-gone", "ScaledObject-old"] {
        journal.objects.insert(uid.to_owned(), uid.to_owned());
    }
    for (what, kinds, objects, going, told) in table {
        let found = rivals(&plan(kinds), &live(&objects), std::slice::from_ref(&journal), Selection::All).unwrap();
        let names: Vec<String> = found.ours.iter().map(|rival| rival.id.to_string()).collect();
        assert_eq!(names, going, "{what}");
        assert_eq!(found.others.len(), told, "{what}: {:?}", found.others);
        for rival in &found.ours {
            assert_eq!((rival.successor.kind.as_str(), rival.phase), (kinds[0], Phase::Availability), "{what}");
            assert!(rival.why().ends_with("x steers Deployment x"), "{}", rival.why());
        }
        let later = rivals(&plan(kinds), &live(&objects), &[], Selection::Only(Phase::Backup)).unwrap();
        assert_eq!(later, Rivals::default(), "{what}: its phase does not run");
    }
}

#[test]
fn somebody_elses_of_a_name_of_ours_is_refused() {
    let theirs = live(&[scaler(HPA, "x", "", false, None)]);
    let refused = rivals(&plan(&[SO, HPA]), &theirs, &[], Selection::All).unwrap_err().to_string();
    assert!(
        refused.contains("HorizontalPodAutoscaler x steers Deployment x") && refused.contains("--adopt"),
        "{refused}"
    );
}

/// Releases, each with how it ended and what it applied; and whether a ScaledObject may live still.
type Releases = (&'static str, Vec<(State, &'static [&'static str])>, bool);

#[test]
fn what_may_live_still() {
    let journal = |state, objects: &[&str]| {
        let mut journal = Journal::new(1, Action::Deploy, Timestamp::UNIX_EPOCH, Author::default());
        journal.state = state;
        journal.objects = objects.iter().map(|object| ((*object).to_owned(), String::new())).collect();
        journal
    };
    let (so, hpa) = (&["ScaledObject x"][..], &["HorizontalPodAutoscaler x"][..]);
    let table: [Releases; 5] = [
        ("nothing was ever deployed", vec![], false),
        ("it is what was deployed", vec![(State::Succeeded, hpa), (State::Succeeded, so)], true),
        ("another one has taken its place", vec![(State::Succeeded, so), (State::Succeeded, hpa)], false),
        ("a release without autoscalers", vec![(State::Succeeded, so), (State::Succeeded, &["Service x"])], true),
        ("one that failed", vec![(State::Succeeded, so), (State::Kept, hpa)], true),
    ];
    for (what, releases, may_live) in table {
        let journals: Vec<Journal> = releases.iter().map(|(state, objects)| journal(*state, objects)).collect();
        assert_eq!(since_settled(&journals).iter().any(|journal| has_made(journal, SO)), may_live, "{what}");
    }
    for (change, has_made_one) in [("created", true), ("changed", true), (DELETED, false)] {
        let mut journal = journal(State::Running, &[]);
        let (phase, change) = (Phase::Availability, change.to_owned());
        journal.intended.push(Intent { phase, id: object(SO).id, change: change.clone() });
        assert_eq!(has_made(&journal, SO), has_made_one, "{change}");
    }
}
