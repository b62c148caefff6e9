//! Whether what the claims of a plan ask for can be had: the storage class
//! (<https://kubernetes.io/docs/concepts/storage/storage-classes/>).

use std::collections::BTreeMap;

use serde_json::Value;

use super::Finding;
use super::claims::Claim;

/// The check's name.
pub const CHECK: &str = "storage";

/// Marks the class of claims that name none; the second is that of old clusters.
const DEFAULT: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
/// A class whose volumes somebody has to make by hand.
const BY_HAND: &str = "kubernetes.io/no-provisioner";

/// Looks at the class of every claim that has no volume yet; `classes` are those of the cluster, or why they are not
/// known.
pub fn check(claims: &[Claim], classes: &Result<Vec<Value>, String>) -> Vec<Finding> {
    let mut wanted: BTreeMap<Option<&str>, Vec<&str>> = BTreeMap::new();
    for claim in claims.iter().filter(|claim| !claim.is_bound) {
        wanted.entry(claim.class.as_deref()).or_default().push(&claim.name);
    }
    if wanted.is_empty() {
        return vec![Finding::ok(CHECK, format!("{}, all with their volumes", super::count(claims.len(), "claim")))];
    }
    let classes = match classes {
        Ok(classes) => classes,
        Err(why) => {
            let named: Vec<&str> = wanted.keys().map(|class| class.unwrap_or("(default)")).collect();
            return vec![Finding::warn(
                CHECK,
                format!("not checked whether there is the storage class {}: {why}", named.join(", ")),
                "ask the cluster's administrators",
            )];
        }
    };
    wanted.into_iter().map(|(class, names)| of_class(class, &names, classes)).collect()
}

fn of_class(class: Option<&str>, names: &[&str], classes: &[Value]) -> Finding {
    let known: Vec<&str> = classes.iter().filter_map(name).collect();
    let known = if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
    let names = names.join(", ");
    let found = match class {
        Some(class) => classes.iter().find(|of| name(of) == Some(class)),
        None => classes.iter().find(|of| is_default(of)),
    };
    match (found, class) {
        (Some(found), _) => {
            let named = name(found).unwrap_or_default();
            if found["provisioner"] == BY_HAND {
                return Finding::warn(
                    CHECK,
                    format!("storage class {named} makes no volumes by itself"),
                    format!("see to it that there are volumes for {names}"),
                );
            }
            Finding::ok(CHECK, format!("storage class {named} is there, for {names}"))
        }
        (None, Some(class)) => Finding::fail(
            CHECK,
            format!("the cluster has no storage class {class}, which {names} ask for; {known}"),
            "--set storage.class=NAME, with one that it has",
        ),
        (None, None) => Finding::fail(
            CHECK,
            format!("{names} name no storage class, and the cluster has no default one; {known}"),
            "--set storage.class=NAME, or mark a class as the default one",
        ),
    }
}

fn name(of: &Value) -> Option<&str> {
    of["metadata"]["name"].as_str()
}

fn is_default(class: &Value) -> bool {
    DEFAULT.iter().any(|annotation| class["metadata"]["annotations"][*annotation] == "true")
}
