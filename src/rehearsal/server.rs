//! What the API server does with one write.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde_json::{Value, json};

use super::admission;
use super::defaults;
use super::deletion::{self, Deletion};
use super::kinds::Kind;
use super::logs::{Logs, Part};
use super::managers::{Refusal, Write};
use super::schema::Schema;
use super::status::Status;
use super::store::{Key, Store};

/// Kinds whose objects count the changes of their spec.
const GENERATIONS: [&str; 7] =
    ["Deployment", "ReplicaSet", "StatefulSet", "PodDisruptionBudget", "Ingress", "NetworkPolicy", "ScaledObject"];

/// What the server alone writes into an object's metadata.
const KEPT: [&str; 6] =
    ["uid", "creationTimestamp", "resourceVersion", "generation", "deletionTimestamp", "deletionGracePeriodSeconds"];

/// The field manager of the controllers.
pub const MANAGER: &str = "kube-controller-manager";

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
#[derive(Clone, Debug, Default)]
pub struct Server {
    store: Store,
    logs: Logs,
    uids: u64,
    /// The kinds that were installed.
    extensions: BTreeSet<&'static Kind>,
}

type Answer = Result<Arc<Value>, Status>;

impl Server {
    /// Serves a kind that a plain cluster lacks.
    pub fn install(&mut self, kind: &'static Kind) {
        self.extensions.insert(kind);
    }

