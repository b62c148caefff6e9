//! What is declared is let in, and nothing else is.

use std::collections::BTreeSet;

use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde::Deserialize;

use crate::declared::{Client, Connection, declared};
use crate::semantics::{Pod, Source, isolates, lets_in};
use crate::shop::{Shop, Workload};
use crate::sources::{Somebody, anothers, everybody};

/// A port that no container has.
const UNKNOWN: u16 = 1;

/// Everything that somebody tries at a workload of which does not become what was declared.
pub fn surprises(
    policies: &[NetworkPolicy],
    to: &Workload,
    declared: &BTreeSet<Connection>,
    everybody: &[Somebody],
) -> impl Iterator<Item = String> {
    // The others have no say.
    let about: Vec<_> = policies.iter().filter(|policy| isolates(policy, &to.pod)).cloned().collect();
    let ports = to.pod.ports.iter().map(|port| port.number).chain([UNKNOWN]);
    let tries = ports.flat_map(|port| everybody.iter().map(move |somebody| (port, somebody)));
    tries.filter_map(move |(port, somebody)| {
        let is_wanted = somebody.may_be.iter().any(|client| {
            let connection = Connection { from: client.clone(), to: to.name.clone(), port };
            // Whatever the kubelet wants, no policy keeps its node out.
            *client == Client::Kubelet || declared.contains(&connection)
        });
        let is_let_in = lets_in(&about, &somebody.source, &to.pod, port, "TCP");
        let what = if is_let_in { "is let in" } else { "is kept out" };
        (is_let_in != is_wanted).then(|| format!("{} {what}: {} on {port}", somebody.name, to.name))
    })
}

#[test]
fn what_is_declared_is_let_in_and_nothing_else() {
    for (shop, name) in Shop::all() {
        let (declared, everybody) = (declared(shop), everybody(shop));
        let all = shop.workloads.iter().flat_map(|to| surprises(&shop.policies, to, &declared, &everybody));
        let found: Vec<String> = all.collect();
        assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
    }
}

#[test]
fn only_what_arrives_is_looked_at() {
    for policy in Shop::all().flat_map(|(shop, _)| &shop.policies) {
        let types = policy.spec.as_ref().unwrap().policy_types.as_deref();
        assert_eq!(types, Some(&["Ingress".to_owned()][..]), "{:?}", policy.metadata.name);
    }
}

#[test]
fn pods_of_others_are_left_alone() {
    for (shop, name) in Shop::all() {
        for workload in &shop.workloads {
            let mut pod = workload.pod.clone();
            pod.labels = anothers(&pod.labels);
            let about = shop.policies.iter().find(|policy| isolates(policy, &pod));
            assert!(about.is_none(), "{name}: another's {}: {about:?}", workload.name);
        }
    }
}

#[test]
fn switched_off_there_are_none() {
    for place in ["local", "deti"] {
        let shop = Shop::render(&(place, &["networkPolicies.enabled=false"]));
        assert!(shop.policies.is_empty(), "{place}: {:?}", shop.policies);
        assert!(!Shop::render(&(place, &[])).policies.is_empty(), "{place}");
    }
}

#[test]
fn the_policy_of_the_readme_lets_a_pod_of_ones_own_in() {
    let (_, section) = include_str!("../../README.md").split_once("## Who connects to whom").unwrap();
    let text = section.split("```").nth(1).and_then(|block| block.strip_prefix("yaml")).unwrap();
    let policy = NetworkPolicy::deserialize(serde_yaml::Deserializer::from_str(text)).unwrap();
    let (shop, _) = Shop::all().next().unwrap();
    let labels = [("app".to_owned(), "report".to_owned())].into();
    let own = Source::Pod(Pod { namespace: "keyboss".to_owned(), labels, ..Pod::default() });
    let open = |policies: &[NetworkPolicy]| -> BTreeSet<(&str, u16)> {
        let doors = shop.workloads.iter().flat_map(|to| to.pod.ports.iter().map(move |port| (to, port.number)));
        let open = doors.filter(|(to, port)| lets_in(policies, &own, &to.pod, *port, "TCP"));
        open.map(|(to, port)| (to.name.as_str(), port)).collect()
    };
    let before = open(&shop.policies);
    let after = open(&[&shop.policies[..], &[policy]].concat());
    assert_eq!(after.difference(&before).collect::<Vec<_>>(), [&("postgres", 5432)]);
}
