//! Which containers of a pod are read, and what each is called.

use k8s_openapi::api::core::v1::{Container, Pod};

/// The containers to read: the one asked for where the pod has it, else all but the init containers.
pub fn containers(pod: &Pod, asked: Option<&str>) -> Vec<String> {
    match asked {
        Some(asked) => all(pod).filter(|container| container.name == asked).map(|one| one.name.clone()).collect(),
        None => main(pod).map(|one| one.name.clone()).collect(),
    }
}

/// Every container of a pod, init containers too.
pub fn all(pod: &Pod) -> impl Iterator<Item = &Container> {
    pod.spec.iter().flat_map(|spec| spec.init_containers.iter().flatten()).chain(main(pod))
}

fn main(pod: &Pod) -> impl Iterator<Item = &Container> {
    pod.spec.iter().flat_map(|spec| &spec.containers)
}

/// The pod's name without its template's hash, and where it has several containers, which one.
pub fn source(pod: &Pod, container: &str) -> String {
    let name = short(pod);
    if all(pod).count() > 1 { format!("{name}/{container}") } else { name }
}

/// `saleor-api-x2k4l` for `saleor-api-6d5f8c7b9-x2k4l`.
pub fn short(pod: &Pod) -> String {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let hash = pod.metadata.labels.as_ref().and_then(|labels| labels.get("pod-template-hash"));
    hash.map_or_else(|| name.to_owned(), |hash| name.replacen(&format!("-{hash}-"), "-", 1))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_container_is_called_by_its_pods_short_name() {
        let pod = |name: &str, hash: &str, containers: &[&str], init: &[&str]| -> Pod {
            let named = |names: &[&str]| names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>();
            let labels = if hash.is_empty() { json!({}) } else { json!({"pod-template-hash": hash}) };
            serde_json::from_value(json!({"metadata": {"name": name, "labels": labels},
                "spec": {"containers": named(containers), "initContainers": named(init)}}))
            .unwrap()
        };
        for (pod, asked, expected) in [
            (pod("postgres-0", "", &["postgres"], &[]), None, &["postgres-0"][..]),
            (pod("saleor-api-6d5f8-x2k4l", "6d5f8", &["saleor-api"], &[]), None, &["saleor-api-x2k4l"]),
            (pod("api-6d5f8-x2k4l", "6d5f8", &["a", "files"], &[]), None, &["api-x2k4l/a", "api-x2k4l/files"]),
            (pod("api-6d5f8-x2k4l", "6d5f8", &["a", "files"], &[]), Some("files"), &["api-x2k4l/files"]),
            (pod("seed-1-x", "", &["record"], &["look", "load"]), None, &["seed-1-x/record"]),
            (pod("seed-1-x", "", &["record"], &["look", "load"]), Some("load"), &["seed-1-x/load"]),
            (pod("seed-1-x", "", &["record"], &[]), Some("load"), &[]),
        ] {
            let found: Vec<String> = containers(&pod, asked).iter().map(|container| source(&pod, container)).collect();
            assert_eq!(found, expected, "{asked:?}");
        }
    }
}
