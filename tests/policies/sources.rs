//! Everybody who might connect to a pod of the shop, and as which clients each may come.

use crate::declared::Client;
use crate::semantics::{Labels, Pod, Source};
use crate::shop::{Shop, named};

/// Somebody.
pub struct Somebody {
    /// For messages.
    pub name: String,
    pub source: Source,
    /// The clients that this may be.
    pub may_be: Vec<Client>,
}

/// The namespace of nobody in particular.
const ELSEWHERE: &str = "elsewhere";
/// An address that is no pod's: a node, the control plane, a machine outside (RFC 5737).
const ADDRESS: [u8; 4] = [192, 0, 2, 1];

/// One of each.
pub fn everybody(shop: &Shop) -> Vec<Somebody> {
    let home = shop.environment.values.namespace.as_str();
    let policies = &shop.environment.values.network_policies;
    let mut all = Vec::new();
    for workload in &shop.workloads {
        let own = Client::Workload(workload.name.clone());
        let mut may_be = unknown(shop, home);
        may_be.push(own);
        all.push(Somebody { name: workload.name.clone(), source: Source::Pod(workload.pod.clone()), may_be });
        all.push(pod(shop, &format!("a copy of {}", workload.name), ELSEWHERE, workload.pod.labels.clone()));
        all.push(pod(shop, &format!("another's {}", workload.name), home, anothers(&workload.pod.labels)));
    }
    all.push(pod(shop, "a pod without labels", home, Labels::new()));
    let keda = &shop.environment.values.autoscaling.keda.namespace;
    for namespace in [ELSEWHERE, keda, &policies.ingress_namespace, &policies.prometheus_namespace] {
        if !namespace.is_empty() {
            all.push(pod(shop, &format!("a pod of {namespace}"), namespace, Labels::new()));
        }
    }
    all.push(Somebody {
        name: "an address".to_owned(),
        source: Source::Address(ADDRESS.into()),
        may_be: unknown(shop, ""),
    });
    all.push(Somebody { name: "the node".to_owned(), source: Source::OwnNode, may_be: vec![Client::Kubelet] });
    all
}

fn pod(shop: &Shop, name: &str, namespace: &str, labels: Labels) -> Somebody {
    let pod = Pod { namespace: namespace.to_owned(), namespace_labels: named(namespace), labels, ports: Vec::new() };
    Somebody { name: name.to_owned(), source: Source::Pod(pod), may_be: unknown(shop, namespace) }
}

/// The labels of a workload of the same name that another tool has made.
pub fn anothers(labels: &Labels) -> Labels {
    let mut labels = labels.clone();
    labels.insert("app.kubernetes.io/managed-by".to_owned(), "Helm".to_owned());
    labels
}

/// The clients of whom nobody knows where they are, or that are in this namespace ("" for no pod).
fn unknown(shop: &Shop, namespace: &str) -> Vec<Client> {
    let policies = &shop.environment.values.network_policies;
    let is_there = |known: &str| known.is_empty() || known == namespace;
    let mut all = vec![Client::ApiServer];
    all.extend((shop.environment.values.autoscaling.keda.namespace == namespace).then_some(Client::Keda));
    all.extend(is_there(&policies.ingress_namespace).then_some(Client::Ingress));
    all.extend(is_there(&policies.prometheus_namespace).then_some(Client::Prometheus));
    all
}
