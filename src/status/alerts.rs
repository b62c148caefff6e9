//! The alerts that fire, asked of the shop's Alertmanager, which knows what is silenced; of its Prometheus where that does
//! not answer. Both through the API server, so that whoever asks need not reach the pods' network: by its proxy, and where
//! that is not allowed, or a NetworkPolicy lets it go unanswered, by a forwarded port.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::time::timeout;

use crate::cluster::{Cluster, Fault};
use crate::readiness::World;

/// How long the proxy may take.
const PROXIED: Duration = Duration::from_secs(1);
/// How long a forwarded port may.
const FORWARDED: Duration = Duration::from_secs(4);

/// Who is asked: the label `app.kubernetes.io/name`, the port, and the question
/// (<https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>,
/// <https://prometheus.io/docs/prometheus/latest/querying/api/#alerts>).
const ASKED: [(&str, u16, &str); 2] = [
    ("alertmanager", 9093, "/api/v2/alerts?active=true&silenced=false&inhibited=false&unprocessed=false"),
    ("prometheus", 9090, "/api/v1/alerts"),
];

/// An alert that fires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// Its name.
    pub name: String,
    /// "critical" or "warning".
    pub severity: Option<String>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What it means.
    pub summary: Option<String>,
}

/// The alerts that fire, critical ones first; None where the shop has no monitoring.
///
/// # Errors
/// Why nobody has answered.
pub async fn alerts(cluster: &Cluster, world: &World) -> Result<Option<Vec<Alert>>, Fault> {
    let mut refused = Vec::new();
    for (name, port, path) in ASKED {
        let Some(pod) = pod_of(world, name) else { continue };
        match page(cluster, pod, port, path).await.and_then(|page| read(&page)) {
            Ok(alerts) => return Ok(Some(alerts)),
            Err(fault) => refused.push(format!("{pod} cannot be asked: {fault}")),
        }
    }
    if refused.is_empty() { Ok(None) } else { Err(Fault::Other(refused.join("; "))) }
}

/// What a pod answers, in either way.
async fn page(cluster: &Cluster, pod: &str, port: u16, path: &str) -> Result<String, Fault> {
    let late = |limit: Duration| Fault::Other(format!("no answer within {} s", limit.as_secs()));
    let proxied = timeout(PROXIED, cluster.page(pod, port, path)).await;
    let proxied = match proxied.unwrap_or_else(|_| Err(late(PROXIED))) {
        Ok(page) => return Ok(page),
        Err(fault) => fault,
    };
    let forwarded = timeout(FORWARDED, cluster.page_by_tunnel(pod, port, path)).await;
    forwarded
        .unwrap_or_else(|_| Err(late(FORWARDED)))
        .map_err(|fault| Fault::Other(format!("by proxy: {proxied}; by a forwarded port: {fault}")))
}

/// The pod of that name, one that is ready before another.
fn pod_of<'a>(world: &'a World, name: &str) -> Option<&'a str> {
    let is_its = |labels: &std::collections::BTreeMap<String, String>| {
        labels.get("app.kubernetes.io/name").is_some_and(|label| label == name)
    };
    let pods = world.pods.iter().filter(|(_, pod)| pod.metadata.labels.as_ref().is_some_and(is_its));
    let is_ready = |(_, pod): &(&String, &std::sync::Arc<k8s_openapi::api::core::v1::Pod>)| {
        let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
        conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    };
    pods.max_by_key(is_ready).map(|(name, _)| name.as_str())
}

/// Reads the answer of either.
fn read(page: &str) -> Result<Vec<Alert>, Fault> {
    let unreadable = || Fault::Other("its answer is no list of alerts".to_owned());
    let answer: Value = serde_json::from_str(page).map_err(|_| unreadable())?;
    let list = answer.as_array().or_else(|| answer["data"]["alerts"].as_array()).ok_or_else(unreadable)?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut alerts: Vec<Alert> = list
        .iter()
        // Prometheus tells those that wait for their time too.
        .filter(|alert| alert["state"].as_str().is_none_or(|state| state == "firing"))
        .map(|alert| Alert {
            name: text(&alert["labels"]["alertname"]).unwrap_or_default(),
            severity: text(&alert["labels"]["severity"]),
            since: [&alert["startsAt"], &alert["activeAt"]].iter().find_map(|time| time.as_str()?.parse().ok()),
            summary: [&alert["annotations"]["summary"], &alert["annotations"]["description"]]
                .into_iter()
                .find_map(text),
        })
        .collect();
    alerts.sort_by_key(|alert| (alert.severity.as_deref() != Some("critical"), alert.since, alert.name.clone()));
    Ok(alerts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_answers_are_read_and_the_critical_come_first() {
        let alertmanager = r#"[
            {"labels": {"alertname": "HighAPILatency", "severity": "warning"}, "annotations": {"summary": "slow"},
             "startsAt": "2026-01-02T03:00:00.123Z", "status": {"state": "active"}},
            {"labels": {"alertname": "SaleorAPIDown", "severity": "critical"}, "annotations": {"description": "down"},
             "startsAt": "2026-01-02T04:00:00Z", "status": {"state": "active"}}]"#;
        let names = |page| read(page).unwrap().into_iter().map(|alert| alert.name).collect::<Vec<_>>();
        assert_eq!(names(alertmanager), ["SaleorAPIDown", "HighAPILatency"]);
        let first = &read(alertmanager).unwrap()[0];
        let expected = Alert {
            name: "SaleorAPIDown".to_owned(),
            severity: Some("critical".to_owned()),
            since: Some("2026-01-02T04:00:00Z".parse().unwrap()),
            summary: Some("down".to_owned()),
        };
        assert_eq!(*first, expected);
        let prometheus = r#"{"status": "success", "data": {"alerts": [
            {"labels": {"alertname": "A"}, "annotations": {}, "state": "firing", "activeAt": "2026-01-02T03:00:00Z"},
            {"labels": {"alertname": "B"}, "annotations": {}, "state": "pending", "activeAt": "2026-01-02T03:00:00Z"}]}}"#;
        assert_eq!(names(prometheus), ["A"]);
        assert_eq!(names("[]"), [""; 0]);
        for page in ["<html>", "{}", "{\"status\": \"error\"}"] {
            assert!(read(page).is_err(), "{page}");
        }
    }
}
