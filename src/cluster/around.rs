//! What is around the shop: kinds that no manifest holds, and what the API server says of itself.

use http::Request;
use http::header::DATE;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::client::Body;
use kube::core::ClusterResourceScope;
use serde_json::Value;

use super::live::to_value;
use super::typed::Namespaced;
use super::{Cluster, Fault, call};

impl Cluster {
    /// The objects of a kind in the namespace, whoever they are of.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn beside<K: Namespaced>(&self) -> Result<Vec<Value>, Fault> {
        let api = Api::namespaced_with(self.client.clone(), &self.namespace, &ApiResource::erase::<K>(&()));
        values(&api, &ListParams::default()).await
    }

    /// The objects of a kind that belongs to no namespace.
    ///
    /// # Errors
    /// When they cannot be listed, as a tenant may not.
    pub async fn of_cluster<K>(&self) -> Result<Vec<Value>, Fault>
    where
        K: kube::Resource<Scope = ClusterResourceScope, DynamicType = ()>,
    {
        let api = Api::all_with(self.client.clone(), &ApiResource::erase::<K>(&()));
        values(&api, &ListParams::default()).await
    }

    /// The pods of every namespace that have not ended.
    ///
    /// # Errors
    /// When they cannot be listed, as a tenant may not.
    pub async fn pods_everywhere(&self) -> Result<Vec<Value>, Fault> {
        let api = Api::all_with(self.client.clone(), &ApiResource::erase::<Pod>(&()));
        values(&api, &ListParams::default().fields("status.phase!=Succeeded,status.phase!=Failed")).await
    }

    /// The time by the API server's clock, in whole seconds, as the `Date` of an answer has it; None where a proxy has
    /// removed that (<https://www.rfc-editor.org/rfc/rfc9110#field.date>).
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn date(&self) -> Result<Option<Timestamp>, Fault> {
        let request = Request::get("/version").body(Body::empty()).map_err(|error| Fault::Other(error.to_string()))?;
        let answer = call(self.client.send(request)).await?;
        let text = answer.headers().get(DATE).and_then(|date| date.to_str().ok());
        Ok(text.and_then(|text| DateTimeParser::new().parse_timestamp(text).ok()))
    }
}

async fn values(api: &Api<DynamicObject>, params: &ListParams) -> Result<Vec<Value>, Fault> {
    call(api.list(params)).await?.items.iter().map(to_value).collect()
}
