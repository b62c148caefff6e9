//! The node: pods are scheduled, pull their images, start, get Ready, and end
//! (<https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/>).

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::object::{is_in_phase, is_terminating, is_true};
use super::pod_status;
use super::turn::Turn;

/// The name of the only node.
const NAME: &str = "rehearsal";

/// The node, which remembers since when each pod (by its uid) has been where it is.
#[derive(Debug, Default)]
pub struct Node {
    since: BTreeMap<String, (Stage, Duration)>,
}

/// Where a pod is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Unscheduled,
    Pulling,
    Starting,
    Working,
    Settled,
    Ending,
}

impl Stage {
    fn of(pod: &Value) -> Self {
        if is_terminating(pod) {
            Self::Ending
        } else if is_in_phase(pod, "Succeeded") || is_in_phase(pod, "Failed") {
            Self::Settled
        } else if !pod["spec"]["nodeName"].is_string() {
            Self::Unscheduled
        } else if !is_in_phase(pod, "Running") {
            Self::Pulling
        } else if ends_by_itself(pod) {
            Self::Working
        } else if is_true(pod, "Ready") {
            Self::Settled
        } else {
            Self::Starting
        }
    }

    /// How long a pod stays there.
    fn takes(self) -> Duration {
        match self {
            Self::Unscheduled | Self::Settled => Duration::ZERO,
            Self::Pulling | Self::Ending => Duration::from_secs(1),
            Self::Starting | Self::Working => Duration::from_secs(2),
        }
    }
}

impl Node {
    /// Takes every pod one step further whose time has come.
    pub fn step(&mut self, turn: &mut Turn) {
        let pods = turn.list("Pod");
        let uid = |pod: &Value| pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        let mut since = BTreeMap::new();
        for pod in &pods {
            let stage = Stage::of(pod);
            let known = self.since.get(&uid(pod)).filter(|(known, _)| *known == stage);
            let at = known.map_or(turn.now(), |(_, at)| *at);
            since.insert(uid(pod), (stage, at));
            if stage != Stage::Settled && turn.is_due(at + stage.takes()) {
                advance(turn, pod, stage);
            }
        }
        self.since = since;
    }
}

fn advance(turn: &mut Turn, pod: &Value, stage: Stage) {
    let time = turn.time.clone();
    let mut next = pod.clone();
    match stage {
        Stage::Unscheduled => match missing(turn, pod) {
            Some(why) => pod_status::cannot_be_scheduled(&mut next, &why, &time),
            None => {
                next["spec"]["nodeName"] = json!(NAME);
                pod_status::waits(&mut next, turn.version(), &time);
            }
        },
        Stage::Pulling => {
            // What ends by itself has no probe: it is ready while it runs.
            pod_status::runs(&mut next, ends_by_itself(pod), &time);
        }
        Stage::Starting => pod_status::is_ready(&mut next, &time),
        Stage::Working => pod_status::has_succeeded(&mut next, &time),
        Stage::Ending => return turn.end(pod),
        Stage::Settled => return,
    }
    turn.put(next);
}

/// A Job's pod does; any other runs until it is told to go.
fn ends_by_itself(pod: &Value) -> bool {
    !matches!(pod["spec"]["restartPolicy"].as_str(), None | Some("Always"))
}

/// Why a pod cannot be scheduled: its claims have no volumes.
fn missing(turn: &Turn, pod: &Value) -> Option<String> {
    let volumes = pod["spec"]["volumes"].as_array();
    let claims =
        volumes.into_iter().flatten().filter_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str());
    claims.into_iter().find_map(|name| match turn.beside(pod, "PersistentVolumeClaim", name) {
        None => Some(format!("persistentvolumeclaim {name:?} not found")),
        Some(claim) if !is_in_phase(&claim, "Bound") => {
            Some("0/1 nodes are available: 1 pod has unbound immediate PersistentVolumeClaims.".to_owned())
        }
        Some(_) => None,
    })
}
