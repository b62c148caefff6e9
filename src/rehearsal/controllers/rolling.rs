//! How many pods a rolling update may have too many and too few
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment>).

use serde_json::Value;

/// How many pods more and fewer than wanted there may be during a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// More than wanted.
    pub surge: i64,
    /// Fewer available than wanted.
    pub unavailable: i64,
}

/// The pods of one ReplicaSet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Wanted.
    pub replicas: i64,
    /// Available.
    pub available: i64,
}

impl Bounds {
    /// Those of a Deployment: a share is rounded up for the surge and down for the unavailable, and never are both 0
    /// (k8s:pkg/controller/deployment/util/deployment_util.go, `ResolveFenceposts`).
    pub fn of(deployment: &Value, wanted: i64) -> Self {
        let strategy = &deployment["spec"]["strategy"];
        if strategy["type"] == "Recreate" {
            return Self { surge: 0, unavailable: 0 };
        }
        let rolling = &strategy["rollingUpdate"];
        let surge = resolve(&rolling["maxSurge"], wanted, true);
        let unavailable = resolve(&rolling["maxUnavailable"], wanted, false).min(wanted);
        Self { surge, unavailable: if surge == 0 && unavailable == 0 { 1 } else { unavailable } }
    }
}

/// A number or a share of the replicas; a quarter where nothing is said.
fn resolve(value: &Value, of: i64, up: bool) -> i64 {
    let percent = match value {
        Value::Number(number) => return number.as_i64().unwrap_or(0),
        Value::String(text) => text.trim_end_matches('%').parse().unwrap_or(0),
        _ => 25,
    };
    let hundredths: i64 = of * percent;
    if up { (hundredths + 99) / 100 } else { hundredths / 100 }
}

/// The replicas of the new ReplicaSet, as many as the surge allows; `all` is what every ReplicaSet wants together
/// (k8s:pkg/controller/deployment/util/deployment_util.go, `NewRSNewReplicas`).
pub fn scale_up(wanted: i64, bounds: Bounds, all: i64, new: i64) -> i64 {
    if new >= wanted {
        return wanted;
    }
    new + (wanted + bounds.surge - all).clamp(0, wanted - new)
}

/// The replicas of the old ReplicaSets, the oldest first: those that are not available go at once, the others as the
/// new ones come (k8s:pkg/controller/deployment/rolling.go, `reconcileOldReplicaSets`).
pub fn scale_down(wanted: i64, bounds: Bounds, new: Count, old: &[Count]) -> Vec<i64> {
    let all: i64 = new.replicas + old.iter().map(|set| set.replicas).sum::<i64>();
    let least = wanted - bounds.unavailable;
    let mut to_go = (all - least - (new.replicas - new.available)).max(0);
    let mut left: Vec<i64> = old.iter().map(|set| set.replicas).collect();
    if to_go == 0 {
        return left;
    }
    for (left, set) in left.iter_mut().zip(old) {
        let unhealthy = (set.replicas - set.available).clamp(0, to_go);
        *left -= unhealthy;
        to_go -= unhealthy;
    }
    let available: i64 = new.available + old.iter().map(|set| set.available).sum::<i64>();
    let mut spare = (available - least).max(0);
    for left in &mut left {
        let goes = spare.min(*left);
        *left -= goes;
        spare -= goes;
    }
    left
}
