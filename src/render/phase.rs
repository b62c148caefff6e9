//! The eight phases.

use std::str::FromStr;
use std::time::Duration;

use anyhow::bail;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One phase of a deploy; the order is the pipeline's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Namespace, ConfigMaps, Secrets, NetworkPolicies.
    Config,
    /// PostgreSQL and Redis.
    Stateful,
    /// The Django migration, and the demo catalogue.
    Migration,
    /// The shop itself.
    Deployments,
    /// Autoscalers and Sentinels.
    Availability,
    /// The daily dump.
    Backup,
    /// Prometheus, Grafana, Alertmanager, exporters.
    Monitoring,
    /// Registration with the cluster's own Prometheus operator.
    ServiceMonitors,
}

impl Phase {
    /// All phases, in order.
    pub const ALL: [Self; 8] = [
        Self::Config,
        Self::Stateful,
        Self::Migration,
        Self::Deployments,
        Self::Availability,
        Self::Backup,
        Self::Monitoring,
        Self::ServiceMonitors,
    ];

    /// Its number, from 1.
    pub fn number(self) -> usize {
        self as usize + 1
    }

    /// Its short name, as `--from` and `--only` take it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Stateful => "stateful",
            Self::Migration => "migration",
            Self::Deployments => "deployments",
            Self::Availability => "availability",
            Self::Backup => "backup",
            Self::Monitoring => "monitoring",
            Self::ServiceMonitors => "servicemonitors",
        }
    }

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Config => "Namespace & config",
            Self::Stateful => "Stateful",
            Self::Migration => "Migration",
            Self::Deployments => "Deployments",
            Self::Availability => "High availability",
            Self::Backup => "Backup",
            Self::Monitoring => "Monitoring",
            Self::ServiceMonitors => "ServiceMonitors",
        }
    }

    /// Its folder in `manifests/`.
    pub fn folder(self) -> String {
        format!("{}-{}", self.number(), self.name())
    }

    /// How long it may take by default.
    pub fn timeout(self) -> Duration {
        Duration::from_secs(match self {
            Self::Config | Self::Backup | Self::ServiceMonitors => 60,
            Self::Availability => 180,
            Self::Stateful | Self::Migration | Self::Deployments | Self::Monitoring => 300,
        })
    }
}

impl Serialize for Phase {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Phase {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl FromStr for Phase {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = text.to_lowercase();
        for phase in Self::ALL {
            if wanted == phase.number().to_string() || wanted == phase.name() || wanted == phase.folder() {
                return Ok(phase);
            }
        }
        let known: Vec<String> = Self::ALL.iter().map(|phase| format!("{} {}", phase.number(), phase.name())).collect();
        bail!("{text:?} is not a phase; the phases are: {}", known.join(", "))
    }
}
