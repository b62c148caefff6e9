//! The examples of Kubernetes' own pages, and what these say of them.

use serde::Deserialize;

use super::*;

/// Pods `db` of namespace default, on 6379, from addresses, from a namespace and from pods
/// (<https://kubernetes.io/docs/concepts/services-networking/network-policies/#networkpolicy-resource>).
const EXAMPLE: &str = "
metadata: {name: test-network-policy, namespace: default}
spec:
  podSelector: {matchLabels: {role: db}}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - ipBlock: {cidr: 172.17.0.0/16, except: [172.17.1.0/24]}
        - namespaceSelector: {matchLabels: {project: myproject}}
        - podSelector: {matchLabels: {role: frontend}}
      ports: [{protocol: TCP, port: 6379}]
  egress:
    - {to: [{ipBlock: {cidr: 10.0.0.0/24}}], ports: [{protocol: TCP, port: 5978}]}
";
const DENY: &str = "{metadata: {name: deny, namespace: default}, spec: {podSelector: {}, policyTypes: [Ingress]}}";
const ALLOW: &str =
    "{metadata: {name: allow, namespace: default}, spec: {podSelector: {}, ingress: [{}], policyTypes: [Ingress]}}";
const EGRESS: &str = "{metadata: {name: out, namespace: default}, spec: {podSelector: {}, policyTypes: [Egress]}}";
/// One peer with two selectors, and two peers with one each
/// (<https://kubernetes.io/docs/concepts/services-networking/network-policies/#behavior-of-to-and-from-selectors>).
const BOTH: &str = "
metadata: {name: both, namespace: default}
spec:
  podSelector: {}
  ingress:
    - from: [{namespaceSelector: {matchLabels: {user: alice}}, podSelector: {matchLabels: {role: client}}}]
";
const EITHER: &str = "
metadata: {name: either, namespace: default}
spec:
  podSelector: {}
  ingress:
    - from: [{namespaceSelector: {matchLabels: {user: alice}}}, {podSelector: {matchLabels: {role: client}}}]
";
/// <https://kubernetes.io/docs/concepts/services-networking/network-policies/#targeting-multiple-namespaces-by-label>
const NAMESPACES: &str = "
metadata: {name: namespaces, namespace: default}
spec:
  podSelector: {}
  ingress:
    - from:
        - namespaceSelector:
            matchExpressions: [{key: namespace, operator: In, values: [frontend, backend]}]
";
/// <https://kubernetes.io/docs/concepts/services-networking/network-policies/#targeting-a-range-of-ports>
const RANGE: &str = "
metadata: {name: range, namespace: default}
spec: {podSelector: {}, ingress: [{ports: [{protocol: TCP, port: 32000, endPort: 32768}]}]}
";
/// <https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/>: "If this is not provided,
/// this matches all port names and numbers", a name is that of a port of the pod, and the protocol is TCP.
const NAMED: &str = "
metadata: {name: named, namespace: default}
spec: {podSelector: {}, ingress: [{ports: [{port: redis}, {protocol: UDP}]}]}
";

/// A source: labels of a pod and of its namespace, or an address.
enum From {
    Pod(&'static str, &'static str, &'static str),
    Address(&'static str),
    Node,
}
use From::{Address, Node};

/// A pod of a namespace with one label each ("" for none).
const fn pod(namespace: &'static str, namespace_label: &'static str, label: &'static str) -> From {
    From::Pod(namespace, namespace_label, label)
}

fn labels(text: &str) -> Labels {
    text.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect()
}

fn source(from: &From) -> Source {
    match from {
        From::Pod(namespace, namespace_label, label) => Source::Pod(Pod {
            namespace: (*namespace).to_owned(),
            namespace_labels: labels(namespace_label),
            labels: labels(label),
            ports: Vec::new(),
        }),
        Address(address) => Source::Address(address.parse().unwrap()),
        Node => Source::OwnNode,
    }
}

/// To a pod of namespace default with this label, on this port, under these policies; and whether it arrives.
type Case = (&'static [&'static str], From, &'static str, (u16, &'static str), bool);

const REDIS: (u16, &str) = (6379, "TCP");

