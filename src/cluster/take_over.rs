//! Taking an object over from kubectl.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::live::to_value;
use super::ownership::{LAST_APPLIED, taken_over};
use super::{Cluster, FIELD_MANAGER, Fault, call};
use crate::render::Object;

impl Cluster {
    /// Makes kubectl's fields of the live object ours, but for initial fields, which stay as they are; whether there
    /// was anything to do. Only metadata is written, so nothing restarts. The patch holds for the state that was looked
    /// at.
    ///
    /// # Errors
    /// A conflict when somebody else wrote first.
    pub async fn take_over(&self, object: &Object) -> Result<bool, Fault> {
        let (api, resource) = self.api_of(object)?;
        let name = &object.id.name;
        let live: Value = match call(api.get(name)).await {
            Ok(live) => to_value(&live)?,
            Err(fault) if fault.is_not_found() => return Ok(false),
            Err(fault) => return Err(fault),
        };
        let initial: Vec<&str> = object.initial.iter().map(|field| field.pointer.as_str()).collect();
        let Some(managers) = taken_over(&live, &initial, &resource.api_version) else { return Ok(false) };
        let mut metadata = json!({"resourceVersion": live["metadata"]["resourceVersion"], "managedFields": managers});
        if live["metadata"]["annotations"].get(LAST_APPLIED).is_some() {
            metadata["annotations"] = json!({LAST_APPLIED: null});
        }
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..Default::default() };
        let patch = Patch::Merge(json!({"metadata": metadata}));
        self.write(api.patch(name, &params, &patch)).await.map(|_| true)
    }
}
