//! C4: PersistentVolumeClaim.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;

use super::grace;
use super::look::{Finding, Look};
use super::outcome::{Failure, Readiness, Reason};
use super::world;

/// C4: Bound is ready, Lost has failed. Pending under `WaitForFirstConsumer` is ready as far as
/// the claim goes: its pod, which may come phases later, is what makes the volume
/// (helm #10196 waited for ever). A tenant may not read StorageClasses, so the claim's event
/// says which binding mode it is under.
///
/// k8s:pkg/controller/volume/persistentvolume/pv_controller.go (`syncUnboundClaim`)
pub(super) fn assess(look: &mut Look) -> Readiness {
    let world = look.world;
    let Some(claim) = world.claims.get(&look.target.name) else {
        return look.in_progress("not seen yet", 0, 1, None);
    };
    if phase(claim) == "Bound" {
        return Readiness::Ready;
    }
    let finding = trouble(look, claim);
    if let Some(Finding::Failed(failure)) = finding {
        return Readiness::Failed(failure);
    }
    let uid = uid(claim);
    if finding.is_none() && waits_for_consumer(world, uid) {
        return Readiness::Ready;
    }
    let finding = finding.or_else(|| {
        let event = world.latest_event(uid, |_| true)?;
        Some(Finding::Note(world::words(event)))
    });
    look.in_progress("Pending, waiting for a volume", 0, 1, finding)
}

/// What is wrong with a claim: also asked for the claims of a pod that cannot be scheduled.
///
/// The provisioner tries again by itself and keeps writing `Provisioning` events in between, so
/// any `ProvisioningFailed` on a claim still Pending counts.
pub(super) fn trouble(look: &mut Look, claim: &PersistentVolumeClaim) -> Option<Finding> {
    let name = claim.metadata.name.as_deref().unwrap_or_default();
    match phase(claim) {
        "Bound" => None,
        "Lost" => {
            let volume = claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref());
            let message = format!("claim {name} has lost its volume {}", volume.unwrap_or_default());
            Some(Finding::Failed(Failure::new(Reason::ClaimLost, message)))
        }
        _ => {
            let uid = uid(claim);
            let event = look.world.latest_event(uid, |event| world::reason(event) == "ProvisioningFailed")?;
            let message = format!("claim {name}: {}", world::message(event));
            let failure = Failure::new(Reason::ProvisioningFailed, message);
            Some(look.suspect(uid, grace::PROVISIONING_FAILED, failure))
        }
    }
}

/// `WaitForFirstConsumer`: no pod uses the claim yet. `WaitForPodScheduled` (since 1.19): one
/// does, but has no node yet.
fn waits_for_consumer(world: &world::World, uid: &str) -> bool {
    world.events_of(uid).any(|event| matches!(world::reason(event), "WaitForFirstConsumer" | "WaitForPodScheduled"))
}

fn phase(claim: &PersistentVolumeClaim) -> &str {
    claim.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
}

fn uid(claim: &PersistentVolumeClaim) -> &str {
    claim.metadata.uid.as_deref().unwrap_or_default()
}
