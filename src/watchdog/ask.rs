//! Asks the leading watchdog for a switchover, from outside.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{CONFIG, System};
use crate::cluster::{Cluster, FIELD_MANAGER};

/// How long a switchover is waited for.
const LIMIT: Duration = Duration::from_secs(60);
/// How often it is looked whether it is done.
const GLANCE: Duration = Duration::from_millis(200);

/// Asks for a switchover and waits until it is done: the pod that leads now.
///
/// # Errors
/// When no watchdog takes the request, or it refuses; nothing has changed then.
pub async fn switch_over(cluster: &Cluster, system: System) -> Result<String> {
    let namespace = cluster.namespace();
    let ask = async |value: Value| {
        let note = json!({"metadata": {"annotations": {system.switchover(): value}}});
        cluster.merge_blindly::<ConfigMap>(CONFIG, FIELD_MANAGER, note).await
    };
    let before = ask(json!(Timestamp::now().to_string())).await;
    let before = leads(&before.with_context(|| format!("ConfigMap {CONFIG} of namespace {namespace}"))?, system);
    let began = Instant::now();
    loop {
        sleep(GLANCE).await;
        let config = cluster.read(CONFIG).await?;
        let now = leads(&config, system);
        let is_answered = config.metadata.annotations.is_none_or(|notes| !notes.contains_key(system.switchover()));
        if is_answered && now != before {
            return Ok(now);
        }
        if is_answered {
            bail!("the watchdog refused, and {before} leads on; `kubectl get events -n {namespace}` says why");
        }
        if began.elapsed() > LIMIT {
            ask(Value::Null).await?;
            bail!(
                "no watchdog did it within {} s, and the request is taken back; {before} leads on. \
                 `kubectl logs -n {namespace} deployment/postgres-watchdog --all-containers` says why",
                LIMIT.as_secs()
            );
        }
    }
}

/// The pod that the record names.
pub fn leads(config: &ConfigMap, system: System) -> String {
    let host = config.data.as_ref().and_then(|data| data.get(system.record())).map_or("", String::as_str);
    host.split('.').next().unwrap_or_default().to_owned()
}
