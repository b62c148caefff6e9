//! The objects that keyboss deploys, as they live now: each kind by itself, for a user may read some and not others.

use std::collections::BTreeMap;

use futures::future::join_all;
use serde_json::Value;

use crate::cluster::{Cluster, Fault, Live, serve};
use crate::render::ObjectId;

/// The kinds of the manifests, but for the Namespace, Secrets, which are none of a status' business, and Jobs, which go
/// when they are done.
const KINDS: [(&str, &str); 14] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("batch/v1", "CronJob"),
    ("keda.sh/v1alpha1", "ScaledObject"),
    ("monitoring.coreos.com/v1", "ServiceMonitor"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy/v1", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("v1", "ConfigMap"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
];

/// What lives, and which kinds cannot be read.
#[derive(Debug, Default)]
pub struct Objects {
    kinds: BTreeMap<String, Result<Live, Fault>>,
}

impl Objects {
    /// Reads every kind that the cluster serves.
    ///
    /// # Errors
    /// When the cluster does not say what it serves.
    pub async fn read(cluster: &Cluster) -> Result<Self, Fault> {
        let wanted = KINDS.map(|(version, kind)| (version.to_owned(), kind.to_owned())).into();
        let served = serve(cluster.client(), &wanted).await?;
        let of_kind = async |(version, kind): (String, String)| {
            let id = ObjectId { api_version: version, kind, name: String::new() };
            served.get(&id)?;
            let cluster = Cluster::new(cluster.client().clone(), cluster.namespace(), served.clone());
            let live = cluster.live(std::slice::from_ref(&id)).await;
            Some((id.kind, live))
        };
        Ok(Self { kinds: join_all(wanted.into_iter().map(of_kind)).await.into_iter().flatten().collect() })
    }

    /// The objects of a kind; none where the cluster does not serve it.
    ///
    /// # Errors
    /// Why they cannot be read.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> Result<Vec<&'a Value>, &'a Fault> {
        self.kinds.get(kind).map_or(Ok(Vec::new()), |live| live.as_ref().map(|live| live.of_kind(kind).collect()))
    }

    /// One object, where its kind can be read.
    pub fn named(&self, kind: &str, name: &str) -> Option<&Value> {
        self.kinds.get(kind)?.as_ref().ok()?.named(kind, name)
    }

    /// The kinds that cannot be read, and why.
    pub fn unread(&self) -> impl Iterator<Item = (&str, &Fault)> {
        self.kinds.iter().filter_map(|(kind, live)| Some((kind.as_str(), live.as_ref().err()?)))
    }

    /// Whether the objects of a kind are known.
    pub fn is_read(&self, kind: &str) -> bool {
        self.kinds.get(kind).is_some_and(Result::is_ok)
    }

    /// What lives, as if it had been read.
    #[cfg(test)]
    pub fn of(objects: &[Value]) -> Self {
        let mut live = Live::default();
        for object in objects {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            live.insert(&text(&object["kind"]), &text(&object["metadata"]["name"]), object.clone());
        }
        Self { kinds: KINDS.map(|(_, kind)| (kind.to_owned(), Ok(live.clone()))).into() }
    }

    /// The same, but for a kind that may not be read.
    #[cfg(test)]
    pub fn without(mut self, kind: &str) -> Self {
        self.kinds.insert(kind.to_owned(), Err(Fault::Other("you may not".to_owned())));
        self
    }
}
