//! The only room that talks to the API server: connect, look, apply, watch, diagnose.
//!
//! It prints nothing and decides no policy.

mod access;
mod apply;
mod around;
mod clock;
mod connect;
mod delete;
mod diagnose;
mod fault;
mod fields;
mod kinds;
mod live;
mod lock;
mod logs;
mod managed_fields;
mod ownership;
mod pods;
mod port_forward;
mod records;
mod restore;
mod scaled_object;
mod take_over;
mod typed;
mod watch;

pub use access::{Access, denied};
pub use apply::{Applied, FIELD_MANAGER, INITIAL_FIELD_MANAGER, Taken, essence};
pub use clock::Clock;
pub use connect::{Connection, Target as ContextChoice, choose, connect, connect_in_cluster};
pub use diagnose::{Evidence, evidence};
pub use fault::{Fault, call};
pub use fields::{Fields, step};
pub use kinds::{Served, serve};
pub use live::Live;
pub use lock::{LOCK_NAME, Lock, LockKind, LockState, LockTimes, Permit};
pub use logs::{LogLine, LogRequest, REMOVED};
pub use managed_fields::{is_owned, last_change};
pub use ownership::is_known;
pub use port_forward::Tunnel;
pub use records::{is_record, journals, next_release, unreadable};
pub use typed::Namespaced;
pub use watch::{FOLLOWED, Watch, watching_is_denied};

use std::future::Future;

use kube::Client;
use kube::api::{Api, DynamicObject};
use kube::core::ApiResource;

use crate::render::{Object, ObjectId};

/// One namespace of a cluster, with the kinds it serves.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    namespace: String,
    served: Served,
    permit: Option<Permit>,
}

impl Cluster {
    /// The namespace that objects live in, and the kinds that were found to be served.
    pub fn new(client: Client, namespace: &str, served: Served) -> Self {
        Self { client, namespace: namespace.to_owned(), served, permit: None }
    }

    /// The same, whose every write asks first whether the lock is still ours (RULES.md T1).
    pub fn with_permit(&self, permit: &Permit) -> Self {
        Self { permit: Some(permit.clone()), ..self.clone() }
    }

    /// Sends a request that writes.
    async fn write<T>(&self, request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Fault> {
        if let Some(permit) = &self.permit {
            permit.check()?;
        }
        call(request).await
    }

    /// The client, for what is not about the plan's objects.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Adds kinds that were found to be served as well.
    pub fn serves_too(&mut self, more: Served) {
        self.served.extend(more);
    }

    /// The kinds that are served.
    pub fn served(&self) -> &Served {
        &self.served
    }

    /// The API of an object's kind, and the resource; None where the kind is not served.
    fn api(&self, id: &ObjectId) -> Option<(Api<DynamicObject>, ApiResource)> {
        let resource = self.served.get(id)?.clone();
        let api = if id.kind == "Namespace" {
            Api::all_with(self.client.clone(), &resource)
        } else {
            Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
        };
        Some((api, resource))
    }

    /// The API of an object's kind.
    ///
    /// # Errors
    /// [`Fault::NotServed`] where the cluster does not serve it.
    fn api_of(&self, object: &Object) -> Result<(Api<DynamicObject>, ApiResource), Fault> {
        self.api(&object.id).ok_or_else(|| Fault::NotServed(format!("{} of {}", object.id, object.id.api_version)))
    }
}
