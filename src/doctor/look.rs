//! What a doctor looks at: each thing by itself, for a limited time, so that one that cannot be had keeps no other away.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use futures::future::{join, join_all};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{LimitRange, Node, Pod, ResourceQuota};
use k8s_openapi::api::networking::v1::IngressClass;
use k8s_openapi::api::storage::v1::StorageClass;
use serde_json::Value;
use tokio::time::timeout;

use super::workloads::workloads;
use super::{allowed, apis, images, names, standing};
use crate::cluster::{self, Access, Fault, Live, Served, call, denied, serve};
use crate::pipeline::{HeldLock, Home, Request, held, home, kinds, rights, settle};
use crate::render::{ObjectId, Phase};

/// How long one thing may take to be looked at.
const LIMIT: Duration = Duration::from_secs(10);

/// What was found, or why it is not known.
pub type Known<T> = Result<T, String>;

/// Everything that was looked at.
pub struct Look {
    /// What was asked for, with the autoscalers settled.
    pub request: Request,
    /// The API server.
    pub server: Known<Server>,
    /// What belongs to no namespace.
    pub cluster: Known<Cluster>,
    /// The namespace.
    pub namespace: Known<Namespace>,
    /// The shop's hosts, with their addresses.
    pub hosts: Vec<(String, Vec<IpAddr>)>,
}

/// What the API server says of itself.
pub struct Server {
    /// "v1.20.2".
    pub version: String,
    /// The same as numbers, where it says them.
    pub numbers: Option<(u32, u32)>,
    /// Its time, and the times of ours before and after it was asked.
    pub date: Known<Option<Timestamp>>,
    /// Before.
    pub before: Timestamp,
    /// After.
    pub after: Timestamp,
}

/// What belongs to no namespace.
pub struct Cluster {
    /// The kinds that are served.
    pub served: Served,
    /// Which autoscalers cannot be used, in words.
    pub settled: Vec<String>,
    /// Whether [`apis::METRICS`] are served.
    pub has_metrics: Known<bool>,
    /// The StorageClasses.
    pub storage_classes: Known<Vec<Value>>,
    /// The IngressClasses.
    pub ingress_classes: Known<Vec<Value>>,
    /// The nodes.
    pub nodes: Known<Vec<Value>>,
    /// The pods of all namespaces.
    pub pods: Known<Vec<Value>>,
}

/// A namespace.
pub struct Namespace {
    /// Whether it is there; in words why no deploy may go there.
    pub home: Known<Result<Home, String>>,
    /// What lives there of the plan's kinds.
    pub live: Live,
    /// The kinds that cannot be read, and why.
    pub unread: BTreeMap<String, String>,
    /// Its pods.
    pub pods: Known<Vec<Value>>,
    /// Its LimitRanges.
    pub ranges: Known<Vec<Value>>,
    /// Its ResourceQuotas.
    pub quotas: Known<Vec<Value>>,
    /// The locks that are held.
    pub held: Known<Vec<HeldLock>>,
    /// The Secrets that images are pulled with.
    pub pull_secrets: BTreeMap<String, Known<Option<Value>>>,
    /// The rights that the plan's objects need and the user lacks.
    pub lacking: Known<Vec<(Phase, Access)>>,
    /// Those that following a deploy needs.
    pub follow: Known<Vec<Access>>,
    /// Those that the plan's Roles grant.
    pub grant: Known<Vec<Access>>,
}

/// Looks at everything.
pub async fn look(mut request: Request) -> Look {
    let named = names::hosts(&request.environment, &request.plan);
    let hosts = join_all(named.into_iter().map(|host| async move {
        let found = names::resolve(&host).await;
        (host, found)
    }));
    let (hosts, (server, rest)) = join(hosts, async {
        let server = server(&request).await;
        let rest = match &server {
            Ok(_) => of_cluster(&mut request).await,
            Err(_) => Err("the API server does not answer".to_owned()),
        };
        (server, rest)
    })
    .await;
    let (cluster, namespace) = match rest {
        Ok((cluster, namespace)) => (Ok(cluster), Ok(namespace)),
        Err(why) => (Err(why.clone()), Err(why)),
    };
    Look { request, server, cluster, namespace, hosts }
}

async fn server(request: &Request) -> Known<Server> {
    let client = request.connection.client.clone();
    let version = known("version", call(client.apiserver_version())).await?;
    let here = cluster::Cluster::new(client, "", Served::default());
    let before = request.clock.now();
    let date = known("date", here.date()).await;
    let after = request.clock.now();
    let numbers = standing::number(&version.major).zip(standing::number(&version.minor));
    Ok(Server { version: version.git_version, numbers, date, before, after })
}