const CASES: &[Case] = &[
    (&[], pod("other", "", ""), "role=db", REDIS, true),
    (&[EGRESS], pod("other", "", ""), "role=db", REDIS, true),
    (&[EXAMPLE], pod("default", "", "role=frontend"), "role=db", REDIS, true),
    (&[EXAMPLE], pod("default", "", "role=frontend"), "role=db", (6380, "TCP"), false),
    (&[EXAMPLE], pod("default", "", "role=frontend"), "role=db", (6379, "UDP"), false),
    (&[EXAMPLE], pod("default", "", "role=backend"), "role=db", REDIS, false),
    (&[EXAMPLE], pod("default", "", "role=backend"), "role=web", REDIS, true),
    (&[EXAMPLE], pod("other", "", "role=frontend"), "role=db", REDIS, false),
    (&[EXAMPLE], pod("other", "project=myproject", ""), "role=db", REDIS, true),
    (&[EXAMPLE], Address("172.17.0.1"), "role=db", REDIS, true),
    (&[EXAMPLE], Address("172.17.1.1"), "role=db", REDIS, false),
    (&[EXAMPLE], Address("172.17.2.1"), "role=db", REDIS, true),
    (&[EXAMPLE], Address("172.18.0.1"), "role=db", REDIS, false),
    (&[EXAMPLE], Node, "role=db", REDIS, true),
    (&[DENY], pod("default", "", "role=frontend"), "role=db", REDIS, false),
    (&[DENY], Address("172.17.0.1"), "", REDIS, false),
    (&[DENY], Node, "", REDIS, true),
    (&[ALLOW], pod("other", "", ""), "role=db", (1, "UDP"), true),
    (&[ALLOW], Address("192.0.2.1"), "role=db", REDIS, true),
    (&[DENY, ALLOW], pod("other", "", ""), "role=db", REDIS, true),
    (&[DENY, EXAMPLE], pod("default", "", "role=frontend"), "role=db", REDIS, true),
    (&[DENY, EXAMPLE], pod("default", "", "role=frontend"), "role=web", REDIS, false),
    (&[BOTH], pod("other", "user=alice", "role=client"), "", REDIS, true),
    (&[BOTH], pod("other", "user=alice", ""), "", REDIS, false),
    (&[BOTH], pod("default", "", "role=client"), "", REDIS, false),
    (&[EITHER], pod("other", "user=alice", ""), "", REDIS, true),
    (&[EITHER], pod("default", "", "role=client"), "", REDIS, true),
    (&[EITHER], pod("other", "", "role=client"), "", REDIS, false),
    (&[EITHER], Address("192.0.2.1"), "", REDIS, false),
    (&[NAMESPACES], pod("a", "namespace=backend", ""), "", REDIS, true),
    (&[NAMESPACES], pod("a", "namespace=database", ""), "", REDIS, false),
    (&[RANGE], pod("other", "", ""), "", (32000, "TCP"), true),
    (&[RANGE], pod("other", "", ""), "", (32768, "TCP"), true),
    (&[RANGE], pod("other", "", ""), "", (32769, "TCP"), false),
    (&[NAMED], pod("other", "", ""), "", REDIS, true),
    (&[NAMED], pod("other", "", ""), "", (6380, "TCP"), false),
    (&[NAMED], pod("other", "", ""), "", (53, "UDP"), true),
];

#[test]
fn policies_mean_what_kubernetes_says() {
    for (texts, from, label, (port, protocol), arrives) in CASES {
        let read = |text: &&str| NetworkPolicy::deserialize(serde_yaml::Deserializer::from_str(text)).unwrap();
        let policies: Vec<NetworkPolicy> = texts.iter().map(read).collect();
        let ports = vec![Port { name: "redis".to_owned(), number: 6379, protocol: "TCP".to_owned() }];
        let to = Pod { namespace: "default".to_owned(), labels: labels(label), ports, ..Pod::default() };
        let from = source(from);
        let is_let_in = lets_in(&policies, &from, &to, *port, protocol);
        assert_eq!(is_let_in, *arrives, "{from:?} to {label:?} on {port}/{protocol} under {texts:#?}");
    }
}
