//! One endpoint, probed again and again.

use tokio::time::{Instant, timeout};

use super::client::Client;
use super::{Endpoint, Metrics, Pace, Probe, catalogue};

/// How one endpoint is probed.
pub struct Probing {
    /// Which one, and where.
    pub probe: Probe,
    /// The Host it is asked for, where that is not its URL's.
    pub host: Option<String>,
    /// How often, and what takes too long.
    pub pace: Pace,
}

impl Probing {
    /// Probes until it is dropped.
    pub async fn run(self, client: Client, metrics: Metrics) {
        metrics.expect(self.probe.endpoint);
        let mut ticks = self.pace.ticks();
        let mut was_up = None;
        loop {
            ticks.tick().await;
            let (up, words) = self.once(&client, &metrics).await;
            if was_up.replace(up) != Some(up) {
                tracing::info!("{} is {}: {words}", self.probe.endpoint, if up { "up" } else { "down" });
            }
        }
    }

    /// One probe. An answer below 400 says that the endpoint is up; Saleor's API has to answer a query too.
    async fn once(&self, client: &Client, metrics: &Metrics) -> (bool, String) {
        let endpoint = self.probe.endpoint;
        let query = (endpoint == Endpoint::graphql_api).then(catalogue::query);
        let began = Instant::now();
        let asked = timeout(self.pace.limit, client.ask(&self.probe.uri, self.host.as_deref(), query)).await;
        let took = began.elapsed();
        let answer = match &asked {
            Ok(Ok(answer)) => Some(answer),
            _ => None,
        };
        let status = answer.map(|answer| answer.status.as_u16());
        let is_well = status.is_some_and(|status| status < 400);
        if endpoint == Endpoint::graphql_api {
            let products = answer.filter(|_| is_well).and_then(|answer| catalogue::products(&answer.body));
            metrics.graphql(products.map(|products| (products, took)));
        }
        metrics.probed(endpoint, is_well, status, took, asked.is_err());
        let words = match asked {
            Ok(Ok(answer)) => format!("{} answers {}", self.probe.uri, answer.status),
            Ok(Err(error)) => format!("{}: {error:#}", self.probe.uri),
            Err(_) => format!("{} does not answer within {} s", self.probe.uri, self.pace.limit.as_secs_f32()),
        };
        (is_well, words)
    }
}
