//! The steps. Each may be taken again, or by the next leader, after it was broken off anywhere.

use std::time::Duration;

use futures::future::join;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::decide::named;
use super::server::{Session, State};
use crate::cluster::Fault;
use crate::watchdog::lead::lead;
use crate::watchdog::{Context, FIELD_MANAGER, Record, Stored};

/// Those whose connections lead to the old primary.
const CLIENTS: [&str; 3] = ["saleor-api", "celery-worker", "celery-beat"];
/// The failover that a client's pods were last restarted for.
const EPOCH_NOTE: &str = "keyboss.io/postgres-epoch";
/// An ordinary statement takes no longer, or the server is not well.
const STATEMENT: Duration = Duration::from_secs(2);
/// A checkpoint of a busy database.
const CHECKPOINT: Duration = Duration::from_secs(110);
/// A promotion, from the request to the first write.
const PROMOTION: Duration = Duration::from_secs(10);
/// A standby that does not become a synchronous one within this is not waited for any longer.
const ENLISTING: Duration = Duration::from_secs(5);
/// How often a server is asked whether it is as far.
const GLANCE: Duration = Duration::from_millis(20);
/// Ends every session but replication's and ours.
const END_SESSIONS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND usename NOT IN ('postgres', 'watchdog', 'replicator')";

/// Why a step was not finished; it is tried again when all has been looked at anew.
pub type Outcome = Result<(), String>;

fn told(fault: Fault) -> String {
    fault.to_string()
}

/// Records that commits wait for nobody, then lets them (HA.md, rule 2: first the record).
pub async fn release(context: &Context, stored: &Stored, primary: &Session) -> Outcome {
    let alone = Record { standby: None, ..stored.record.clone() };
    stored.write(&context.cluster, &alone).await.map_err(told)?;
    unbind(context, primary).await
}

/// Lets commits wait for nobody. The record says so already.
pub async fn unbind(context: &Context, primary: &Session) -> Outcome {
    wait_for(context, primary, "").await
}

async fn wait_for(context: &Context, session: &Session, names: &str) -> Outcome {
    context.permit.check().map_err(told)?;
    let set = format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'");
    session.run(&[&set, "SELECT pg_reload_conf()"], STATEMENT).await
}

/// Lets commits wait for the standby, and records it when every commit that was acknowledged is on its disk
/// (HA.md, rule 2: the record last).
pub async fn enlist(
    context: &Context,
    stored: &Stored,
    primary: &Session,
    standby: &str,
    follower: &Session,
) -> Outcome {
    // The one below is short then: it is for the checkpointer, not for the disk.
    primary.run(&["CHECKPOINT"], CHECKPOINT).await?;
    wait_for(context, primary, &named(standby)).await?;
    let enlisted = async {
        until(primary, standby, |state| state.standby.as_ref().is_some_and(|standby| standby.is_sync)).await?;
        // Whether commits wait is said by the checkpointer, in shared memory, when it has read the setting, which it does
        // before it begins a checkpoint (SyncRepUpdateSyncStandbysDefined in src/backend/replication/syncrep.c).
        primary.run(&["CHECKPOINT"], ENLISTING).await?;
        // What was acknowledged before that lies before this.
        let mark = look(primary, standby).await?.lsn;
        let has_all = |state: &State| {
            let written = u64::from(state.lsn);
            let lag = |lag: i64| u64::try_from(lag).unwrap_or(0);
            state
                .standby
                .as_ref()
                .is_some_and(|standby| standby.is_sync && written.saturating_sub(lag(standby.lag)) >= u64::from(mark))
        };
        let state = until(primary, standby, has_all).await?;
        // A standby says by its last restartpoint which timeline it is on: whoever leads when the primary is lost is to
        // read the right one.
        let began = Instant::now();
        loop {
            follower.run(&["CHECKPOINT"], ENLISTING).await?;
            if look(follower, "").await?.timeline == state.timeline {
                break;
            }
            if began.elapsed() > ENLISTING {
                return Err(format!("{standby} has not reached timeline {}", state.timeline));
            }
            sleep(5 * GLANCE).await;
        }
        let record =
            Record { standby: Some(standby.to_owned()), timeline: state.timeline, lsn: mark, ..stored.record.clone() };
        stored.write(&context.cluster, &record).await.map_err(told)
    };
    match enlisted.await {
        Ok(_) => Ok(()),
        Err(why) => {
            // The record may have been written, and the answer lost: then commits go on waiting until it is read again.
            let recorded = Stored::read(&context.cluster).await.map_err(told)?;
            if recorded.record.standby.is_none() {
                unbind(context, primary).await?;
            }
            Err(why)
        }
    }
}

