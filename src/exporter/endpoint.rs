//! What is probed, and where.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Error, bail};
use http::Uri;
use prometheus_client::encoding::EncodeLabelValue;

/// What a shop consists of, as its users see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "they are the label's values")]
pub enum Endpoint {
    /// The storefront, inside.
    storefront,
    /// The API's `/graphql/`.
    graphql_api,
    /// `/dashboard/`, through the Ingress.
    dashboard,
    /// Grafana.
    grafana,
    /// Alertmanager.
    alertmanager,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::storefront, Self::graphql_api, Self::dashboard, Self::grafana, Self::alertmanager];
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl FromStr for Endpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|endpoint| endpoint.to_string() == text);
        known.with_context(|| {
            let names: Vec<String> = Self::ALL.iter().map(ToString::to_string).collect();
            format!("{text:?} is not an endpoint; the endpoints are {}", names.join(", "))
        })
    }
}

/// An endpoint with its address: `dashboard=http://traefik.kube-system/dashboard/`.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Which one.
    pub endpoint: Endpoint,
    /// Its http or https URL.
    pub uri: Uri,
}

impl FromStr for Probe {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (endpoint, url) = text.split_once('=').with_context(|| format!("{text:?} is not ENDPOINT=URL"))?;
        let endpoint = endpoint.parse()?;
        let uri: Uri = url.parse().with_context(|| format!("{url:?} is not a URL"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
            bail!("{url:?} is not an http or https URL; an example: http://saleor-api:8000/graphql/");
        }
        Ok(Self { endpoint, uri })
    }
}

/// The Host that an endpoint is asked for where it is not its URL's: `dashboard=keyboss.example`.
#[derive(Clone, Debug)]
pub struct HostOf {
    /// Which endpoint.
    pub endpoint: Endpoint,
    /// Its host.
    pub host: String,
}

impl FromStr for HostOf {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (endpoint, host) = text.split_once('=').with_context(|| format!("{text:?} is not ENDPOINT=HOST"))?;
        http::HeaderValue::from_str(host).with_context(|| format!("{host:?} is not a host name"))?;
        Ok(Self { endpoint: endpoint.parse()?, host: host.to_owned() })
    }
}
