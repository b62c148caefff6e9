//! What lives in the namespace now.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolume, Secret};
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use serde_json::Value;

use super::{Cluster, Fault, call};
use crate::render::{MANAGED_BY, ObjectId};

/// Live objects, by kind and name.
#[derive(Clone, Debug, Default)]
pub struct Live(BTreeMap<(String, String), Value>);

impl Live {
    /// The live object of that kind and name.
    pub fn get(&self, id: &ObjectId) -> Option<&Value> {
        self.named(&id.kind, &id.name)
    }

    /// The live object of that kind and name.
    pub fn named(&self, kind: &str, name: &str) -> Option<&Value> {
        self.0.get(&(kind.to_owned(), name.to_owned()))
    }

    /// Every live object of a kind.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |((of, _), _)| of == kind).map(|(_, value)| value)
    }

    /// Every live object.
    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        self.0.values()
    }

    /// Forgets one.
    pub fn remove(&mut self, id: &ObjectId) {
        self.0.remove(&(id.kind.clone(), id.name.clone()));
    }

    /// Adds others.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Adds one.
    pub fn insert(&mut self, kind: &str, name: &str, value: Value) {
        self.0.insert((kind.to_owned(), name.to_owned()), value);
    }
}

impl Cluster {
    /// Reads the live objects of every kind among `ids`. Secrets are read one by one, by name: other
    /// people's are none of our business. The Namespace is left out.
    ///
    /// # Errors
    /// When a kind cannot be read.
    pub async fn live(&self, ids: &[ObjectId]) -> Result<Live, Fault> {
        let mut live = Live::default();
        let by_name: BTreeSet<&ObjectId> = ids.iter().filter(|id| id.kind == "Secret").collect();
        let kinds: BTreeMap<&str, &ObjectId> = ids
            .iter()
            .filter(|id| id.kind != "Secret" && id.kind != "Namespace")
            .map(|id| (id.kind.as_str(), id))
            .collect();
        let one = try_join_all(by_name.into_iter().map(|id| async move { Ok::<_, Fault>((id, self.get(id).await?)) }));
        let many = try_join_all(kinds.into_values().map(|id| self.list(id)));
        let (one, many) = futures::try_join!(one, many)?;
        for (id, value) in one {
            if let Some(value) = value {
                live.insert(&id.kind, &id.name, value);
            }
        }
        for (kind, value) in many.into_iter().flatten() {
            let name = value["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            live.insert(&kind, &name, value);
        }
        Ok(live)
    }

    /// Reads one object; None where it does not exist or its kind is not served.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn get(&self, id: &ObjectId) -> Result<Option<Value>, Fault> {
        let Some((api, _)) = self.api(id) else { return Ok(None) };
        match call(api.get(&id.name)).await {
            Ok(object) => Ok(Some(to_value(&object)?)),
            Err(fault) if fault.is_not_found() => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// The values of a Secret of ours; none where it is another's, or not there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn secret_values(&self, name: &str) -> Result<Vec<String>, Fault> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let secret = match call(api.get(name)).await {
            Ok(secret) => secret,
            Err(fault) if fault.is_not_found() => return Ok(Vec::new()),
            Err(fault) => return Err(fault),
        };
        let labels = secret.metadata.labels.unwrap_or_default();
        if labels.get("app.kubernetes.io/managed-by").is_none_or(|by| by != MANAGED_BY) {
            return Ok(Vec::new());
        }
        let values = secret.data.unwrap_or_default().into_values();
        Ok(values.filter_map(|value| String::from_utf8(value.0).ok()).collect())
    }

    /// A claim's volume; None where it is gone. Tenants may not see volumes.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn volume(&self, name: &str) -> Result<Option<Value>, Fault> {
        let volumes: Api<PersistentVolume> = Api::all(self.client.clone());
        match call(volumes.get(name)).await {
            Ok(volume) => Ok(Some(to_value(&volume)?)),
            Err(fault) if fault.is_not_found() => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// The objects of a kind. The server leaves kind and version out of a list's items, so they are put in here.
    async fn list(&self, id: &ObjectId) -> Result<Vec<(String, Value)>, Fault> {
        let Some((api, resource)) = self.api(id) else { return Ok(Vec::new()) };
        let list = call(api.list(&ListParams::default())).await?;
        let whole = |object| {
            let mut value = to_value(object)?;
            value["kind"] = Value::from(resource.kind.as_str());
            value["apiVersion"] = Value::from(resource.api_version.as_str());
            Ok((id.kind.clone(), value))
        };
        list.items.iter().map(whole).collect()
    }

    /// Whether the namespace exists; None where the user may not know.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn namespace_object(&self) -> Result<Option<Option<Value>>, Fault> {
        self.namespace_named(&self.namespace).await
    }

    /// The uid of namespace kube-system, by which a cluster is known; None where the user may not know.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn cluster_uid(&self) -> Result<Option<String>, Fault> {
        let system = self.namespace_named("kube-system").await?.flatten();
        Ok(system.and_then(|system| system["metadata"]["uid"].as_str().map(str::to_owned)))
    }

    async fn namespace_named(&self, name: &str) -> Result<Option<Option<Value>>, Fault> {
        let resource = ApiResource::erase::<Namespace>(&());
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
        match call(api.get(name)).await {
            Ok(namespace) => Ok(Some(Some(to_value(&namespace)?))),
            Err(fault) if fault.is_not_found() => Ok(Some(None)),
            Err(fault) if fault.is_denied() => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}

/// An object as JSON.
pub fn to_value(object: &impl serde::Serialize) -> Result<Value, Fault> {
    serde_json::to_value(object).map_err(|error| Fault::Other(error.to_string()))
}