async fn look(session: &Session, peer: &str) -> Result<State, String> {
    session.look(peer, STATEMENT).await.map_err(|answer| format!("{answer:?}"))
}

/// Waits for something about a standby. One that is gone is not waited for: commits are, meanwhile.
async fn until(session: &Session, peer: &str, holds: impl Fn(&State) -> bool) -> Result<State, String> {
    let began = Instant::now();
    loop {
        let state = look(session, peer).await?;
        if holds(&state) {
            return Ok(state);
        }
        if state.standby.is_none() {
            return Err(format!("{peer} streams no longer"));
        }
        if began.elapsed() > ENLISTING {
            return Err(format!("{peer} has not become a synchronous standby within {} s", ENLISTING.as_secs()));
        }
        sleep(GLANCE).await;
    }
}

/// Records the standby as the primary. From here on it is one, whoever finishes it; what the old primary has not yet
/// acknowledged it cannot acknowledge without it.
pub async fn appoint(context: &Context, stored: &Stored, standby: &str, state: &State) -> Result<Stored, String> {
    let record = Record {
        primary: standby.to_owned(),
        standby: None,
        timeline: state.timeline,
        lsn: state.lsn.max(stored.record.lsn),
        epoch: stored.record.epoch + 1,
    };
    stored.write(&context.cluster, &record).await.map_err(told)
}

/// Promotes the recorded primary, and leads the shop there meanwhile.
pub async fn promote(context: &Context, record: &Record, session: &Session, service: &Service) -> Outcome {
    // It must not wait for itself, which is what its copy of the old primary's setting says (HA.md, rule 3).
    wait_for(context, session, "").await?;
    context.permit.check().map_err(told)?;
    let promoted = async {
        session.run(&["SELECT pg_promote(false)"], STATEMENT).await?;
        let began = Instant::now();
        while look(session, "").await?.in_recovery {
            if began.elapsed() > PROMOTION {
                return Err(format!("{} is not primary {} s after pg_promote()", record.primary, PROMOTION.as_secs()));
            }
            sleep(GLANCE).await;
        }
        Ok(())
    };
    let (promoted, led) = join(promoted, lead(&context.cluster, service, &record.primary)).await;
    promoted.and(led.map_err(told))
}

/// Ends what is still connected to a server that is primary no longer.
pub async fn fence(context: &Context, old: &Session) -> Outcome {
    context.permit.check().map_err(told)?;
    old.run(&[END_SESSIONS], STATEMENT).await
}

/// The recorded primary accepts writes: leads the shop there, restarts what may hold a stale connection, and records the
/// timeline. A failover is finished then.
pub async fn settle(context: &Context, stored: &Stored, state: &State, service: &Service) -> Outcome {
    lead(&context.cluster, service, &stored.record.primary).await.map_err(told)?;
    if stored.record.epoch > 0 {
        restart_clients(context, stored.record.epoch).await?;
    }
    // On a new timeline nobody has everything yet.
    let standby = stored.record.standby.clone().filter(|_| state.timeline == stored.record.timeline);
    let record = Record { standby, timeline: state.timeline, ..stored.record.clone() };
    let stored = stored.write(&context.cluster, &record).await.map_err(told)?;
    if stored.is_switchover_asked() {
        stored.answer_switchover(&context.cluster).await.map_err(told)?;
    }
    Ok(())
}

/// As `kubectl rollout restart` does, once for each failover.
async fn restart_clients(context: &Context, epoch: u64) -> Outcome {
    let epoch = epoch.to_string();
    for name in CLIENTS {
        let client: Deployment = match context.cluster.read(name).await {
            Ok(client) => client,
            Err(fault) if fault.is_not_found() => continue,
            Err(fault) => return Err(told(fault)),
        };
        let template = client.spec.template.metadata.as_ref();
        let notes = template.and_then(|metadata| metadata.annotations.as_ref());
        if notes.is_some_and(|notes| notes.get(EPOCH_NOTE) == Some(&epoch)) {
            continue;
        }
        let note = json!({"spec": {"template": {"metadata": {"annotations": {EPOCH_NOTE: epoch}}}}});
        match context.cluster.merge(&client, FIELD_MANAGER, note).await {
            Err(fault) if !fault.is_not_found() => return Err(told(fault)),
            _ => {}
        }
    }
    Ok(())
}
