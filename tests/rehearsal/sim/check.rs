//! What holds after every run, by the cluster's own objects.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use k8s_openapi::api::coordination::v1::Lease;
use keyboss::pipeline::{Ending, Event};
use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::kinds::{KINDS, Kind};
use keyboss::release::{Journal, State};
use serde_json::Value;

use super::act::Said;
use super::scene::{Scene, UPGRADE};
use crate::stage::rendered;

/// Kinds that a rollback leaves as they are.
const STAY: [&str; 5] = ["StatefulSet", "PersistentVolumeClaim", "Secret", "Job", "Namespace"];
/// Who takes locks away.
pub const THIEF: &str = "a thief";
/// Kinds that controllers make.
const MADE: [&str; 4] = ["Pod", "Endpoints", "Event", "ReplicaSet"];

/// Every object that keyboss deploys, less what the server and controllers write.
#[derive(Debug)]
pub struct Dump {
    objects: BTreeMap<String, Value>,
    /// The newest release.
    release: Option<u64>,
}

impl Dump {
    /// Of what is there now.
    pub fn of(face: &Face) -> Self {
        let server = face.server();
        let mut objects = BTreeMap::new();
        let kinds = KINDS.iter().filter(|kind| !MADE.contains(&kind.kind) && kind.kind != "Lease");
        for kind in kinds {
            for object in server.store().list(kind, "").filter(|object| !is_record(object)) {
                let name = format!("{} {}", kind.kind, object["metadata"]["name"].as_str().unwrap());
                objects.insert(name, essence(object));
            }
        }
        drop(server);
        Self { objects, release: last(face).map(|journal| journal.release) }
    }

    /// Where another state differs, as far as a rollback should have restored it.
    fn not_restored(&self, after: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let goes_back = |name: &&String| !STAY.iter().any(|kind| name.starts_with(&format!("{kind} ")));
        for name in self.objects.keys().chain(after.objects.keys()).filter(goes_back) {
            match (self.objects.get(name), after.objects.get(name)) {
                (Some(was), Some(is)) if is_as_before(was, is) => {}
                (Some(_), Some(_)) => found.push(format!("{name} is not as before")),
                (Some(_), None) => found.push(format!("{name} is gone")),
                (None, _) => found.push(format!("{name} is left over")),
            }
        }
        for (name, was) in self.objects.iter().filter(|(name, _)| name.starts_with("Secret ")) {
            let is = after.objects.get(name).map(|after| &after["data"]);
            let keeps = |(key, value): (&String, &Value)| is.is_some_and(|is| is[key] == *value);
            if !was["data"].as_object().into_iter().flatten().all(keeps) {
                found.push(format!("{name} has lost a value"));
            }
        }
        for name in
            self.objects.keys().filter(|name| name.starts_with("Persistent") || name.starts_with("StatefulSet "))
        {
            if after.objects.get(name).is_none_or(|is| is["uid"] != self.objects[name]["uid"]) {
                found.push(format!("{name} is not the one it was"));
            }
        }
        found.sort();
        found.dedup();
        found
    }
}

fn is_record(object: &Value) -> bool {
    matches!(object["metadata"]["labels"]["app.kubernetes.io/name"].as_str(), Some("keyboss-release"))
}

/// Keys that a ConfigMap gained stay.
fn is_as_before(was: &Value, is: &Value) -> bool {
    let mut is = is.clone();
    if let (Some(was), Some(Value::Object(is))) = (was["data"].as_object(), is.get_mut("data")) {
        is.retain(|key, _| was.contains_key(key));
    }
    *was == is
}

fn essence(object: &Value) -> Value {
    let mut object = object.clone();
    let uid = object["metadata"]["uid"].clone();
    let map = object.as_object_mut().unwrap();
    map.remove("status");
    let metadata = map["metadata"].as_object_mut().unwrap();
    for field in ["managedFields", "resourceVersion", "generation", "creationTimestamp"] {
        metadata.remove(field);
    }
    if let Some(notes) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        notes.remove("deployment.kubernetes.io/revision");
    }
    map.insert("uid".to_owned(), uid);
    object
}

/// Checks that what is there fits what was said.
pub async fn check(face: &Face, scene: Scene, said: &Said, before: &Dump, events: &[Event], stolen: bool, what: &str) {
    let after = Dump::of(face);
    // Of this release, if it has come to be one.
    let state = last(face).filter(|journal| Some(journal.release) != before.release).map(|journal| journal.state);
    let first = scene == Scene::First;
    match said {
        Said::Ended(Ending::Done) => {
            // What is no longer needed and could not be deleted is told, and no failure.
            let is_told = |left: &String| {
                let Some(object) = left.strip_suffix(" is left over") else { return false };
                let told = format!("{object} is no longer needed, and could not be deleted: ");
                events.iter().any(|event| matches!(event, Event::Notice { message, .. } if message.starts_with(&told)))
            };
            let left: Vec<String> = unfinished(face, scene).into_iter().filter(|left| !is_told(left)).collect();
            assert_eq!(left, [""; 0], "{what}: said to be done");
            let unchanged = scene == Scene::Unchanged;
            // The last word on it may be the request that failed.
            let known = matches!(state, Some(State::Succeeded | State::Running)) || unchanged;
            assert!(known, "{what}: recorded as {state:?}");
        }
        Said::Ended(Ending::Failed | Ending::Interrupted) if !first => {
            assert_eq!(before.not_restored(&after), [""; 0], "{what}: said to be rolled back");
            let nothing = matches!(said, Said::Ended(Ending::Interrupted)) && state.is_none();
            let known = matches!(state, Some(State::RolledBack | State::Running)) || scene == Scene::Unchanged;
            assert!(known || nothing, "{what}: recorded as {state:?}");
        }
        Said::Ended(Ending::Failed | Ending::Interrupted) => {
            let nothing = matches!(said, Said::Ended(Ending::Interrupted)) && state.is_none();
            let known = matches!(state, Some(State::Kept | State::Running));
            assert!(known || nothing, "{what}: recorded as {state:?}");
        }
        Said::Ended(Ending::Incomplete) => {
            let Some(Event::DeployFinished(finished)) = events.last() else { panic!("{what}: {events:?}") };
            let told = finished.restored.iter().any(|restored| restored.reason.is_some());
            assert!(told || stolen || finished.message.contains("the lock is lost"), "{what}: {finished:?}");
            assert!(matches!(state, Some(State::Incomplete | State::Running)), "{what}: recorded as {state:?}");
        }
        Said::Refused(refused) => {
            assert!(!refused.to_string().is_empty(), "{what}");
            assert_eq!(before.not_restored(&after), [""; 0], "{what}: said to have touched nothing");
        }
        Said::Killed => {}
    }
}

