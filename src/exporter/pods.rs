//! CPU and memory of containers, from `metrics.k8s.io`: a tenant cannot scrape the kubelets
//! (<https://kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline/>).

use std::str::FromStr;

use serde_json::Value;

use crate::environment::Quantity;

/// What one container uses.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    /// Its pod.
    pub pod: String,
    /// Its name.
    pub container: String,
    /// CPUs.
    pub cores: f64,
    /// Bytes of memory.
    pub bytes: i64,
}

/// What every container of a PodMetricsList uses.
pub fn read(list: &Value) -> Vec<Usage> {
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut usage = Vec::new();
    for pod in items(&list["items"]) {
        for container in items(&pod["containers"]) {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let amount = |of: &str| container["usage"][of].as_str().and_then(|text| Quantity::from_str(text).ok());
            let (Some(cpu), Some(memory)) = (amount("cpu"), amount("memory")) else { continue };
            usage.push(Usage {
                pod: text(&pod["metadata"]["name"]),
                container: text(&container["name"]),
                cores: cpu.value(),
                #[allow(clippy::cast_possible_truncation, reason = "bytes of memory are whole, and fit")]
                bytes: memory.value() as i64,
            });
        }
    }
    usage
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_container_is_read_in_cores_and_bytes() {
        let list = json!({"kind": "PodMetricsList", "items": [{"metadata": {"name": "saleor-api-1"}, "containers": [
            {"name": "saleor-api", "usage": {"cpu": "12500000n", "memory": "300Mi"}},
            {"name": "files", "usage": {"cpu": "1m", "memory": "2048Ki"}},
            {"name": "odd", "usage": {"cpu": "?"}},
        ]}]});
        let usage = read(&list);
        let found: Vec<_> = usage.iter().map(|one| (one.container.as_str(), one.cores, one.bytes)).collect();
        assert_eq!(found, [("saleor-api", 0.0125, 300 << 20), ("files", 0.001, 2 << 20)]);
        assert_eq!(usage[0].pod, "saleor-api-1");
    }
}
