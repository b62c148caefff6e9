//! The rules, against objects written by hand in the shape of Kubernetes 1.20: `objects/*.json`, and
//! each test changes what it is about by a JSON merge patch.

mod blocked;
mod claim;
mod crash_loop;
mod deployment;
mod identity;
mod images;
mod job;
mod pods;
mod revision;
mod scaled_object;
mod service;
mod stateful_set;
mod warning;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;

/// When the write of every scene happened.
const WRITTEN: &str = "2026-11-22T11:00:00Z";

/// A recorded object, changed.
fn recorded(name: &str, patch: Value) -> Value {
    let text = match name {
        "claim" => include_str!("objects/claim.json"),
        "deployment" => include_str!("objects/deployment.json"),
        "event" => include_str!("objects/event.json"),
        "job" => include_str!("objects/job.json"),
        "pod" => include_str!("objects/pod.json"),
        "replica_set" => include_str!("objects/replica_set.json"),
        "service" => include_str!("objects/service.json"),
        "stateful_set" => include_str!("objects/stateful_set.json"),
        other => panic!("no recorded {other}"),
    };
    let mut object = serde_json::from_str(text).expect("recorded objects are JSON");
    merge(&mut object, patch);
    object
}

/// RFC 7386.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let fields = target.as_object_mut().expect("just made one");
    for (name, value) in patch {
        match value {
            Value::Null => {
                fields.remove(&name);
            }
            value => merge(fields.entry(name).or_insert(Value::Null), value),
        }
    }
}

/// One target, its world, and the memory of those who look at it.
struct Scene {
    target: Target,
    world: World,
    memory: Memory,
}

impl Scene {
    /// A target that our write has just changed, alone in the world.
    fn new(kind: Kind, object: Value) -> Scene {
        let text = |path| object.pointer(path).and_then(Value::as_str);
        let target = Target {
            kind,
            name: text("/metadata/name").expect("has a name").to_owned(),
            write: Write {
                uid: text("/metadata/uid").expect("has a uid").to_owned(),
                generation: object["metadata"]["generation"].as_i64().unwrap_or(0),
                changed: true,
                at: Some(WRITTEN.parse().expect("is a time")),
            },
        };
        let mut scene = Scene { target, world: World::default(), memory: Memory::default() };
        scene.put(object);
        scene
    }

    /// A Deployment in the middle of its rollout, with its new ReplicaSet.
    fn rollout() -> Scene {
        let status = json!({"status": {"updatedReplicas": 1, "availableReplicas": 1}});
        let mut scene = Scene::new(Kind::Deployment, recorded("deployment", status));
        scene.put(recorded("replica_set", json!({})));
        scene
    }

    /// What a watch delivers.
    fn put(&mut self, object: Value) {
        let name = object["metadata"]["name"].as_str().expect("has a name");
        let name = name.to_owned();
        let world = &mut self.world;
        macro_rules! insert {
            ($map:ident) => {{
                let typed = serde_json::from_value(object).expect("fits its type");
                world.$map.insert(name, Arc::new(typed));
            }};
        }
        match object["kind"].as_str() {
            Some("Deployment") => insert!(deployments),
            Some("StatefulSet") => insert!(stateful_sets),
            Some("Job") => insert!(jobs),
            Some("PersistentVolumeClaim") => insert!(claims),
            Some("Service") => insert!(services),
            Some("ScaledObject") => insert!(scaled_objects),
            Some("ReplicaSet") => insert!(replica_sets),
            Some("Pod") => insert!(pods),
            Some("Event") => insert!(events),
            other => panic!("no map for {other:?}"),
        }
    }

    /// An event about the object with this uid, `seconds` after the write.
    fn event(&mut self, uid: &str, seconds: u32, reason: &str, message: &str) {
        let at = format!("2026-11-22T11:{:02}:{:02}Z", seconds / 60, seconds % 60);
        self.put(recorded(
            "event",
            json!({
                "metadata": {"name": format!("{uid}.{reason}.{seconds}"), "creationTimestamp": at},
                "firstTimestamp": at,
                "lastTimestamp": at,
                "involvedObject": {"uid": uid},
                "reason": reason,
                "message": message,
            }),
        ));
    }

    /// A container of the recorded pod in this state.
    fn container(&mut self, patch: Value) {
        self.put(pod_with(patch));
    }

    fn look(&mut self, seconds: u64) -> Readiness {
        let now = Duration::from_secs(seconds);
        assess(&self.target, &self.world, &mut self.memory, now)
    }

    #[track_caller]
    fn failure(&mut self, seconds: u64) -> Failure {
        match self.look(seconds) {
            Readiness::Failed(failure) => failure,
            other => panic!("not failed at {seconds} s: {other:?}"),
        }
    }

    #[track_caller]
    fn progress(&mut self, seconds: u64) -> Progress {
        match self.look(seconds) {
            Readiness::InProgress(progress) => progress,
            other => panic!("not in progress at {seconds} s: {other:?}"),
        }
    }

    /// It is only suspicious until `seconds`, and a failure then.
    #[track_caller]
    fn fails_after(&mut self, seconds: u64, reason: Reason) -> Failure {
        let suspicion = self.progress(0).suspicion.expect("is suspicious at once");
        assert_eq!(suspicion.fails_at, Some(Duration::from_secs(seconds)));
        assert_eq!(suspicion.failure.reason, reason);
        self.progress(seconds - 1);
        let failure = self.failure(seconds);
        assert_eq!(failure, suspicion.failure);
        failure
    }

    /// It may be shown, but never becomes a failure.
    #[track_caller]
    fn never_fails(&mut self) -> Progress {
        for seconds in [0, 15, 30, 60, 90, 120, 239] {
            self.progress(seconds);
        }
        let progress = self.progress(3600);
        assert_eq!(progress.suspicion, None);
        progress
    }
}

/// The recorded pod, its only container's status changed and, if given, its state replaced.
fn pod_with(patch: Value) -> Value {
    let mut pod = recorded("pod", json!({}));
    let status = &mut pod["status"]["containerStatuses"][0];
    if patch.get("state").is_some() {
        status["state"] = json!({});
    }
    merge(status, patch);
    pod
}
