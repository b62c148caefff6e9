//! The alerts that an environment lacks.

use std::fmt;

use super::monitoring::Monitoring;

/// Alerts that are not rendered, for they could never fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unwatched {
    /// Their names.
    pub alerts: &'static [&'static str],
    /// What their source would be, and how to have it.
    pub lacks: &'static str,
}

impl fmt::Display for Unwatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no alert {}: {}", self.alerts.join(", "), self.lacks)
    }
}

impl Monitoring {
    /// What nobody will be told of in this environment.
    pub fn unwatched(&self) -> Vec<Unwatched> {
        let mut found = Vec::new();
        if self.traefik.target.is_empty() && !self.traefik.operator && self.exporter.probes.graphql_api.url.is_empty() {
            found.push(Unwatched {
                alerts: &["HighAPIErrorRate", "HighAPILatency"],
                lacks: "requests are counted nowhere (monitoring.traefik.target, monitoring.traefik.operator, or \
                        monitoring.exporter.probes.graphqlApi.url)",
            });
        }
        if !self.exporter.api_server {
            found.push(Unwatched {
                alerts: &["DeployLockStuck", "HighCPUUsage", "HighMemoryUsage"],
                lacks: "the exporter does not ask the API server (monitoring.exporter.apiServer)",
            });
        }
        found
    }
}
