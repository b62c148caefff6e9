//! What the user may do, asked before anything is written
//! (<https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access>).

use std::fmt;

use futures::future::try_join_all;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::Client;
use kube::api::{Api, PostParams};

use super::{Fault, call};

/// One right: a verb on a resource, in a namespace or in the whole cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// "get", "patch" ...
    pub verb: String,
    /// The API group; empty for the core group.
    pub group: String,
    /// The plural name, with its subresource: "pods/log".
    pub resource: String,
    /// The namespace; empty for cluster-scoped resources.
    pub namespace: String,
    /// The one object that it is about; empty: any.
    pub name: String,
}

impl Access {
    /// A verb on a resource of a namespace, whatever the object.
    pub fn to(verb: &str, group: &str, resource: &str, namespace: &str) -> Self {
        let [verb, group, resource, namespace] = [verb, group, resource, namespace].map(str::to_owned);
        Self { verb, group, resource, namespace, name: String::new() }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if self.group.is_empty() { Ok(()) } else { write!(f, ".{}", self.group) }
    }
}

/// The rights that the user lacks, of those asked for.
///
/// # Errors
/// When the API server does not answer.
pub async fn denied(client: &Client, asked: Vec<Access>) -> Result<Vec<Access>, Fault> {
    let Some(namespace) = asked.first().map(|access| access.namespace.clone()) else { return Ok(asked) };
    // An administrator's one answer saves dozens of questions.
    let everything = |namespace: String| Access {
        verb: "*".into(),
        group: "*".into(),
        resource: "*".into(),
        namespace,
        name: String::new(),
    };
    if allowed(client, &everything(namespace)).await? {
        tracing::info!("everything is allowed here");
        return Ok(Vec::new());
    }
    tracing::info!(rights = asked.len(), "asking for each right");
    let answers = asked.into_iter().map(|access| async move {
        let allowed = allowed(client, &access).await?;
        Ok::<_, Fault>((!allowed).then_some(access))
    });
    Ok(try_join_all(answers).await?.into_iter().flatten().collect())
}

async fn allowed(client: &Client, access: &Access) -> Result<bool, Fault> {
    let (resource, subresource) = match access.resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
        None => (access.resource.as_str(), None),
    };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                verb: Some(access.verb.clone()),
                group: Some(access.group.clone()),
                resource: Some(resource.to_owned()),
                subresource,
                namespace: (!access.namespace.is_empty()).then(|| access.namespace.clone()),
                name: (!access.name.is_empty()).then(|| access.name.clone()),
                ..Default::default()
            }),
            ..Default::default()
        },
        ..Default::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer = call(api.create(&PostParams::default(), &review)).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}