async fn of_cluster(request: &mut Request) -> Known<(Cluster, Namespace)> {
    let client = request.connection.client.clone();
    let served = known("kinds", serve(&client, &kinds(&request.plan))).await?;
    let here = cluster::Cluster::new(client.clone(), &request.environment.values.namespace, served.clone());
    let settled = match timeout(LIMIT, settle(request, &here)).await {
        Ok(Ok(settled)) => settled,
        Ok(Err(refused)) => return Err(refused.to_string()),
        Err(_) => return Err(late()),
    };
    let metrics = [(apis::METRICS.0.to_owned(), apis::METRICS.1.to_owned())];
    let metrics = async { Ok(serve(&client, &metrics.into()).await?.all().next().is_some()) };
    let around = async {
        tokio::join!(
            known("metrics", metrics),
            known("storageclasses", here.of_cluster::<StorageClass>()),
            known("ingressclasses", here.of_cluster::<IngressClass>()),
            known("nodes", here.of_cluster::<Node>()),
            known("the pods of all namespaces", here.pods_everywhere()),
        )
    };
    let (around, namespace) = join(around, namespace(request, &here)).await;
    let (has_metrics, storage_classes, ingress_classes, nodes, pods) = around;
    let cluster = Cluster { served, settled, has_metrics, storage_classes, ingress_classes, nodes, pods };
    Ok((cluster, namespace))
}

async fn namespace(request: &Request, here: &cluster::Cluster) -> Namespace {
    let (plan, name, client) = (&request.plan, here.namespace(), here.client());
    let names = images::named(&workloads(plan, &Live::default(), &[]));
    let id = |name: &str| ObjectId { api_version: "v1".to_owned(), kind: "Secret".to_owned(), name: name.to_owned() };
    let pull_secrets = join_all(names.into_iter().map(|name| async move {
        let secret = known("Secrets", here.get(&id(&name))).await;
        (name, secret)
    }));
    let grant = async {
        let lacking = denied(client, allowed::granted(plan, name)).await?;
        let may_escalate = denied(client, vec![allowed::to_escalate(name)]).await?.is_empty();
        Ok(if may_escalate { Vec::new() } else { lacking })
    };
    let (home, (live, unread), pods, ranges, quotas, held, pull_secrets, lacking, follow, grant) = tokio::join!(
        known("namespaces", home(here)),
        live(request, here),
        known("pods", here.beside::<Pod>()),
        known("limitranges", here.beside::<LimitRange>()),
        known("resourcequotas", here.beside::<ResourceQuota>()),
        known("the lock", held(here)),
        pull_secrets,
        known("your rights", rights::lacking(plan, here, request.selection)),
        known("your rights", denied(client, allowed::to_follow(name))),
        known("your rights", grant),
    );
    let pull_secrets = pull_secrets.into_iter().collect();
    Namespace { home, live, unread, pods, ranges, quotas, held, pull_secrets, lacking, follow, grant }
}

/// What lives of the plan's kinds, of claims and of ConfigMaps, which hold the records of releases; kind by kind, so that
/// one that may not be read hides no other.
async fn live(request: &Request, here: &cluster::Cluster) -> (Live, BTreeMap<String, String>) {
    let mut ids: BTreeMap<&str, BTreeSet<ObjectId>> = BTreeMap::new();
    for (_, object) in request.plan.objects().filter(|(_, object)| object.namespaced()) {
        ids.entry(&object.id.kind).or_default().insert(object.id.clone());
    }
    for kind in ["PersistentVolumeClaim", "ConfigMap"] {
        let id = ObjectId { api_version: "v1".to_owned(), kind: kind.to_owned(), name: String::new() };
        ids.entry(kind).or_default().insert(id);
    }
    let all = ids.into_iter().map(|(kind, ids)| async move {
        let ids: Vec<ObjectId> = ids.into_iter().collect();
        (kind, known(&format!("objects of kind {kind}"), here.live(&ids)).await)
    });
    let (mut live, mut unread) = (Live::default(), BTreeMap::new());
    for (kind, found) in join_all(all).await {
        match found {
            Ok(found) => {
                for object in found.iter() {
                    let name = object["metadata"]["name"].as_str().unwrap_or_default();
                    live.insert(kind, name, object.clone());
                }
            }
            Err(why) => drop(unread.insert(kind.to_owned(), why)),
        }
    }
    (live, unread)
}

/// An answer within the limit, or in words why there is none.
async fn known<T>(what: &str, asked: impl Future<Output = Result<T, Fault>>) -> Known<T> {
    match timeout(LIMIT, asked).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(fault)) if fault.code() == Some(403) => Err(format!("you may not read {what}")),
        Ok(Err(fault)) if fault.is_not_found() => Err(format!("the cluster does not serve {what}")),
        Ok(Err(fault)) => Err(fault.to_string()),
        Err(_) => Err(late()),
    }
}

fn late() -> String {
    format!("no answer within {} s", LIMIT.as_secs())
}
