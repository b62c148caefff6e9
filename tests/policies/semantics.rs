//! What NetworkPolicies mean for a connection that arrives
//! (<https://kubernetes.io/docs/concepts/services-networking/network-policies/>,
//! <https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/>).

mod cases;

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::core::{Selector, SelectorExt};

/// The labels of a pod or namespace.
pub type Labels = BTreeMap<String, String>;

/// A pod, as far as policies see it.
#[derive(Clone, Debug, Default)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// The labels of that.
    pub namespace_labels: Labels,
    /// Its own labels.
    pub labels: Labels,
    /// The ports of its containers.
    pub ports: Vec<Port>,
}

/// A port of a container.
#[derive(Clone, Debug)]
pub struct Port {
    /// Its name; empty where it has none.
    pub name: String,
    /// Its number.
    pub number: u16,
    /// "TCP".
    pub protocol: String,
}

/// Where a connection comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A pod.
    Pod(Pod),
    /// An address that is no pod's.
    Address(IpAddr),
    /// The node that the pod runs on.
    OwnNode,
}

/// Whether a connection from there to this port of the pod is let in.
pub fn lets_in(policies: &[NetworkPolicy], from: &Source, to: &Pod, port: u16, protocol: &str) -> bool {
    // "Traffic to and from the node where a Pod is running is always allowed, regardless of the IP address of the Pod or
    // the node."
    if matches!(from, Source::OwnNode) {
        return true;
    }
    let mut isolating = policies.iter().filter(|policy| isolates(policy, to)).peekable();
    isolating.peek().is_none()
        || isolating.any(|policy| {
            let rules = policy.spec.iter().flat_map(|spec| spec.ingress.iter().flatten());
            let mut allowing = rules.filter(|rule| is_on(rule, to, port, protocol));
            allowing.any(|rule| is_from(rule, from, policy))
        })
}

/// Whether the policy is about what arrives at the pod. Without policyTypes it always is.
pub fn isolates(policy: &NetworkPolicy, pod: &Pod) -> bool {
    policy.spec.as_ref().is_some_and(|spec| {
        let types = spec.policy_types.as_deref().unwrap_or_default();
        let is_ingress = types.is_empty() || types.iter().any(|name| name == "Ingress");
        let everything = LabelSelector::default();
        is_ingress
            && namespace(policy) == pod.namespace
            && selects(spec.pod_selector.as_ref().unwrap_or(&everything), &pod.labels)
    })
}

fn namespace(policy: &NetworkPolicy) -> &str {
    policy.metadata.namespace.as_deref().unwrap_or("default")
}

/// No ports: any.
fn is_on(rule: &NetworkPolicyIngressRule, to: &Pod, port: u16, protocol: &str) -> bool {
    let ports = rule.ports.as_deref().unwrap_or_default();
    ports.is_empty() || ports.iter().any(|one| is_port(one, to, port, protocol))
}

fn is_port(wanted: &NetworkPolicyPort, to: &Pod, port: u16, protocol: &str) -> bool {
    let is_number = match &wanted.port {
        None => true,
        Some(IntOrString::Int(first)) => (*first..=wanted.end_port.unwrap_or(*first)).contains(&i32::from(port)),
        Some(IntOrString::String(name)) => {
            to.ports.iter().any(|own| own.name == *name && own.number == port && own.protocol == protocol)
        }
    };
    is_number && wanted.protocol.as_deref().unwrap_or("TCP") == protocol
}

/// No peers: anybody.
fn is_from(rule: &NetworkPolicyIngressRule, from: &Source, policy: &NetworkPolicy) -> bool {
    let peers = rule.from.as_deref().unwrap_or_default();
    peers.is_empty() || peers.iter().any(|peer| is_peer(peer, from, policy))
}

fn is_peer(peer: &NetworkPolicyPeer, from: &Source, policy: &NetworkPolicy) -> bool {
    match (from, &peer.ip_block) {
        (Source::Address(address), Some(block)) => is_in(block, *address),
        (Source::Pod(pod), None) => {
            let is_there = match &peer.namespace_selector {
                Some(selector) => selects(selector, &pod.namespace_labels),
                None => pod.namespace == namespace(policy),
            };
            is_there && peer.pod_selector.as_ref().is_none_or(|selector| selects(selector, &pod.labels))
        }
        // A block is for addresses outside of the cluster, "since Pod IPs are ephemeral and unpredictable".
        (Source::Pod(_), Some(_)) | (Source::Address(_), None) | (Source::OwnNode, _) => false,
    }
}

fn is_in(block: &IPBlock, address: IpAddr) -> bool {
    let holds = |cidr: &String| cidr.parse::<IpNet>().unwrap().contains(&address);
    holds(&block.cidr) && !block.except.iter().flatten().any(holds)
}

fn selects(selector: &LabelSelector, labels: &Labels) -> bool {
    Selector::try_from(selector.clone()).unwrap().matches(labels)
}
