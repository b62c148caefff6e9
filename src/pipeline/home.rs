//! The namespace that is deployed to. A tenant's exists already; one that somebody else made is used as it is.

use serde_json::Value;

use super::preconditions::is_ours;
use crate::cluster::{Access, Cluster, Fault, denied};

/// The namespace that is deployed to.
#[derive(Clone, Debug)]
pub struct Home {
    /// It is there.
    pub exists: bool,
    /// The Namespace object is ours to apply.
    pub is_ours: bool,
    /// The Namespace object, where it exists and may be seen.
    pub object: Option<Value>,
}

/// Looks at the namespace; in words why no deploy may go there, where that is so.
///
/// # Errors
/// When the API server does not answer.
pub async fn home(cluster: &Cluster) -> Result<Result<Home, String>, Fault> {
    let name = cluster.namespace();
    let found = match cluster.namespace_object().await? {
        Some(Some(live)) if live["status"]["phase"] == "Terminating" => {
            Err(format!("namespace {name} is being deleted; wait until it is gone"))
        }
        Some(Some(live)) => Ok(Home { exists: true, is_ours: is_ours(&live), object: Some(live) }),
        // Who may not even look at it is a tenant, and has one.
        None => Ok(Home { exists: true, is_ours: false, object: None }),
        Some(None) => {
            let create = Access {
                verb: "create".to_owned(),
                group: String::new(),
                resource: "namespaces".to_owned(),
                namespace: String::new(),
                name: String::new(),
            };
            if denied(cluster.client(), vec![create]).await?.is_empty() {
                Ok(Home { exists: false, is_ours: true, object: None })
            } else {
                Err(format!(
                    "namespace {name} does not exist and you may not create namespaces; ask the cluster's administrators for it"
                ))
            }
        }
    };
    Ok(found)
}
