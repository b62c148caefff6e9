//! KEDA's ScaledObject.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

use super::grace;
use super::look::Look;
use super::outcome::{Failure, Readiness, Reason};

/// A ScaledObject, as far as its readiness goes
/// (<https://github.com/kedacore/keda/blob/main/apis/keda/v1alpha1/scaledobject_types.go>).
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ScaledObject {
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// What KEDA says of it; nothing yet.
    #[serde(default)]
    pub status: ScaledObjectStatus,
}

/// What KEDA says of a ScaledObject.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ScaledObjectStatus {
    /// Its conditions.
    #[serde(default)]
    pub conditions: Vec<ScaledObjectCondition>,
}

/// One condition. KEDA's have no time and no generation, so one may be of a moment before our write.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ScaledObjectCondition {
    /// "Ready", "Active", "Fallback", "Paused".
    #[serde(rename = "type")]
    pub type_: String,
    /// "True", "False" or "Unknown".
    pub status: String,
    /// A CamelCase reason.
    #[serde(default)]
    pub reason: String,
    /// The reason in words.
    #[serde(default)]
    pub message: String,
}

/// Ready=True is ready: KEDA has made its HorizontalPodAutoscaler. Ready=False may pass (its target or a server that it
/// asks is not there yet), and has failed when it lasts; so has one that nobody answers for.
///
/// keda:controllers/keda/scaledobject_controller.go (`Reconcile`)
pub(super) fn assess(look: &mut Look) -> Readiness {
    let Some(object) = look.world.scaled_objects.get(&look.target.name) else {
        return look.in_progress("not seen yet", 0, 1, None);
    };
    let uid = look.target.write.uid.clone();
    let ready = object.status.conditions.iter().find(|condition| condition.type_ == "Ready");
    let (why, window, failure) = match ready {
        Some(ready) if ready.status == "True" => return Readiness::Ready,
        Some(ready) if ready.status == "False" => {
            let message = format!("{}: {}", ready.reason, ready.message);
            ("KEDA does not scale by it", grace::SCALED_OBJECT, Failure::new(Reason::NotReady, message))
        }
        _ => {
            let message =
                "no controller has answered for it: is KEDA's operator running, and does it watch this namespace?";
            ("KEDA has not looked at it yet", grace::UNANSWERED, Failure::new(Reason::NoController, message))
        }
    };
    match look.suspect(&uid, window, failure) {
        super::look::Finding::Failed(failure) => Readiness::Failed(failure),
        finding => look.in_progress(why, 0, 1, Some(finding)),
    }
}
