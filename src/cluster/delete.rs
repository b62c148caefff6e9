//! Deleting one object, and seeing it gone.

use std::time::Duration;

use kube::api::{DeleteParams, Preconditions, PropagationPolicy};

use super::{Cluster, Fault};
use crate::render::ObjectId;

const LOOK_AGAIN: Duration = Duration::from_millis(300);

impl Cluster {
    /// Deletes the object with that uid, its dependents first, and waits until it is gone.
    ///
    /// # Errors
    /// When it cannot be deleted. Waiting has no end of its own: the caller has a deadline.
    pub async fn delete(&self, id: &ObjectId, uid: &str) -> Result<(), Fault> {
        self.begin_delete(id, uid).await?;
        while self.get(id).await?.is_some_and(|live| live["metadata"]["uid"] == uid) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// Begins to delete the object with that uid, its dependents first: it is there until they are gone.
    ///
    /// # Errors
    /// When it cannot be deleted.
    pub async fn begin_delete(&self, id: &ObjectId, uid: &str) -> Result<(), Fault> {
        self.send_delete(id, uid, PropagationPolicy::Foreground).await
    }

    /// Deletes the object with that uid; what depends on it follows by itself, and is not waited for.
    ///
    /// # Errors
    /// When it cannot be deleted.
    pub async fn forget(&self, id: &ObjectId, uid: &str) -> Result<(), Fault> {
        self.send_delete(id, uid, PropagationPolicy::Background).await
    }

    async fn send_delete(&self, id: &ObjectId, uid: &str, policy: PropagationPolicy) -> Result<(), Fault> {
        let Some((api, _)) = self.api(id) else { return Ok(()) };
        let params = DeleteParams {
            propagation_policy: Some(policy),
            preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
            ..Default::default()
        };
        match self.write(api.delete(&id.name, &params)).await {
            Ok(_) => Ok(()),
            Err(fault) if fault.is_not_found() => Ok(()),
            Err(fault) => Err(fault),
        }
    }
}
