//! Makes Service `redis-master` and the record in `keyboss-config` name the pod that writes have to go to.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::api::{Api, Patch, PatchParams};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::lines::Lines;
use super::observe::Agreed;
use super::seen::{self, PODS};
use super::switch;
use crate::cluster::{Fault, call};
use crate::watchdog::{CONFIG, Context, FIELD_MANAGER, System};

const SERVICE: &str = "redis-master";
const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const RECORD: &str = "REDIS_MASTER";
/// A request that takes longer has failed.
const ANSWER: Duration = Duration::from_secs(2);
/// Both objects are read that often, for somebody else may change them.
const LOOK: Duration = Duration::from_secs(2);
/// What was seen before that is no ground for a change.
const FRESH: Duration = Duration::from_secs(2);

/// Points as long as this watchdog leads.
pub async fn point(context: &Context, lines: &Lines, mut agreement: watch::Receiver<Option<Agreed>>) {
    let mut known: Option<(usize, Instant)> = None;
    let mut told = String::new();
    while agreement.changed().await.is_ok() {
        let Some(agreed) = *agreement.borrow_and_update() else { continue };
        if known.is_some_and(|(pod, at)| pod == agreed.master && at.elapsed() < LOOK) || agreed.at.elapsed() > FRESH {
            continue;
        }
        match settle(context, &agreed).await {
            Ok(config) => {
                known = Some((agreed.master, Instant::now()));
                told.clear();
                if config
                    .metadata
                    .annotations
                    .is_some_and(|annotations| annotations.contains_key(System::redis.switchover()))
                {
                    switch::switch(context, lines, &mut agreement).await;
                    known = None;
                }
            }
            // Somebody else wrote: read again.
            Err(fault) if fault.is_conflict() => {}
            Err(fault) => {
                let fault = fault.to_string();
                if told != fault {
                    tracing::warn!(
                        "Redis: {SERVICE} and {RECORD} cannot be made to name {}: {fault}",
                        PODS[agreed.master]
                    );
                    told = fault;
                }
            }
        }
    }
}

/// The Service first: whoever reads the record can wait. Gives back `keyboss-config` as it is then.
pub async fn settle(context: &Context, agreed: &Agreed) -> Result<ConfigMap, Fault> {
    let services: Api<Service> = Api::namespaced(context.client.clone(), &context.namespace);
    let configs: Api<ConfigMap> = Api::namespaced(context.client.clone(), &context.namespace);
    let master = PODS[agreed.master];
    let (service, config) = tokio::join!(in_time(services.get(SERVICE)), in_time(configs.get(CONFIG)));
    let service = service?;
    let selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    let moved = selector.and_then(|selector| selector.get(POD_NAME)).is_none_or(|named| named != master);
    if moved {
        let selector = json!({"spec": {"selector": {POD_NAME: master}}});
        write(context, &services, SERVICE, service.metadata.resource_version.as_deref(), selector).await?;
    }
    let config = config?;
    let recorded = config.data.as_ref().and_then(|data| data.get(RECORD)).map_or("", String::as_str);
    if recorded == format!("{master}.redis") {
        if moved {
            let message = format!("Redis: {master} is master, and {SERVICE} leads to it again");
            context.teller.note("redis", "RedisServiceMoved", &message);
        }
        return Ok(config);
    }
    let before = seen::pod(recorded).map_or_else(|| format!("{recorded:?}"), |pod| PODS[pod].to_owned());
    let record = json!({"data": {RECORD: format!("{master}.redis")}});
    let config = write(context, &configs, CONFIG, config.metadata.resource_version.as_deref(), record).await?;
    let took = agreed.sign.elapsed();
    context.metrics.failed_over(System::redis, took);
    let message = format!(
        "Redis: {master} is master instead of {before}: {SERVICE} leads to it {:.1} s after the first sign",
        took.as_secs_f64()
    );
    context.teller.note("redis", "RedisFailover", &message);
    Ok(config)
}

/// Writes some fields of an object that is still as it was read, if this watchdog still leads (HA.md, rule 4).
async fn write<K: Clone + DeserializeOwned + std::fmt::Debug>(
    context: &Context,
    api: &Api<K>,
    name: &str,
    version: Option<&str>,
    mut fields: Value,
) -> Result<K, Fault> {
    fields["metadata"]["resourceVersion"] = json!(version);
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let patch = Patch::Merge(&fields);
    context.permit.check()?;
    in_time(api.patch(name, &params, &patch)).await
}

/// Takes the request for a switchover away.
pub async fn forget_request(context: &Context) -> Result<(), Fault> {
    let configs: Api<ConfigMap> = Api::namespaced(context.client.clone(), &context.namespace);
    let config = in_time(configs.get(CONFIG)).await?;
    let removed = json!({"metadata": {"annotations": {System::redis.switchover(): null}}});
    write(context, &configs, CONFIG, config.metadata.resource_version.as_deref(), removed).await.map(drop)
}

async fn in_time<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Fault> {
    timeout(ANSWER, call(request)).await.unwrap_or(Err(Fault::TimedOut))
}