    /// Serves a kind no more. Its objects go with it, and so do finalizers that nobody answers
    /// (<https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#delete-a-customresourcedefinition>).
    pub fn uninstall(&mut self, kind: &'static Kind) {
        self.extensions.remove(kind);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let names = |object: &Arc<Value>| (text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]));
        let objects: Vec<(String, String)> = self.store.list(kind, "").map(names).collect();
        objects.into_iter().for_each(|(namespace, name)| self.end(&Key { kind, namespace, name }));
    }

    /// Whether it serves a kind.
    pub fn serves(&self, kind: &Kind) -> bool {
        !kind.is_extension() || self.extensions.contains(kind)
    }

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
            if let Some(asked) = metadata.remove("uid").as_ref().and_then(Value::as_str) {
                match &live {
                    None => return Err(Status::is_gone(key.kind, &key.name, asked)),
                    Some(live) if live["metadata"]["uid"] != asked => {
                        return Err(Status::is_another(key.kind, &key.name, asked));
                    }
                    Some(_) => {}
                }
            }
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

    /// Patches an object (<https://www.rfc-editor.org/rfc/rfc6902>).
    ///
    /// # Errors
    /// 404 when it is not there; 400 for what is no such patch; 422 when a test of it fails or its place is not there.
    pub fn patch(&mut self, key: &Key, patch: Value, request: Request) -> Answer {
        let live = self.get(key)?;
        let patch: json_patch::Patch =
            serde_json::from_value(patch).map_err(|error| Status::bad_request(error.to_string()))?;
        let mut object = Value::clone(&live);
        json_patch::patch(&mut object, &patch).map_err(|_| Status::unprocessable())?;
        check_version(key, Some(&live), &object)?;
        self.update(key, Some(&live), &mut object, request)?;
        self.keep(key, Some(live), object, request)
    }

    /// Replaces an object for a client (PUT), who has no hand in its status.
    ///
    /// # Errors
    /// As [`Self::replace`]; 400 for an object of another name.
    pub fn write(&mut self, key: &Key, mut object: Value, request: Request) -> Answer {
        if let Some(name) = object["metadata"]["name"].as_str().filter(|name| *name != key.name) {
            return Err(Status::other_name(name, &key.name));
        }
        let status = self.get(key)?.get("status").cloned();
        if let Some(map) = object.as_object_mut() {
            map.remove("status");
            map.extend(status.map(|status| ("status".to_owned(), status)));
        }
        self.replace(key, object, request)
    }

    /// Replaces an object, its status too.
    ///
    /// # Errors
    /// 404 when it is not there; 409 when it is written for another resourceVersion.
    pub fn replace(&mut self, key: &Key, mut object: Value, request: Request) -> Answer {
        let live = self.get(key)?;
        check_version(key, Some(&live), &object)?;
        // Nobody asks who owns a status: most writes are of that kind, and this makes them quick.
        if !is_status_alone(&live, &object) {
            self.update(key, Some(&live), &mut object, request)?;
        }
        self.keep(key, Some(live), object, request)
    }

    /// Writes the number of replicas for an autoscaler, whose hand leaves no trace in 1.20: the field's owner stays.
    ///
    /// # Errors
    /// 404 when it is not there.
    pub fn scale(&mut self, key: &Key, replicas: i64, request: Request) -> Answer {
        let live = self.get(key)?;
        let mut object = Value::clone(&live);
        object["spec"]["replicas"] = json!(replicas);
        self.keep(key, Some(live), object, request)
    }

    /// Deletes an object: at once, or once its node or its finalizers let it go. The state it is left in.
    ///
    /// # Errors
    /// 404 when it is not there; 409 when it is not the one of the preconditions.
    pub fn delete(&mut self, key: &Key, options: &DeleteOptions, request: Request) -> Answer {
        let live = self.get(key)?;
        match deletion::decide(key, &live, options, request.time)? {
            _ if request.dry_run => Ok(live),
            Deletion::Now => {
                self.end(key);
                Ok(live)
            }
            Deletion::Later(object) if *live == object => Ok(live),
            Deletion::Later(object) => Ok(self.store.put(key.clone(), object)),
        }
    }

    /// Ends an object that was told to go.
    pub fn end(&mut self, key: &Key) {
        self.store.remove(key);
    }

    /// Puts an object here as it was elsewhere: the server adds nothing to it.
    pub fn adopt(&mut self, key: Key, object: Value) {
        self.store.put(key, object);
    }

    /// What the containers have written.
    pub fn logs(&mut self) -> &mut Logs {
        &mut self.logs
    }

    /// A part of the log of a pod's container, less the first so many lines; and how many lines there are.
    ///
    /// # Errors
    /// 404 without the pod; 400 for a container that has not begun yet.
    pub fn log(&self, key: &Key, part: &Part, from: usize) -> Result<(String, usize), Status> {
        self.logs.read(&*self.get(key)?, part, from)
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
        defaults::fill(key.kind, &mut object);
        admission::check(&self.store, key, live.as_deref(), &object)?;
        let metadata = &mut object["metadata"];
        metadata["name"] = json!(key.name);
        if key.kind.namespaced {
            metadata["namespace"] = json!(key.namespace);
        }
        if live.is_none() && key.kind.kind == "PersistentVolumeClaim" {
            metadata["finalizers"] = json!([deletion::PROTECTION]);
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
            // A person who annotates a Deployment changes it, but not its own controller
            // (k8s:pkg/registry/apps/deployment/strategy.go, `PrepareForUpdate`).
            let counts = key.kind.kind == "Deployment" && request.manager != MANAGER;
            let annotated = live
                .as_deref()
                .is_some_and(|live| counts && live["metadata"]["annotations"] != object["metadata"]["annotations"]);
            let changes = u64::from(annotated || *before != object["spec"]);
            let generation = kept["generation"].as_u64().unwrap_or(0) + changes;
            object["metadata"]["generation"] = json!(generation);
        }
        match live {
            Some(live) if *live == object => Ok(live),
            // Its last finalizer has let it go.
            Some(_) if !request.dry_run && deletion::is_over(&object) => {
                self.end(key);
                Ok(Arc::new(object))
            }
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

fn shape(kind: &Kind) -> Result<super::schema::Type, Status> {
    Schema::v1_20().kind(kind.api_version, kind.kind).ok_or_else(Status::no_such_place)
}

/// Whether two states of an object differ in their status alone.
fn is_status_alone(before: &Value, after: &Value) -> bool {
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else { return false };
    let same = |(field, value): (&String, &Value)| field == "status" || after.get(field) == Some(value);
    before.iter().all(same) && after.keys().all(|field| field == "status" || before.contains_key(field))
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
