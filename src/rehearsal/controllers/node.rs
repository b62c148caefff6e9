//! The node: pods are scheduled, pull their images, start, get Ready, and end; or fail, as ordered
//! (<https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/>).

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::ailments::{Ailment, Ailments};
use super::object::{is_in_phase, is_terminating, is_true, uid};
use super::turn::Turn;
use super::{event, failing, pod_status};

/// The name of the only node.
const NAME: &str = "rehearsal";
/// The first pause before a container is started again, and the longest
/// (<https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy>).
const BACKOFF: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(300));

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
    NotPulled,
    PullingAgain,
    Starting,
    Working,
    Crashed,
    BackingOff(u32),
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
        } else if failing::waits_for(pod, "ErrImagePull") {
            Self::NotPulled
        } else if failing::waits_for(pod, "ImagePullBackOff") {
            Self::PullingAgain
        } else if !is_in_phase(pod, "Running") {
            Self::Pulling
        } else if failing::has_ended(pod) {
            Self::Crashed
        } else if failing::waits_for(pod, "CrashLoopBackOff") {
            Self::BackingOff(failing::restart_count(pod))
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
            Self::Pulling | Self::NotPulled | Self::Crashed | Self::Ending => Duration::from_secs(1),
            Self::Starting | Self::Working => Duration::from_secs(2),
            Self::PullingAgain => BACKOFF.0,
            Self::BackingOff(restarts) => {
                let times = 2_u32.saturating_pow(restarts.saturating_sub(1));
                BACKOFF.0.saturating_mul(times).min(BACKOFF.1)
            }
        }
    }
}

impl Node {
    /// Takes every pod one step further whose time has come.
    pub fn step(&mut self, turn: &mut Turn, ailments: &Ailments) {
        let pods = turn.list("Pod");
        let mut since = BTreeMap::new();
        for pod in &pods {
            let stage = Stage::of(pod);
            let known = self.since.get(&uid(pod)).filter(|(known, _)| *known == stage);
            let mut at = known.map_or(turn.now(), |(_, at)| *at);
            if stage != Stage::Settled && turn.is_due(at + stage.takes()) {
                advance(turn, pod, stage, ailments);
                at = turn.now();
            }
            since.insert(uid(pod), (stage, at));
        }
        self.since = since;
    }
}

fn advance(turn: &mut Turn, pod: &Value, stage: Stage, ailments: &Ailments) {
    let time = turn.time.clone();
    let mut next = pod.clone();
    let is = |ailment| ailments.has(pod, ailment);
    match stage {
        Stage::Unscheduled if is(Ailment::Unschedulable) => {
            let why = "0/1 nodes are available: 1 Insufficient memory.";
            pod_status::cannot_be_scheduled(&mut next, why, &time);
            if next != *pod {
                event::warn(turn, pod, "FailedScheduling", why);
            }
        }
        Stage::Unscheduled => match missing(turn, pod) {
            Some(why) => pod_status::cannot_be_scheduled(&mut next, &why, &time),
            None => {
                next["spec"]["nodeName"] = json!(NAME);
                pod_status::waits(&mut next, turn.version(), &time);
            }
        },
        Stage::Pulling if is(Ailment::Image) => cannot_pull(turn, &mut next, &time),
        Stage::PullingAgain if is(Ailment::Image) => cannot_pull(turn, &mut next, &time),
        Stage::Pulling | Stage::PullingAgain => {
            // What ends by itself has no probe: it is ready while it runs.
            pod_status::runs(&mut next, ends_by_itself(pod), &time);
            if ends_by_itself(pod) {
                say_what_would_run(turn, pod);
            }
        }
        Stage::NotPulled => {
            let message = |image: &str| format!("Back-off pulling image {image:?}");
            failing::has_no_image(&mut next, "ImagePullBackOff", message, &time);
        }
        Stage::BackingOff(_) => restart(turn, &mut next, &time),
        Stage::Starting | Stage::Working if is(Ailment::Crash) => {
            say_last_words(turn, pod);
            if pod["spec"]["restartPolicy"] == "Never" {
                failing::has_failed(&mut next, &time);
            } else {
                failing::has_crashed(&mut next, &time);
            }
        }
        Stage::Crashed => match failing::restart_count(pod) {
            0 => restart(turn, &mut next, &time),
            count => {
                let pause = Stage::BackingOff(count).takes().as_secs();
                failing::backs_off(&mut next, &format!("back-off {pause}s restarting failed container"));
                event::warn(turn, pod, "BackOff", "Back-off restarting failed container");
            }
        },
        Stage::Starting if is(Ailment::Unready) => {
            return event::warn(turn, pod, "Unhealthy", "Readiness probe failed: so ordered (--fail unready)");
        }
        Stage::Starting => pod_status::is_ready(&mut next, &time),
        Stage::Working => pod_status::has_succeeded(&mut next, &time),
        Stage::Ending => return turn.end(pod),
        Stage::Settled => return,
    }
    turn.put(next);
}

/// As containerd says it.
fn cannot_pull(turn: &mut Turn, pod: &mut Value, time: &str) {
    let message = |image: &str| {
        format!(
            "rpc error: code = NotFound desc = failed to pull and unpack image {image:?}: failed to resolve reference {image:?}: not found"
        )
    };
    failing::has_no_image(pod, "ErrImagePull", message, time);
    let image = pod["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
    event::warn(turn, pod, "Failed", &format!("Failed to pull image {image:?}: {}", message(image)));
}

fn restart(turn: &mut Turn, pod: &mut Value, time: &str) {
    for container in containers(pod) {
        turn.logs().restart(pod, &container);
    }
    failing::restarts(pod, time);
}

/// What a Job's containers write here.
fn say_what_would_run(turn: &mut Turn, pod: &Value) {
    for container in pod["spec"]["containers"].as_array().into_iter().flatten() {
        let words = ["command", "args"].into_iter().flat_map(|field| container[field].as_array().into_iter().flatten());
        let words: Vec<&str> = words.filter_map(Value::as_str).collect();
        let command = words.join(" ").lines().next().unwrap_or("the image's own command").to_owned();
        say(turn, pod, container["name"].as_str().unwrap_or_default(), format!("rehearsed, not run: {command}"));
    }
}

fn say_last_words(turn: &mut Turn, pod: &Value) {
    for container in containers(pod) {
        say(turn, pod, &container, "exits with 1, as ordered (--fail)".to_owned());
    }
}

fn say(turn: &mut Turn, pod: &Value, container: &str, line: String) {
    let at = turn.time.parse().unwrap_or(Timestamp::MIN);
    turn.logs().write(pod, container, at, line);
}

fn containers(pod: &Value) -> Vec<String> {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    containers.filter_map(|container| container["name"].as_str()).map(str::to_owned).collect()
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
