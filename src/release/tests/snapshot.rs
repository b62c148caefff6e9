//! What is kept of a release.

use serde_json::json;

use super::id;
use crate::release::{Before, Rendered, Snapshot, content, kept};
use crate::render::{InitialField, Phase};

fn rendered(kind: &str, value: serde_json::Value) -> Rendered {
    Rendered { phase: Phase::Deployments, id: id(kind, "thing"), value, initial: Vec::new() }
}

fn snapshot() -> Snapshot {
    let initial = vec![InitialField { pointer: "/spec/replicas".into(), value: json!(2) }];
    let live = Some(json!({"metadata": {"uid": "u"}, "data": {"a": "ö\u{0}\n"}}));
    Snapshot {
        is_first: true,
        rendered: vec![Rendered { initial, ..rendered("Deployment", json!({"spec": {"a": 1}})) }],
        before: vec![
            Before { phase: Phase::Config, id: id("ConfigMap", "a"), live, healthy: None, displaced: false },
            Before {
                phase: Phase::Deployments,
                id: id("Deployment", "b"),
                live: None,
                healthy: Some(false),
                displaced: false,
            },
        ],
    }
}

#[test]
fn a_snapshot_is_packed_and_unpacked() {
    for snapshot in [snapshot(), Snapshot::default()] {
        assert_eq!(Snapshot::unpack(&snapshot.pack().unwrap()).unwrap(), snapshot);
    }
    let value = json!({"spec": {"text": "the same again and again ".repeat(1000)}});
    let large = Snapshot { rendered: vec![rendered("Deployment", value); 100], ..Snapshot::default() };
    assert!(large.pack().unwrap().len() < 64 * 1024);
}

#[test]
fn what_is_no_snapshot_is_said() {
    let packed = snapshot().pack().unwrap();
    let text = |bytes: &[u8]| format!("{:#}", Snapshot::unpack(bytes).unwrap_err());
    assert!(text(b"").contains("not packed by gzip"));
    assert!(text(b"{}").contains("not packed by gzip"));
    assert!(text(&packed[..packed.len() / 2]).contains("not packed by gzip"));
    let mut other = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut other, b"[]").unwrap();
    assert!(text(&other.finish().unwrap()).contains("not a snapshot"));
}

#[test]
fn content_is_what_is_applied_in_any_order() {
    let (a, b) = (rendered("Service", json!({"a": 1, "b": [1, 2]})), rendered("Deployment", json!({"c": 3})));
    let moved = rendered("Service", json!({"b": [1, 2], "a": 1}));
    let digest = content(&[a.clone(), b.clone()]);
    assert_eq!(digest.len(), 16);
    assert_eq!(content(&[b.clone(), moved]), digest);
    let initial = vec![InitialField { pointer: "/spec/replicas".into(), value: json!(2) }];
    assert_eq!(content(&[Rendered { initial, ..a.clone() }, b.clone()]), digest, "initial fields are no content");
    let turned = rendered("Service", json!({"a": 1, "b": [2, 1]}));
    for other in [vec![a.clone()], vec![b.clone(), a, b.clone()], vec![turned, b]] {
        assert_ne!(content(&other), digest, "{other:?}");
    }
}

#[test]
fn a_status_is_not_kept() {
    let live = json!({"kind": "Service", "metadata": {"managedFields": [{}]}, "spec": {}, "status": {"ip": "1"}});
    assert_eq!(kept(&live), json!({"kind": "Service", "metadata": {"managedFields": [{}]}, "spec": {}}));
}

#[test]
fn a_plan_goes_back_to_a_release() {
    let snapshot = snapshot();
    let plan = snapshot.plan("release 7").unwrap();
    let (phase, object) = plan.objects().next().unwrap();
    assert_eq!(
        (phase, &object.value, object.source.as_str()),
        (Phase::Deployments, &json!({"spec": {"a": 1}}), "release 7")
    );
    assert_eq!(Snapshot::rendered(&plan).len(), 1);
    assert_eq!(Snapshot::rendered(&plan)[0].initial, snapshot.rendered[0].initial);
}
