//! Which kinds the cluster serves, and under which version.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResourceList;
use kube::Client;
use kube::core::ApiResource;

use super::{Fault, call};
use crate::render::ObjectId;

/// Older versions of the same schema, for servers before 1.21 and 1.23
/// (<https://kubernetes.io/docs/reference/using-api/deprecation-guide/>).
const OLDER: [(&str, &str, &str); 3] = [
    ("HorizontalPodAutoscaler", "autoscaling/v2", "autoscaling/v2beta2"),
    ("CronJob", "batch/v1", "batch/v1beta1"),
    ("PodDisruptionBudget", "policy/v1", "policy/v1beta1"),
];

/// The kinds of a plan as the cluster serves them.
#[derive(Clone, Debug, Default)]
pub struct Served {
    resources: BTreeMap<(String, String), ApiResource>,
    /// The kinds that an older version stands in for: kind, wanted, served.
    pub older: Vec<(String, String, String)>,
}

impl Served {
    /// The resource of an object's kind, by the version that is wanted or the one that is served.
    pub fn get(&self, id: &ObjectId) -> Option<&ApiResource> {
        let is_served = |resource: &&ApiResource| resource.kind == id.kind && resource.api_version == id.api_version;
        let wanted = self.resources.get(&(id.api_version.clone(), id.kind.clone()));
        wanted.or_else(|| self.all().find(is_served))
    }

    /// Adds further kinds.
    pub fn extend(&mut self, more: Self) {
        self.resources.extend(more.resources);
        self.older.extend(more.older);
    }

    /// Every kind that is served.
    pub fn all(&self) -> impl Iterator<Item = &ApiResource> {
        self.resources.values()
    }
}

/// Asks the cluster which of the kinds it serves. A kind that it does not serve is left out.
///
/// # Errors
/// When the cluster does not answer.
pub async fn serve(client: &Client, wanted: &BTreeSet<(String, String)>) -> Result<Served, Fault> {
    let mut served = Served::default();
    let lists = lists(client, wanted.iter().map(|(version, _)| version.as_str())).await?;
    let mut missing = Vec::new();
    for (version, kind) in wanted {
        match find(&lists, version, kind) {
            Some(resource) => {
                served.resources.insert((version.clone(), kind.clone()), resource);
            }
            None => missing.extend(OLDER.iter().filter(|(k, v, _)| k == kind && v == version)),
        }
    }
    let lists = self::lists(client, missing.iter().map(|(_, _, older)| *older)).await?;
    for (kind, version, older) in missing {
        if let Some(resource) = find(&lists, older, kind) {
            served.resources.insert(((*version).to_owned(), (*kind).to_owned()), resource);
            served.older.push(((*kind).to_owned(), (*version).to_owned(), (*older).to_owned()));
        }
    }
    Ok(served)
}

type Lists = BTreeMap<String, APIResourceList>;

async fn lists(client: &Client, versions: impl Iterator<Item = &str>) -> Result<Lists, Fault> {
    let versions: BTreeSet<&str> = versions.collect();
    let requests = versions.into_iter().map(|version| async move {
        let answer = if version.contains('/') {
            call(client.list_api_group_resources(version)).await
        } else {
            call(client.list_core_api_resources(version)).await
        };
        match answer {
            Ok(list) => Ok(Some((version.to_owned(), list))),
            Err(fault) if fault.is_not_found() => Ok(None),
            Err(fault) => Err(fault),
        }
    });
    Ok(try_join_all(requests).await?.into_iter().flatten().collect())
}

fn find(lists: &Lists, version: &str, kind: &str) -> Option<ApiResource> {
    let list = lists.get(version)?;
    let resource = list.resources.iter().find(|resource| resource.kind == kind && !resource.name.contains('/'))?;
    let (group, number) = version.split_once('/').unwrap_or(("", version));
    Some(ApiResource {
        group: group.to_owned(),
        version: number.to_owned(),
        api_version: version.to_owned(),
        kind: kind.to_owned(),
        plural: resource.name.clone(),
    })
}
