//! Deleting one object, and seeing it gone.

use std::time::Duration;

use kube::api::{DeleteParams, Preconditions, PropagationPolicy};

use super::{Cluster, Fault, call};
use crate::render::ObjectId;

const LOOK_AGAIN: Duration = Duration::from_millis(300);

impl Cluster {
    /// Deletes the object with that uid, its dependents first, and waits until it is gone.
    ///
    /// # Errors
    /// When it cannot be deleted. Waiting has no end of its own: the caller has a deadline.
    pub async fn delete(&self, id: &ObjectId, uid: &str) -> Result<(), Fault> {
        let Some((api, _)) = self.api(id) else { return Ok(()) };
        let params = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Foreground),
            preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
            ..Default::default()
        };
        match call(api.delete(&id.name, &params)).await {
            Ok(_) => {}
            Err(fault) if fault.is_not_found() => return Ok(()),
            Err(fault) => return Err(fault),
        }
        while self.get(id).await?.is_some_and(|live| live["metadata"]["uid"] == uid) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }
}
