//! Whether somebody serves the Ingresses of a plan
//! (<https://kubernetes.io/docs/concepts/services-networking/ingress/#ingress-class>).

use std::collections::BTreeSet;

use serde_json::Value;

use super::Finding;
use crate::render::Plan;

/// The check's name.
pub const CHECK: &str = "ingress";

const DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";
/// How an Ingress named its class before there were classes.
const OLD: &str = "kubernetes.io/ingress.class";
const CONSEQUENCE: &str = "a deploy succeeds, and nothing may lead to the shop";

/// Looks at the class of every Ingress; `classes` are those of the cluster, or why they are not known.
pub fn check(plan: &Plan, classes: &Result<Vec<Value>, String>) -> Vec<Finding> {
    let ingresses = plan.objects().filter(|(_, object)| object.id.kind == "Ingress");
    let wanted: BTreeSet<Option<&str>> = ingresses.map(|(_, object)| class(&object.value)).collect();
    if wanted.is_empty() {
        return vec![Finding::ok(CHECK, "the plan has no Ingress")];
    }
    let classes = match classes {
        Ok(classes) => classes,
        Err(why) => {
            let named: Vec<&str> = wanted.iter().map(|class| class.unwrap_or("(default)")).collect();
            return vec![Finding::warn(
                CHECK,
                format!("not checked whether there is the ingress class {}: {why}", named.join(", ")),
                "ask the cluster's administrators",
            )];
        }
    };
    let known: Vec<&str> = classes.iter().filter_map(name).collect();
    let has = if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
    let told = |class: Option<&str>| {
        let found = match class {
            Some(class) => known.iter().copied().find(|name| *name == class),
            None => classes.iter().find(|of| of["metadata"]["annotations"][DEFAULT] == "true").and_then(name),
        };
        match (found, class) {
            (Some(found), _) => Finding::ok(CHECK, format!("ingress class {found} is there")),
            (None, Some(class)) => Finding::warn(
                CHECK,
                format!("the cluster has no ingress class {class}; {has}; {CONSEQUENCE}"),
                format!(
                    "--set ingress.class=NAME with one that it has, or install a controller; one that reads Ingresses of \
                     {class} without such an object is well"
                ),
            ),
            (None, None) => Finding::warn(
                CHECK,
                format!("an Ingress names no class, and the cluster has no default one; {has}; {CONSEQUENCE}"),
                "--set ingress.class=NAME",
            ),
        }
    };
    wanted.into_iter().map(told).collect()
}

fn class(ingress: &Value) -> Option<&str> {
    ingress["spec"]["ingressClassName"].as_str().or_else(|| ingress["metadata"]["annotations"][OLD].as_str())
}

fn name(of: &Value) -> Option<&str> {
    of["metadata"]["name"].as_str()
}
