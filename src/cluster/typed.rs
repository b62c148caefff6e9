//! Single objects, of kinds that the program knows by type: read, and changed by whoever moves one of their fields.

use std::fmt::Debug;

use futures::Stream;
use k8s_openapi::api::core::v1::Event;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::core::NamespaceResourceScope;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watcher};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Cluster, FIELD_MANAGER, Fault, call};

/// A kind that lives in a namespace.
pub trait Namespaced:
    kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static
{
}

impl<K> Namespaced for K where
    K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + 'static
{
}

impl Cluster {
    pub(super) fn typed<K: Namespaced>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// One object.
    ///
    /// # Errors
    /// When it is not there, or cannot be read.
    pub async fn read<K: Namespaced>(&self, name: &str) -> Result<K, Fault> {
        call(self.typed::<K>().get(name)).await
    }

    /// Every object that has these labels (a selector; empty: any).
    ///
    /// # Errors
    /// When they may not be listed.
    pub async fn all<K: Namespaced>(&self, labels: &str) -> Result<Vec<K>, Fault> {
        Ok(call(self.typed::<K>().list(&ListParams::default().labels(labels))).await?.items)
    }

    /// Creates an object.
    ///
    /// # Errors
    /// When the API server does not take it.
    pub async fn create<K: Namespaced + Serialize>(&self, object: &K) -> Result<K, Fault> {
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        self.write(self.typed::<K>().create(&params, object)).await
    }

    /// Merges some fields into an object as `manager`, if it is still as it was `read`.
    ///
    /// # Errors
    /// A conflict when somebody else wrote it meanwhile; [`Fault::LockLost`] without a request.
    pub async fn merge<K: Namespaced>(&self, read: &K, manager: &str, mut fields: Value) -> Result<K, Fault> {
        fields["metadata"]["resourceVersion"] = json!(read.meta().resource_version);
        self.merge_blindly(read.meta().name.as_deref().unwrap_or_default(), manager, fields).await
    }

    /// The same, whatever the object has become.
    ///
    /// # Errors
    /// As [`Self::merge`], but for the conflict.
    pub async fn merge_blindly<K: Namespaced>(&self, name: &str, manager: &str, fields: Value) -> Result<K, Fault> {
        let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
        self.write(self.typed::<K>().patch(name, &params, &Patch::Merge(&fields))).await
    }

    /// Tells something to whoever looks at the namespace's Events.
    ///
    /// # Errors
    /// When the API server does not take it.
    pub async fn tell(&self, event: &Event) -> Result<(), Fault> {
        call(self.typed::<Event>().create(&PostParams::default(), event)).await.map(drop)
    }

    /// What becomes of the objects that have these labels, for ever; a watch that breaks begins again.
    pub fn follow<K: Namespaced>(
        &self,
        labels: &str,
    ) -> impl Stream<Item = Result<watcher::Event<K>, watcher::Error>> + use<K> {
        watcher(self.typed::<K>(), watcher::Config::default().labels(labels)).default_backoff()
    }
}
