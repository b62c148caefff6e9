//! Applying again what was applied before a release (RULES.md T7).

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::live::to_value;
use super::{Cluster, FIELD_MANAGER, Fault};
use crate::render::ObjectId;

impl Cluster {
    /// Applies a configuration of before to the object with that uid: by the same field manager, so that exactly the
    /// fields which are not in it go; and by force, since they were ours.
    ///
    /// # Errors
    /// A conflict when another object has taken the name.
    pub async fn reapply(&self, id: &ObjectId, value: &Value, uid: &str) -> Result<Value, Fault> {
        let mut body = value.clone();
        body["metadata"]["uid"] = json!(uid);
        self.recreate(id, &body).await
    }

    /// Applies a configuration of before to an object that is gone.
    ///
    /// # Errors
    /// When the server does not take it.
    pub async fn recreate(&self, id: &ObjectId, value: &Value) -> Result<Value, Fault> {
        let (api, resource) = self.api(id).ok_or_else(|| Fault::NotServed(format!("{id} of {}", id.api_version)))?;
        let mut body = value.clone();
        body["apiVersion"] = json!(resource.api_version);
        let params = PatchParams { force: true, field_manager: Some(FIELD_MANAGER.to_owned()), ..Default::default() };
        to_value(&self.write(api.patch(&id.name, &params, &Patch::Apply(&body))).await?)
    }
}
