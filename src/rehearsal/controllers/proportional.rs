//! How a Deployment that is scaled while it rolls out, or while it is paused, spreads its pods
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#proportional-scaling>).

use std::cmp::Reverse;
use std::sync::Arc;

use serde_json::Value;

use super::deployment::{Rollout, is_recreate};
use super::object::{count, replicas};
use super::revision::{desired, most};
use super::rolling::Bounds;
use super::turn::Turn;

impl Rollout {
    /// Whether the number of pods is to change and the template is not
    /// (k8s:pkg/controller/deployment/sync.go, `isScalingEvent`).
    pub fn is_scaled_or_paused(&self) -> bool {
        let wanted = replicas(&self.deployment);
        let is_other = |set: &Value| desired(set).is_some_and(|desired| desired != wanted);
        self.deployment["spec"]["paused"] == true || self.sets.iter().any(|set| replicas(set) > 0 && is_other(set))
    }

    /// Scales what there is, each ReplicaSet in proportion (k8s:pkg/controller/deployment/sync.go, `sync`).
    pub fn spread(&mut self, turn: &mut Turn) {
        self.prepare(turn, false);
        let wanted = replicas(&self.deployment);
        let active: Vec<usize> = (0..self.sets.len()).filter(|index| replicas(&self.sets[*index]) > 0).collect();
        let is_saturated = |set: &Arc<Value>| {
            let counts = [Some(replicas(set)), desired(set), set["status"]["availableReplicas"].as_i64()];
            counts == [Some(wanted); 3]
        };
        match active[..] {
            [] => {
                let newest = self.new.or(self.sets.len().checked_sub(1));
                newest.into_iter().for_each(|newest| _ = self.scale(turn, newest, wanted));
            }
            [only] => _ = self.scale(turn, only, wanted),
            _ if self.new.is_some_and(|new| is_saturated(&self.sets[new])) => {
                self.old().into_iter().for_each(|old| _ = self.scale(turn, old, 0));
            }
            _ if is_recreate(&self.deployment) => {}
            _ => {
                let all = count(&self.deployment["status"]["replicas"]);
                let part = |set: &Arc<Value>| Part { replicas: replicas(set), of: most(set).unwrap_or(all) };
                let parts: Vec<Part> = self.sets.iter().map(part).collect();
                let sizes = spread(wanted, Bounds::of(&self.deployment, wanted).surge, &parts);
                sizes.into_iter().for_each(|(index, size)| self.resize(turn, index, size));
            }
        }
        if self.deployment["spec"]["paused"] == true {
            self.forget_oldest(turn);
        }
    }
}

/// The pods of one ReplicaSet.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Wanted now.
    pub replicas: i64,
    /// The most of all ReplicaSets together when it was scaled last.
    pub of: i64,
}

/// The replicas of every ReplicaSet that has any, once the Deployment wants others, in the order in which they are
/// scaled; `parts` begins with the oldest (k8s:pkg/controller/deployment/sync.go, `scale`).
pub fn spread(wanted: i64, surge: i64, parts: &[Part]) -> Vec<(usize, i64)> {
    let all: i64 = parts.iter().map(|part| part.replicas).sum();
    let most = if wanted > 0 { wanted + surge } else { 0 };
    let more = most - all;
    let mut order: Vec<usize> = (0..parts.len()).filter(|index| parts[*index].replicas > 0).collect();
    // The largest first; of the same size the newest gets more first and the oldest loses first.
    order.sort_by_key(|index| (Reverse(parts[*index].replicas), if more > 0 { parts.len() - index } else { *index }));
    let mut left = more;
    let mut sizes = Vec::new();
    for index in order {
        let Part { replicas, of } = parts[index];
        let share = if wanted == 0 { -replicas } else { rounded(replicas * most, of) - replicas };
        let share = if more > 0 { share.min(left) } else { share.max(left) };
        left -= share;
        sizes.push((index, replicas + share));
    }
    if let Some((_, largest)) = sizes.first_mut() {
        *largest = (*largest + left).max(0);
    }
    sizes
}

/// A quotient to the nearest whole.
fn rounded(dividend: i64, divisor: i64) -> i64 {
    let divisor = divisor.max(1);
    (2 * dividend + divisor) / (2 * divisor)
}
