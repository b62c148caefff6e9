//! Whether the user may do everything that a deploy does.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Finding;
use crate::cluster::{Access, FOLLOWED};
use crate::pipeline::rights;
use crate::render::{Phase, Plan};

/// The check's name.
pub const CHECK: &str = "rights";

/// What it looks at while it waits: to list is enough, to watch is quicker.
pub fn to_follow(namespace: &str) -> Vec<Access> {
    let all = FOLLOWED.iter().flat_map(|(group, resource)| ["list", "watch"].map(|verb| (verb, *group, *resource)));
    all.chain([("get", "", "pods/log")]).map(|right| access(right, namespace)).collect()
}

/// What the Roles of a plan grant. Nobody may create a Role that grants more than he has himself
/// (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping>),
/// or else he needs to be allowed to `escalate`.
pub fn granted(plan: &Plan, namespace: &str) -> Vec<Access> {
    let texts = |rule: &Value, field: &str| -> Vec<String> {
        rule[field].as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let mut all = BTreeSet::new();
    let roles = plan.objects().filter(|(_, object)| object.id.kind == "Role");
    for rule in roles.filter_map(|(_, role)| role.value["rules"].as_array()).flatten() {
        let mut names = texts(rule, "resourceNames");
        if names.is_empty() {
            names.push(String::new());
        }
        for group in texts(rule, "apiGroups") {
            for resource in texts(rule, "resources") {
                for verb in texts(rule, "verbs") {
                    let named = names
                        .iter()
                        .map(|name| Access { name: name.clone(), ..access((&verb, &group, &resource), namespace) });
                    all.extend(named);
                }
            }
        }
    }
    all.into_iter().collect()
}

/// The right that lets somebody create any Role.
pub fn to_escalate(namespace: &str) -> Access {
    access(("escalate", "rbac.authorization.k8s.io", "roles"), namespace)
}

fn access((verb, group, resource): (&str, &str, &str), namespace: &str) -> Access {
    let [verb, group, resource, namespace] = [verb, group, resource, namespace].map(str::to_owned);
    Access { verb, group, resource, namespace, name: String::new() }
}

/// What is lacking: of what the plan's objects need, of [`to_follow`], and of what the plan's Roles grant.
pub fn check(plan: &[(Phase, Access)], follow: &[Access], grant: &[Access], namespace: &str) -> Vec<Finding> {
    let ask = format!("ask the administrators of namespace {namespace} for it (see `kubectl auth can-i`)");
    let mut wrong = Vec::new();
    for (phase, access) in plan {
        wrong.push(match phase {
            Phase::ServiceMonitors => Finding::warn(
                CHECK,
                format!("you may not {access} in namespace {namespace}: phase 8 servicemonitors will be skipped"),
                ask.clone(),
            ),
            _ => Finding::fail(CHECK, rights::why(*phase, access, namespace), ask.clone()),
        });
    }
    for access in follow {
        let may_not = format!("you may not {access} in namespace {namespace}");
        wrong.push(match (access.verb.as_str(), access.resource.as_str()) {
            ("list", _) => Finding::fail(CHECK, format!("{may_not}: a deploy does not see what is ready"), ask.clone()),
            ("watch", _) => Finding::warn(CHECK, format!("{may_not}: it is asked for every 2 s instead"), ""),
            _ => Finding::warn(CHECK, format!("{may_not}: what fails is told without the end of its log"), ask.clone()),
        });
    }
    if !grant.is_empty() {
        let lacking: Vec<String> = grant.iter().map(ToString::to_string).collect();
        wrong.push(Finding::fail(
            CHECK,
            format!(
                "you may not create the plan's Roles, for they grant what you may not do yourself in namespace {namespace}: {}",
                lacking.join(", ")
            ),
            "name an account, or a Secret with a kubeconfig, in `clients` (README, On a tenant's cluster)",
        ));
    }
    wrong.dedup();
    Finding::all_or(wrong, || Finding::ok(CHECK, "you may do everything that a deploy does"))
}
