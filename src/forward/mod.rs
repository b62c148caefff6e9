//! A port of this machine that leads to a Service, through the API server: for whoever cannot reach the pods' network.

mod address;
mod backend;
mod carry;
mod serve;

pub use address::address;
pub use serve::{Told, listen, serve};

use crate::cluster::Access;

/// What can be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum What {
    /// The storefront.
    Shop,
    /// Saleor's dashboard.
    Dashboard,
    /// The dashboards of the monitoring.
    Grafana,
    /// The metrics.
    Prometheus,
    /// The alerts.
    Alertmanager,
}

impl What {
    /// Everything that can be.
    pub const ALL: [Self; 5] = [Self::Shop, Self::Dashboard, Self::Grafana, Self::Prometheus, Self::Alertmanager];

    /// "shop".
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shop => "shop",
            Self::Dashboard => "dashboard",
            Self::Grafana => "grafana",
            Self::Prometheus => "prometheus",
            Self::Alertmanager => "alertmanager",
        }
    }

    /// Its Service.
    pub fn service(self) -> &'static str {
        match self {
            Self::Shop => "saleor-storefront",
            Self::Dashboard => "saleor-dashboard",
            other => other.as_str(),
        }
    }

    /// Where its first page is.
    pub fn path(self) -> &'static str {
        if self == Self::Dashboard { "/dashboard/" } else { "/" }
    }
}

/// What somebody must be allowed to do to see what there is.
pub fn rights_to_list(namespace: &str) -> Vec<Access> {
    vec![Access::to("get", "", "services", namespace)]
}

/// What somebody must be allowed to do to forward a port. A connection is asked for by GET, as WebSockets are; newer
/// servers want the right to create it as well, and say so
/// (<https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb>).
pub fn rights(namespace: &str) -> Vec<Access> {
    let all = [("get", "services"), ("list", "pods"), ("watch", "pods"), ("get", "pods/portforward")];
    all.map(|(verb, resource)| Access::to(verb, "", resource, namespace)).into()
}
