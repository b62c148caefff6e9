//! Asks everybody at the same time.

use super::objects::Objects;
use super::{Known, Status, alerts, autoscalers, backups, drift};
use crate::cluster::{Clock, Cluster, Fault};
use crate::pipeline::{held, watchdogs, workloads, world};
use crate::release::in_place;
use crate::watchdog::roles;

/// Looks at a shop, once.
pub async fn look(cluster: &Cluster, clock: &Clock) -> Status {
    let living = async {
        let world = world(cluster).await;
        let (roles, alerts) = tokio::join!(
            async {
                let world = of(&world, "who leads")?;
                if workloads(world).is_empty() {
                    return Ok(None);
                }
                roles(cluster, &watchdogs(world)).await.map(Some)
            },
            async { alerts::alerts(cluster, of(&world, "the monitoring")?).await },
        );
        (world, roles, alerts)
    };
    let ((world, roles, alerts), journals, locks, objects) =
        tokio::join!(living, cluster.journals(), held(cluster), Objects::read(cluster));
    let at = clock.now();
    let read = |what| of(&objects, what);
    let backups = match (read("backups"), of(&world, "the Jobs of backups")) {
        (Ok(objects), Ok(world)) => backups::backups(objects, world, at).map_err(again),
        (Err(fault), _) | (_, Err(fault)) => Err(fault),
    };
    let drift = match (of(&journals, "the releases"), read("the objects")) {
        (Ok(journals), Ok(objects)) => Ok(in_place(journals).map(|release| drift::drift(release, objects))),
        (Err(fault), _) | (_, Err(fault)) => Err(fault),
    };
    Status {
        namespace: cluster.namespace().to_owned(),
        at,
        locks: locks.map(|locks| locks.iter().map(|held| held.words(clock)).collect()),
        workloads: world.map(|world| workloads(&world)),
        roles,
        autoscalers: read("autoscalers").and_then(|objects| autoscalers::autoscalers(objects).map_err(again)),
        backups,
        drift,
        alerts,
        journals,
    }
}

/// What was read, for a part that needs it.
fn of<'a, T>(read: &'a Known<T>, what: &str) -> Result<&'a T, Fault> {
    read.as_ref().map_err(|fault| Fault::Other(format!("{what} cannot be known: {fault}")))
}

/// A fault that is told twice.
fn again(fault: &Fault) -> Fault {
    Fault::Other(fault.to_string())
}
