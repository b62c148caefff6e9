//! Makes Service `redis-master` and the record in `keyboss-config` name the pod that writes have to go to.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Service};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use super::lines::Lines;
use super::observe::Agreed;
use super::seen::{self, PODS};
use super::switch;
use crate::cluster::Fault;
use crate::watchdog::lead::{lead, led};
use crate::watchdog::record::forget_switchover;
use crate::watchdog::{CONFIG, Context, FIELD_MANAGER, System, in_time};

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
                    let master = PODS[agreed.master];
                    tracing::warn!("Redis: redis-master and REDIS_MASTER cannot be made to name {master}: {fault}");
                    told = fault;
                }
            }
        }
    }
}

/// The Service first: whoever reads the record can wait. Gives back `keyboss-config` as it is then.
pub async fn settle(context: &Context, agreed: &Agreed) -> Result<ConfigMap, Fault> {
    let cluster = &context.cluster;
    let master = PODS[agreed.master];
    let (service, config) = tokio::join!(in_time(cluster.read(System::redis.service())), in_time(cluster.read(CONFIG)));
    let service: Service = service?;
    let moved = led(&service) != master;
    in_time(lead(cluster, &service, master)).await?;
    let config: ConfigMap = config?;
    let recorded = config.data.as_ref().and_then(|data| data.get(System::redis.record())).map_or("", String::as_str);
    if recorded == format!("{master}.redis") {
        if moved {
            let message = format!("Redis: {master} is master, and redis-master leads to it again");
            context.teller.note("redis", "RedisServiceMoved", &message);
        }
        return Ok(config);
    }
    let before = seen::pod(recorded).map_or_else(|| format!("{recorded:?}"), |pod| PODS[pod].to_owned());
    let record = json!({"data": {System::redis.record(): format!("{master}.redis")}});
    let config = in_time(cluster.merge(&config, FIELD_MANAGER, record)).await?;
    let took = agreed.sign.elapsed();
    context.metrics.failed_over(System::redis, took);
    let message = format!(
        "Redis: {master} is master instead of {before}: redis-master leads to it {:.1} s after the first sign",
        took.as_secs_f64()
    );
    context.teller.note("redis", "RedisFailover", &message);
    Ok(config)
}

/// Takes the request for a switchover away.
pub async fn forget_request(context: &Context) -> Result<(), Fault> {
    let config = in_time(context.cluster.read(CONFIG)).await?;
    in_time(forget_switchover(&context.cluster, &config, System::redis)).await
}
