//! What the API server does with one write.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::kinds::Kind;
use super::managers::{Refusal, Write};
use super::schema::Schema;
use super::status::Status;
use super::store::{Key, Store};

/// Kinds whose objects count the changes of their spec.
const GENERATIONS: [&str; 6] =
    ["Deployment", "ReplicaSet", "StatefulSet", "PodDisruptionBudget", "Ingress", "NetworkPolicy"];

/// What the server alone writes into an object's metadata.
const KEPT: [&str; 6] =
    ["uid", "creationTimestamp", "resourceVersion", "generation", "deletionTimestamp", "deletionGracePeriodSeconds"];

/// Who writes, and how.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The field manager.
    pub manager: &'a str,
    /// When, as [`written`].
    pub time: &'a str,
    /// Answer only; store nothing.
    pub dry_run: bool,
}

/// A moment as the API writes it: RFC 3339, in whole seconds.
pub fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The rehearsal cluster's API server.
#[derive(Debug, Default)]
pub struct Server {
    store: Store,
    uids: u64,
}

type Answer = Result<Arc<Value>, Status>;

impl Server {
    /// The objects.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// One object.
    ///
    /// # Errors
    /// 404 when it is not there.
    pub fn get(&self, key: &Key) -> Answer {
        self.store.get(key).cloned().ok_or_else(|| Status::not_found(key.kind, &key.name))
    }

    /// Creates an object (POST).
    ///
    /// # Errors
    /// 409 when it is there already; 404 when its namespace is not.
    pub fn create(&mut self, key: &Key, mut object: Value, request: Request) -> Answer {
        if self.store.get(key).is_some() {
            return Err(Status::already_exists(key.kind, &key.name));
        }
        self.update(key, None, &mut object, request)?;
        self.keep(key, None, object, request)
    }

    /// Applies a configuration (<https://kubernetes.io/docs/reference/using-api/server-side-apply/>).
    ///
    /// # Errors
    /// 409 with the fields that others own; 500 for an item without its keys; 404 when the namespace is not there.
    pub fn apply(&mut self, key: &Key, applied: &Value, force: bool, request: Request) -> Answer {
        let live = self.store.get(key).cloned();
        check_version(key, live.as_deref(), applied)?;
        let mut applied = applied.clone();
        if let Some(metadata) = applied.get_mut("metadata").and_then(Value::as_object_mut) {
            if metadata.contains_key("managedFields") {
                return Err(Status::bad_request("metadata.managedFields must be nil".to_owned()));
            }
            metadata.remove("resourceVersion");
        }
        let shape = shape(key.kind)?;
        let write = Write { schema: Schema::v1_20(), shape: &shape, manager: request.manager, time: request.time };
        let object = write.apply(live.as_deref(), &applied, force).map_err(|refusal| match refusal {
            Refusal::Conflict(conflicts) => Status::owned_by_others(&conflicts),
            Refusal::MissingKey(missing) => Status::internal(format!("failed to create typed patch object: {missing}")),
        })?;
        self.keep(key, live, object, request)
    }

    /// Merges a patch into an object (<https://www.rfc-editor.org/rfc/rfc7396>).
    ///
    /// # Errors
    /// 404 when it is not there; 409 when the patch holds another resourceVersion.
    pub fn merge(&mut self, key: &Key, patch: &Value, request: Request) -> Answer {
        let live = self.get(key)?;
        check_version(key, Some(&live), patch)?;
        let mut object = Value::clone(&live);
        json_patch::merge(&mut object, patch);
        self.update(key, Some(&live), &mut object, request)?;
        self.keep(key, Some(live), object, request)
    }

    /// Replaces an object, its status too (PUT).
    ///
    /// # Errors
    /// 404 when it is not there; 409 when it is written for another resourceVersion.
    pub fn replace(&mut self, key: &Key, mut object: Value, request: Request) -> Answer {
        let live = self.get(key)?;
        check_version(key, Some(&live), &object)?;
        self.update(key, Some(&live), &mut object, request)?;
        self.keep(key, Some(live), object, request)
    }

