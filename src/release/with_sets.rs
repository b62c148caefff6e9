//! What StatefulSets start with: they are never rolled back, so neither is what only they use (RULES.md T6).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::render::read_by;

/// The objects, by kind and name, that these StatefulSets use and none of these Deployments does.
pub fn only_for_sets<'a>(
    sets: impl IntoIterator<Item = &'a Value>,
    deployments: impl IntoIterator<Item = &'a Value>,
) -> BTreeSet<(String, String)> {
    let used = |object: &Value| read_by(&object["spec"]["template"]);
    let mut only = BTreeSet::new();
    for set in sets {
        only.extend(used(set));
        if let Some(service) = set["spec"]["serviceName"].as_str() {
            only.insert(("Service".to_owned(), service.to_owned()));
        }
    }
    for deployment in deployments {
        let used = used(deployment);
        only.retain(|object| !used.contains(object));
    }
    only
}
