//! What a Prometheus connects to, by its configuration
//! (<https://prometheus.io/docs/prometheus/latest/configuration/configuration/>).

use serde_json::Value;

/// Every target, as host:port.
pub fn targets(config: &Value) -> Vec<String> {
    let alertmanagers = list(&config["alerting"]["alertmanagers"]).iter().flat_map(fixed);
    alertmanagers.chain(list(&config["scrape_configs"]).iter().flat_map(scraped)).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn fixed(config: &Value) -> Vec<String> {
    let targets = list(&config["static_configs"]).iter().flat_map(|one| list(&one["targets"]));
    targets.map(|target| target.as_str().unwrap().to_owned()).collect()
}

/// Relabelling may send the question for a target to another address: one exporter that asks whomever it is told to.
fn scraped(config: &Value) -> Vec<String> {
    let is_address = |rule: &&Value| rule["target_label"] == "__address__" && rule["source_labels"].is_null();
    if let Some(rule) = list(&config["relabel_configs"]).iter().find(is_address) {
        return vec![rule["replacement"].as_str().unwrap().to_owned()];
    }
    let mut all = fixed(config);
    for looked_up in list(&config["dns_sd_configs"]) {
        let names = list(&looked_up["names"]).iter().map(|name| name.as_str().unwrap());
        all.extend(names.map(|name| format!("{name}:{}", looked_up["port"])));
    }
    all
}

/// Whether it looks for pods that ask to be scraped, by an annotation.
pub fn discovers_pods(config: &Value) -> bool {
    list(&config["scrape_configs"]).iter().any(|config| config["kubernetes_sd_configs"][0]["role"] == "pod")
}

#[test]
fn targets_are_where_the_question_goes() {
    let config = serde_json::json!({
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["a:1"]}]}]},
        "scrape_configs": [
            {"static_configs": [{"targets": ["b:2", "c:3"]}, {"targets": ["d:4"]}]},
            {"dns_sd_configs": [{"names": ["e"], "type": "A", "port": 5}]},
            {
                "static_configs": [{"targets": ["redis://f:6"]}],
                "relabel_configs": [
                    {"source_labels": ["__address__"], "target_label": "__param_target"},
                    {"target_label": "__address__", "replacement": "g:7"},
                ],
            },
            {"kubernetes_sd_configs": [{"role": "pod"}]},
        ],
    });
    assert_eq!(targets(&config), ["a:1", "b:2", "c:3", "d:4", "e:5", "g:7"]);
    assert!(discovers_pods(&config));
    assert!(!discovers_pods(&serde_json::json!({"scrape_configs": [{"static_configs": []}]})));
}
