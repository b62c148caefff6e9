//! Which containers of a pod are read, and what each is called.

use k8s_openapi::api::core::v1::{Container, Pod};

use super::Asked;

/// Who writes a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The pod.
    pub pod: String,
    /// The container of that pod.
    pub container: String,
    /// For people: the pod's short name, and where it has several containers, which one.
    pub name: String,
}

/// The containers to read: the one asked for where the pod has it, else all, or all but the init containers.
pub fn containers(pod: &Pod, asked: &Asked) -> Vec<String> {
    match &asked.container {
        Some(asked) => all(pod).filter(|container| container.name == *asked).map(|one| one.name.clone()).collect(),
        None if asked.with_init => all(pod).map(|one| one.name.clone()).collect(),
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

/// A container of a pod, as the one who writes.
pub fn source(pod: &Pod, container: &str) -> Source {
    let name = match short(pod) {
        name if all(pod).count() > 1 => format!("{name}/{container}"),
        name => name,
    };
    Source { pod: pod.metadata.name.clone().unwrap_or_default(), container: container.to_owned(), name }
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
            let asked = Asked { container: asked.map(str::to_owned), ..Asked::default() };
            let found = containers(&pod, &asked);
            let names: Vec<String> = found.iter().map(|container| source(&pod, container).name).collect();
            assert_eq!(names, expected, "{asked:?}");
        }
        let asked = Asked { with_init: true, ..Asked::default() };
        assert_eq!(
            containers(&pod("seed-1-x", "", &["record"], &["look", "load"]), &asked),
            ["look", "load", "record"]
        );
    }
}
