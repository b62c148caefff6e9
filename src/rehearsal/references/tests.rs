//! The project's own plans, and a small shop with one thing changed at a time.

use serde::Deserialize;
use serde_json::Value;

use super::*;
use crate::environment::{Environment, Project};
use crate::render::{self, Object, Phase};

/// What is replaced by what in the small shop.
pub type Edit = (&'static str, &'static str);

const SHOP: &str = include_str!("tests/shop.yaml");

fn shop(text: &str) -> Plan {
    let mut plan = Plan::default();
    for document in serde_yaml::Deserializer::from_str(text) {
        let value = Value::deserialize(document).unwrap();
        plan.add(Phase::Config, Object::new("shop.yaml".to_owned(), value).unwrap()).unwrap();
    }
    plan
}

fn findings(text: &str, max_size: &str) -> Vec<String> {
    let existing = Existing {
        secrets: ["registry".to_owned(), "kubeconfig".to_owned()].into(),
        service_accounts: ["outside".to_owned()].into(),
    };
    let storage = Storage { class: "fast".to_owned(), max_size: max_size.to_owned() };
    check(&shop(text), &storage, &existing).iter().map(ToString::to_string).collect()
}

/// That each edit of the small shop makes these findings and no others; all begin alike.
pub fn assert_findings(beginning: &str, table: &[(Edit, &[&str])]) {
    for ((from, to), expected) in table {
        assert_eq!(SHOP.matches(from).count(), 1, "{from:?} has to stand in the shop once");
        let expected: Vec<String> = expected.iter().map(|end| format!("shop.yaml: {beginning}{end}")).collect();
        assert_eq!(findings(&SHOP.replace(from, to), "1Gi"), expected, "{from:?} -> {to:?}");
    }
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    for max_size in ["1Gi", "", "10Gi"] {
        assert_eq!(findings(SHOP, max_size), [""; 0]);
    }
}

#[test]
fn nothing_is_found_in_the_projects_own_manifests() {
    let table: &[(&str, &[&str])] = &[
        ("local", &[]),
        ("deti", &[]),
        ("deti", &["imagePullSecrets=[registry]", "media.bucket=b", "saleor.seed=false"]),
        ("local", &["clients.prometheus.kubeconfigSecret=k", "clients.kubeStateMetrics.serviceAccount=a"]),
        ("local", &["clients.watchdog.serviceAccount=a", "networkPolicies.ingressNamespace="]),
        ("local", &["clients.prometheus.serviceAccount=a", "monitoring.grafana.host=g.localhost"]),
    ];
    for (name, sets) in table {
        let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
        let environment = Environment::load(&Project::BuiltIn, name, &sets).unwrap();
        let plan = render::plan(&Project::BuiltIn, &environment).unwrap();
        let findings = check(&plan, &environment.values.storage, &Existing::of(&environment));
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "{name} {sets:?}:\n{}", lines.join("\n"));
    }
}

#[test]
fn what_the_environment_says_exists_would_be_found_missing() {
    let environment = Environment::load(&Project::BuiltIn, "deti", &["imagePullSecrets=[r]".to_owned()]).unwrap();
    let plan = render::plan(&Project::BuiltIn, &environment).unwrap();
    let findings = check(&plan, &environment.values.storage, &Existing::default());
    let reasons = |reason: &str| findings.iter().filter(|finding| finding.reason == reason).count();
    assert_eq!(reasons("there is no Secret ksm-kubeconfig"), 3);
    assert_eq!(reasons("there is no Secret r"), plan.objects().filter(|(_, o)| o.pod_template().is_some()).count());
}