    /// Deletes an object. A pod that runs on a node is told to go; its node ends it.
    ///
    /// # Errors
    /// 404 when it is not there; 409 when it is not the one with the given uid.
    pub fn delete(&mut self, key: &Key, uid: Option<&str>, request: Request) -> Answer {
        let live = self.get(key)?;
        let has = live["metadata"]["uid"].as_str().unwrap_or_default();
        if let Some(asked) = uid.filter(|asked| *asked != has) {
            return Err(Status::other_uid(key.kind, &key.name, asked, has));
        }
        if request.dry_run {
            return Ok(live);
        }
        if let Some(grace) = grace(key, &live) {
            if live["metadata"]["deletionTimestamp"].is_null() {
                let mut object = Value::clone(&live);
                object["metadata"]["deletionTimestamp"] = json!(request.time);
                object["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
                return Ok(self.store.put(key.clone(), object));
            }
            return Ok(live);
        }
        self.store.remove(key);
        Ok(live)
    }

    /// Ends a pod that was told to go.
    pub fn end(&mut self, key: &Key) {
        self.store.remove(key);
    }

    fn update(&self, key: &Key, live: Option<&Value>, object: &mut Value, request: Request) -> Result<(), Status> {
        let shape = shape(key.kind)?;
        let write = Write { schema: Schema::v1_20(), shape: &shape, manager: request.manager, time: request.time };
        object["apiVersion"] = json!(key.kind.api_version);
        object["kind"] = json!(key.kind.kind);
        write.update(live, object);
        Ok(())
    }

    /// Stores what differs from the live state, with what the server itself keeps.
    fn keep(&mut self, key: &Key, live: Option<Arc<Value>>, mut object: Value, request: Request) -> Answer {
        self.check_namespace(key)?;
        let metadata = &mut object["metadata"];
        metadata["name"] = json!(key.name);
        if key.kind.namespaced {
            metadata["namespace"] = json!(key.namespace);
        }
        let kept = live.as_deref().map(|live| live["metadata"].clone());
        let kept = kept.unwrap_or_else(|| {
            self.uids += 1;
            json!({"uid": format!("00000000-0000-4000-8000-{:012}", self.uids), "creationTimestamp": request.time})
        });
        for field in KEPT {
            if let Some(value) = kept.get(field) {
                metadata[field] = value.clone();
            }
        }
        if GENERATIONS.contains(&key.kind.kind) {
            let before = live.as_deref().map_or(&Value::Null, |live| &live["spec"]);
            let changes = u64::from(*before != object["spec"]);
            let generation = kept["generation"].as_u64().unwrap_or(0) + changes;
            object["metadata"]["generation"] = json!(generation);
        }
        match live {
            Some(live) if *live == object => Ok(live),
            _ if request.dry_run => Ok(Arc::new(object)),
            _ => Ok(self.store.put(key.clone(), object)),
        }
    }

    fn check_namespace(&self, key: &Key) -> Result<(), Status> {
        let Some(kind) = Kind::named("v1", "Namespace").filter(|_| key.kind.namespaced) else { return Ok(()) };
        let namespace = Key { kind, namespace: String::new(), name: key.namespace.clone() };
        self.get(&namespace).map(drop)
    }
}

/// The seconds that an object is given to go: only a pod that is on a node and has not ended is given any
/// (k8s:pkg/registry/core/pod/strategy.go, `CheckGracefulDelete`).
fn grace(key: &Key, live: &Value) -> Option<u64> {
    let phase = live["status"]["phase"].as_str().unwrap_or_default();
    let runs = key.kind.kind == "Pod" && live["spec"]["nodeName"].is_string();
    let grace = live["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap_or(30);
    (runs && !matches!(phase, "Succeeded" | "Failed")).then_some(grace)
}

fn shape(kind: &Kind) -> Result<super::schema::Type, Status> {
    Schema::v1_20().kind(kind.api_version, kind.kind).ok_or_else(Status::no_such_place)
}

/// A write that names a resourceVersion holds for that state only.
fn check_version(key: &Key, live: Option<&Value>, written: &Value) -> Result<(), Status> {
    let asked = written.pointer("/metadata/resourceVersion").and_then(Value::as_str).filter(|asked| !asked.is_empty());
    match (asked, live) {
        (Some(asked), Some(live)) if live["metadata"]["resourceVersion"] != asked => {
            Err(Status::conflict(key.kind, &key.name))
        }
        _ => Ok(()),
    }
}
