//! How long a bad state may last before it counts as a failure, all in one place.
//!
//! Windows are measured on the caller's clock from the first look that saw the state, never
//! from a server's timestamps. They are compromises: too short breaks good deploys on a slow
//! cluster (helm #31896), too long burns the timeout on a hopeless one (helm #7429).

use std::time::Duration;

/// A watch may lag behind our own write: an object not seen yet is not a deleted object.
pub const NOT_SEEN_YET: Duration = Duration::from_secs(5);
/// C1: a Deployment that cannot create pods (`ReplicaFailure`: quota, admission).
pub const REPLICA_FAILURE: Duration = Duration::from_secs(60);
/// C4: a claim whose volume cannot be provisioned.
pub const PROVISIONING_FAILED: Duration = Duration::from_secs(60);
/// C7: a container that refers to a missing ConfigMap, Secret or key of one.
pub const CONFIG_ERROR: Duration = Duration::from_secs(15);
/// C7: a volume of a missing Secret or ConfigMap.
pub const FAILED_MOUNT: Duration = Duration::from_secs(30);
/// C7: a container that cannot be created or started, or whose hook fails.
pub const START_ERROR: Duration = Duration::from_secs(30);
/// C7: an image that cannot be pulled for a reason that may pass.
pub const IMAGE_PULL: Duration = Duration::from_secs(90);
/// C7: a pod no node has room for.
pub const UNSCHEDULABLE: Duration = Duration::from_secs(120);
/// C7: this many restarts since our write are a crash loop.
pub const CRASH_LOOP_RESTARTS: i32 = 3;
/// C2: an old pod of a StatefulSet, not Ready for so long, is said to be stuck.
pub const STUCK: Duration = Duration::from_secs(30);
/// C5: a HorizontalPodAutoscaler without metrics for so long is worth a warning.
pub const SCALING_INACTIVE: Duration = Duration::from_secs(60);
/// A ScaledObject that no controller has answered for.
pub const UNANSWERED: Duration = Duration::from_secs(60);
/// A ScaledObject by which KEDA cannot scale.
pub const SCALED_OBJECT: Duration = Duration::from_secs(60);
/// Kubernetes' default for `spec.progressDeadlineSeconds` of a Deployment.
pub const DEFAULT_PROGRESS_DEADLINE: Duration = Duration::from_secs(600);
