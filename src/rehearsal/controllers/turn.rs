//! A controller's view of the cluster during one step: what there is, what time it is, and its writes.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use serde_json::Value;

use super::super::kinds::{KINDS, Kind};
use super::super::logs::Logs;
use super::super::server::{MANAGER, Request, Server, written};
use super::super::store::Key;
use super::object::is_owned_by;

/// The field manager of the node.
pub const KUBELET: &str = "kubelet";

/// One step of a controller.
#[derive(Debug)]
pub struct Turn<'a> {
    server: &'a mut Server,
    began: Timestamp,
    now: Duration,
    wake: Option<Duration>,
    /// Now, in RFC 3339 and whole seconds.
    pub time: String,
    /// Who writes.
    pub manager: &'static str,
}

impl<'a> Turn<'a> {
    /// A step in a cluster that began at that time, this long ago.
    pub fn new(server: &'a mut Server, began: Timestamp, now: Duration) -> Self {
        let time = written(began.checked_add(now).unwrap_or(began));
        Self { server, began, now, wake: None, time, manager: MANAGER }
    }

    /// How long ago the cluster began.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// The version of the last change.
    pub fn version(&self) -> u64 {
        self.server.store().version()
    }

    /// The version of the last change of any of these kinds; without any, of every kind.
    pub fn changed(&self, kinds: &[&str]) -> u64 {
        let of = KINDS.iter().filter(|kind| kinds.contains(&kind.kind));
        of.map(|kind| self.server.store().changed(kind)).max().unwrap_or_else(|| self.version())
    }

    /// The first moment that somebody waits for, forgotten now.
    pub fn take_wake(&mut self) -> Option<Duration> {
        self.wake.take()
    }

    /// Whether that moment has come; if it has not, the controllers run again when it does.
    pub fn is_due(&mut self, at: Duration) -> bool {
        if at > self.now {
            self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
        }
        at <= self.now
    }

    /// The moment of a timestamp; the beginning for one that is none.
    pub fn moment(&self, timestamp: &Value) -> Duration {
        let at = timestamp.as_str().and_then(|text| text.parse::<Timestamp>().ok());
        at.and_then(|at| Duration::try_from(at.duration_since(self.began)).ok()).unwrap_or_default()
    }

    /// Whether a kind is served.
    pub fn serves(&self, kind: &Value) -> bool {
        KINDS.iter().any(|of| *kind == of.kind && self.server.serves(of))
    }

    /// Every object of a kind, in every namespace.
    pub fn list(&self, kind: &str) -> Vec<Arc<Value>> {
        let kind = KINDS.iter().find(|of| of.kind == kind);
        kind.into_iter().flat_map(|kind| self.server.store().list(kind, "")).cloned().collect()
    }

    /// The objects of a kind whose controller is `owner`.
    pub fn owned_by(&self, kind: &str, owner: &Value) -> Vec<Arc<Value>> {
        self.list(kind).into_iter().filter(|object| is_owned_by(object, owner)).collect()
    }

    /// One object beside another, in the same namespace.
    pub fn beside(&self, object: &Value, kind: &str, name: &str) -> Option<Arc<Value>> {
        let kind = KINDS.iter().find(|of| of.kind == kind)?;
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
        self.server.store().get(&Key { kind, namespace, name: name.to_owned() }).cloned()
    }

    /// Creates an object; None when the server refuses, which a later step may find otherwise.
    pub fn create(&mut self, object: Value) -> Option<Arc<Value>> {
        let key = key(&object)?;
        let request = Request { manager: self.manager, time: &self.time, dry_run: false };
        self.server.create(&key, object, request).ok()
    }

    /// Replaces an object, its status too, unless it is so already; None when the server refuses.
    pub fn put(&mut self, object: Value) -> Option<Arc<Value>> {
        let key = key(&object)?;
        if let Some(live) = self.server.store().get(&key).filter(|live| ***live == object) {
            return Some(Arc::clone(live));
        }
        let request = Request { manager: self.manager, time: &self.time, dry_run: false };
        self.server.replace(&key, object, request).ok()
    }

    /// Writes an object's number of replicas.
    pub fn scale(&mut self, object: &Value, replicas: i64) {
        let request = Request { manager: self.manager, time: &self.time, dry_run: false };
        if let Some(key) = key(object) {
            // Gone already needs none.
            drop(self.server.scale(&key, replicas, request));
        }
    }

    /// Writes an object's status, unless it is so already.
    pub fn set_status(&mut self, object: &Value, status: Value) {
        if object["status"] != status {
            let mut object = object.clone();
            object["status"] = status;
            self.put(object);
        }
    }

    /// Deletes an object: a pod on a node is told to go.
    pub fn delete(&mut self, object: &Value) {
        let request = Request { manager: self.manager, time: &self.time, dry_run: false };
        if let Some(key) = key(object) {
            // Gone already is as good.
            drop(self.server.delete(&key, &self.options(object), request));
        }
    }

    /// Controllers delete the object they have seen, and what it owns goes with it.
    fn options(&self, object: &Value) -> DeleteOptions {
        let uid = object["metadata"]["uid"].as_str().map(str::to_owned);
        DeleteOptions {
            preconditions: Some(Preconditions { uid, resource_version: None }),
            propagation_policy: Some("Background".to_owned()),
            ..DeleteOptions::default()
        }
    }

    /// What the containers have written.
    pub fn logs(&mut self) -> &mut Logs {
        self.server.logs()
    }

    /// Ends a pod that was told to go.
    pub fn end(&mut self, pod: &Value) {
        if let Some(key) = key(pod) {
            self.server.end(&key);
        }
    }
}

fn key(object: &Value) -> Option<Key> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let kind = Kind::named(object["apiVersion"].as_str()?, object["kind"].as_str()?)?;
    let metadata = &object["metadata"];
    Some(Key { kind, namespace: text(&metadata["namespace"]), name: text(&metadata["name"]) })
}
