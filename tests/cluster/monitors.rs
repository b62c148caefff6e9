//! What the shop's own Prometheus and Alertmanager say.

use std::process::Command;

use serde_json::Value;

use crate::shop::Shop;

/// What Prometheus answers to a query: every series with its newest value.
pub fn query(shop: &Shop, expression: &str) -> Option<Vec<Value>> {
    let answer = get(shop, "prometheus", 9090, "/api/v1/query", &[("query", expression)])?;
    assert_eq!(answer["status"], "success", "{expression}: {answer}");
    answer["data"]["result"].as_array().cloned()
}

/// The targets that Prometheus scrapes.
pub fn targets(shop: &Shop) -> Option<Vec<Value>> {
    get(shop, "prometheus", 9090, "/api/v1/targets", &[("state", "active")])?["data"]["activeTargets"]
        .as_array()
        .cloned()
}

/// Whether Prometheus has the alert in that state, "pending" or "firing".
pub fn is(shop: &Shop, alert: &str, state: &str) -> Option<()> {
    let answer = get(shop, "prometheus", 9090, "/api/v1/alerts", &[])?;
    let alerts = answer["data"]["alerts"].as_array()?;
    alerts.iter().any(|found| found["labels"]["alertname"] == alert && found["state"] == state).then_some(())
}

/// The alert as Alertmanager has it, null when it has it not.
pub fn told(shop: &Shop, alert: &str) -> Option<Value> {
    let answer = get(shop, "alertmanager", 9093, "/api/v2/alerts", &[])?;
    let found = answer.as_array()?.iter().find(|found| found["labels"]["alertname"] == alert);
    Some(found.cloned().unwrap_or_default())
}

fn get(shop: &Shop, service: &str, port: u16, path: &str, parameters: &[(&str, &str)]) -> Option<Value> {
    let service = shop.namespace.get(&["service", service]);
    let address = service["spec"]["clusterIP"].as_str()?.to_owned();
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-m", "5", "-G"]);
    for (key, value) in parameters {
        curl.arg("--data-urlencode").arg(format!("{key}={value}"));
    }
    let output = curl.arg(format!("http://{address}:{port}{path}")).output().ok()?;
    serde_json::from_slice(&output.stdout).ok()
}