/// The newest release's journal.
fn last(face: &Face) -> Option<Journal> {
    let server = face.server();
    let maps = server.store().list(Kind::named("v1", "ConfigMap").unwrap(), "keyboss");
    let journals = maps.filter(|map| is_record(map)).map(|map| map["data"]["journal"].as_str().unwrap().to_owned());
    let journals = journals.map(|text| serde_json::from_str::<Journal>(&text).unwrap());
    journals.max_by_key(|journal| journal.release)
}

/// Whether nobody holds the lock, or somebody whose time is over: a deploy that changes nothing takes none from him.
pub fn lock_is_free(face: &Face) -> bool {
    let now = face.clock().now();
    let server = face.server();
    let mut leases = server.store().list(Kind::named("coordination.k8s.io/v1", "Lease").unwrap(), "");
    leases.all(|lease| {
        let lease: Lease = serde_json::from_value(Value::clone(lease)).unwrap();
        let spec = lease.spec.unwrap_or_default();
        let seconds = SignedDuration::from_secs(spec.lease_duration_seconds.unwrap_or_default().into());
        let ends = spec.renew_time.map(|renewed| renewed.0 + seconds);
        let is_held = spec.holder_identity.is_some_and(|holder| !holder.is_empty() && holder != THIEF);
        !is_held || ends.is_none_or(|ends| ends <= now)
    })
}

/// What keyboss has written since then, but for its lock.
pub fn writes(face: &Face, since: Duration) -> Vec<String> {
    let received = face.faults().received().into_iter();
    received.filter(|one| one.is_write && one.at >= since).map(|one| one.what).collect()
}

/// Every secret value, plain and as the API holds it.
pub fn secrets(face: &Face) -> Vec<String> {
    let server = face.server();
    let of = server.store().list(Kind::named("v1", "Secret").unwrap(), "").filter(|secret| !is_record(secret));
    let encoded: Vec<String> = of
        .flat_map(|secret| secret["data"].as_object().cloned().unwrap_or_default())
        .filter_map(|(_, value)| value.as_str().map(str::to_owned))
        .collect();
    let plain = encoded.iter().map(|value| String::from_utf8(STANDARD.decode(value).unwrap()).unwrap());
    plain.chain(encoded.iter().cloned()).collect()
}

/// What a success would have to be, by the cluster's own word: objects that are not there or not as rendered, and pods
/// that are not well.
pub fn unfinished(face: &Face, scene: Scene) -> Vec<String> {
    let sets: &[&str] = if scene == Scene::Rollback { &[] } else { scene.sets() };
    let plan = rendered("local", sets).1;
    let server = face.server();
    let live = |version: &str, kind: &str| {
        let kind = Kind::named(version, kind).unwrap();
        server.store().list(kind, "").cloned().collect::<Vec<_>>()
    };
    let mut found = Vec::new();
    for (_, object) in plan.objects().filter(|(_, object)| object.id.kind != "ServiceMonitor") {
        let group = object.id.api_version.split('/').next().unwrap_or_default();
        let kind =
            KINDS.iter().find(|kind| kind.kind == object.id.kind && kind.api_version.starts_with(group)).unwrap();
        let stays = scene == Scene::Rollback && STAY.contains(&kind.kind);
        let there = server.store().list(kind, "").find(|live| live["metadata"]["name"] == object.id.name.as_str());
        match there {
            None if stays => {}
            None => found.push(format!("no {}", object.id)),
            Some(live) if kind.kind == "Deployment" => {
                let image = |object: &Value| object["spec"]["template"]["spec"]["containers"][0]["image"].clone();
                if image(live) != image(&object.value) {
                    found.push(format!("{} has the image {}", object.id, image(live)));
                }
            }
            Some(_) => {}
        }
    }
    if sets != UPGRADE
        && live("networking.k8s.io/v1", "Ingress").iter().any(|ingress| ingress["metadata"]["name"] == "alertmanager")
    {
        found.push("Ingress alertmanager is left over".to_owned());
    }
    for pod in live("v1", "Pod") {
        let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let is_ready = conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
        let is_gone = !pod["metadata"]["deletionTimestamp"].is_null();
        let has_ended = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        if !is_ready && !is_gone && !has_ended {
            found.push(format!("pod {} is not Ready", pod["metadata"]["name"]));
        }
    }
    for deployment in live("apps/v1", "Deployment") {
        let (spec, status) = (&deployment["spec"], &deployment["status"]);
        let wanted = spec["replicas"].as_u64().unwrap_or(1);
        if status["updatedReplicas"] != wanted || status["availableReplicas"] != wanted {
            found.push(format!("Deployment {} is not rolled out", deployment["metadata"]["name"]));
        }
    }
    found
}
