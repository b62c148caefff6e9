//! What `keyboss rollback` deploys: an earlier release, less what no rollback touches.

use anyhow::{Context, Result};

use crate::cluster::{Cluster, Live};
use crate::release::{Journal, Rendered, Snapshot, in_place, keep_added_keys, only_for_sets};
use crate::render::Plan;

/// The plan of a rollback to release `target`, from its record and that of the release in place.
///
/// # Errors
/// When the record cannot be read, or is gone.
pub async fn plan_back(cluster: &Cluster, live: &Live, journals: &[Journal], target: u64) -> Result<Plan> {
    let then = cluster.snapshot(target).await?;
    let then = then.with_context(|| format!("the record of release {target} has no snapshot"))?;
    let now = match in_place(journals) {
        Some(now) => cluster.snapshot(now.release).await?.unwrap_or_default(),
        None => Snapshot::default(),
    };
    merged(&then, &now, live).plan(&format!("release {target}"))
}

/// The objects of `then` as they were rendered. What only StatefulSets start with stays as it is `now`, and so do keys
/// that ConfigMaps have gained (RULES.md T6).
fn merged(then: &Snapshot, now: &Snapshot, live: &Live) -> Snapshot {
    let deployments = then.rendered.iter().filter(|one| one.id.kind == "Deployment").map(|one| &one.value);
    let kept = only_for_sets(live.of_kind("StatefulSet"), deployments);
    let is_kept = |one: &&Rendered| kept.contains(&(one.id.kind.clone(), one.id.name.clone()));
    let stays = now.rendered.iter().filter(is_kept).cloned();
    let goes = then.rendered.iter().filter(|one| !is_kept(one)).cloned().map(|mut one| {
        if one.id.kind == "ConfigMap" {
            let now = now.rendered.iter().find(|other| other.id == one.id);
            keep_added_keys(&mut one.value, now.map(|now| &now.value));
        }
        one
    });
    let mut rendered: Vec<Rendered> = goes.chain(stays).collect();
    rendered.sort_by_key(|one| one.phase);
    Snapshot { rendered, ..Snapshot::default() }
}
