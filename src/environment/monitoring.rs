//! The values under `monitoring`, typed.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Prometheus, Grafana, Alertmanager.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Monitoring {
    /// Prometheus.
    pub prometheus: Prometheus,
    /// Grafana.
    pub grafana: Grafana,
    /// Alertmanager.
    pub alertmanager: Alertmanager,
    /// The exporter of what the shop looks like.
    pub exporter: Exporter,
    /// Traefik's metrics.
    pub traefik: Traefik,
    /// The alert rules.
    pub rules: Rules,
    /// Labels of every ServiceMonitor and PrometheusRule.
    pub service_monitor_labels: BTreeMap<String, String>,
}

/// Prometheus.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prometheus {
    /// Size of its volume.
    pub storage: String,
    /// How long samples are kept, at most.
    pub retention: String,
    /// How often targets are scraped.
    pub scrape_interval: String,
}

/// Grafana.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grafana {
    /// Size of its volume.
    pub storage: String,
    /// Its Ingress host; empty for none.
    pub host: String,
    /// Labels of the dashboards' ConfigMap.
    pub dashboard_labels: BTreeMap<String, String>,
}

/// Alertmanager.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alertmanager {
    /// Size of its volume.
    pub storage: String,
    /// Its Ingress host; empty for none.
    pub host: String,
    /// A program that is told.
    pub webhook: Webhook,
    /// People that are told.
    pub email: Email,
}

/// A program that is told of alerts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Its URL; empty for none.
    pub url: String,
    /// Whether the secret `ALERTMANAGER_WEBHOOK_TOKEN` is sent along.
    pub token: bool,
}

/// People that are told of alerts.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Email {
    /// Their addresses; empty for none.
    pub to: String,
    /// The sender's address.
    pub from: String,
    /// The server's host and port.
    pub smarthost: String,
    /// Who signs in there, with the secret `ALERTMANAGER_SMTP_PASSWORD`; empty for nobody.
    pub username: String,
    /// Whether the server has to speak TLS.
    pub require_tls: bool,
}

/// The exporter.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exporter {
    /// Everything is asked every so many seconds.
    pub interval_seconds: u64,
    /// What takes longer, in seconds, does not answer.
    pub limit_seconds: u64,
    /// Whether the API server is asked too.
    pub api_server: bool,
    /// The endpoints.
    pub probes: Probes,
}

/// The endpoints that are probed.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Probes {
    /// The storefront.
    pub storefront: Probe,
    /// The API.
    pub graphql_api: Probe,
    /// The dashboard, through the Ingress.
    pub dashboard: Probe,
    /// Grafana.
    pub grafana: Probe,
    /// Alertmanager.
    pub alertmanager: Probe,
}

impl Probes {
    /// Each with the name of its value.
    pub fn named(&self) -> [(&'static str, &Probe); 5] {
        [
            ("storefront", &self.storefront),
            ("graphqlApi", &self.graphql_api),
            ("dashboard", &self.dashboard),
            ("grafana", &self.grafana),
            ("alertmanager", &self.alertmanager),
        ]
    }
}

/// One endpoint.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Its URL; empty where it is not probed.
    pub url: String,
    /// The Host to ask for; empty for that of the URL.
    pub host: String,
}

/// Traefik's metrics.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traefik {
    /// Host and port, for the Prometheus of the namespace; empty where they cannot be reached.
    pub target: String,
    /// Whether the operator's Prometheus has them.
    pub operator: bool,
}

/// The alert rules.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rules {
    /// What a runbook's link begins with.
    pub runbooks: String,
    /// A backup is too old after so many hours.
    pub backup_max_age_hours: u32,
}
