//! What can be read of a container.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use crate::readiness::ending;

/// A container, as its pod's status has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It has not run yet. Why, in words; none where it is about to.
    Waits(String),
    /// It runs or has run.
    Run {
        /// Which time: how often it was started again before.
        restarts: i32,
        /// How that run ended, in words, and what it waits for since.
        over: Option<String>,
    },
}

/// The state of a container.
pub fn state(pod: &Pod, container: &str) -> State {
    let Some(status) = statuses(pod).find(|status| status.name == container) else {
        return State::Waits(unscheduled(pod));
    };
    let state = status.state.clone().unwrap_or_default();
    let last = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    let words =
        state.waiting.map(|waiting| [waiting.reason, waiting.message].into_iter().flatten().collect::<Vec<_>>());
    let words = words.map(|words| words.join(": ")).filter(|words| !words.ends_with("Creating"));
    let restarts = status.restart_count;
    match (state.running, state.terminated.as_ref().or(last)) {
        (Some(_), _) => State::Run { restarts, over: None },
        (None, Some(end)) => {
            let waits = words.map_or_else(String::new, |words| format!("; it waits: {words}"));
            State::Run { restarts, over: Some(format!("{}{waits}", ending(end))) }
        }
        (None, None) => State::Waits(words.map(|words| held_up(pod, words)).unwrap_or_default()),
    }
}

/// Whether a container has run before its last restart.
pub fn has_previous(pod: &Pod, container: &str) -> bool {
    let of = statuses(pod).find(|status| status.name == container);
    of.and_then(|status| status.last_state.as_ref()).is_some_and(|state| state.terminated.is_some())
}

/// Whether nothing of a pod runs again.
pub fn is_over(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let init = pod.status.iter().flat_map(|status| status.init_container_statuses.iter().flatten());
    init.chain(pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten()))
}

/// Names the init container that a pod does not get past.
fn held_up(pod: &Pod, words: String) -> String {
    let init = pod.status.iter().flat_map(|status| status.init_container_statuses.iter().flatten());
    let first = init.into_iter().find(|status| !status.ready);
    match first {
        Some(first) if words == "PodInitializing" => {
            format!("for init container {} (its log: --container {})", first.name, first.name)
        }
        _ => words,
    }
}

fn unscheduled(pod: &Pod) -> String {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let mut no = conditions.filter(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    no.find_map(|condition| condition.message.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(status: &Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "p"}, "status": status})).unwrap()
    }

    fn status(restarts: i32, state: &Value, last: &Value) -> Value {
        json!({"containerStatuses": [{"name": "c", "image": "", "imageID": "", "ready": false, "restartCount": restarts,
            "state": state, "lastState": last}]})
    }

    #[test]
    fn a_container_waits_runs_or_has_run() {
        let waiting = |reason: &str, message: &str| json!({"waiting": {"reason": reason, "message": message}});
        let ended = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
        let running = json!({"running": {}});
        let waits = |words: &str| State::Waits(words.to_owned());
        let run = |restarts, over: Option<&str>| State::Run { restarts, over: over.map(str::to_owned) };
        let killed = "ended with exit code 137 (OOMKilled)";
        let backs_off = format!("{killed}; it waits: CrashLoopBackOff: back-off 10s");
        let initial = json!({"initContainerStatuses": [{"name": "load", "image": "", "imageID": "", "ready": false,
            "restartCount": 0, "state": {"running": {}}}], "containerStatuses": [{"name": "c", "image": "", "imageID": "",
            "ready": false, "restartCount": 0, "state": {"waiting": {"reason": "PodInitializing"}}}]});
        for (status, expected) in [
            (json!({}), waits("")),
            (
                json!({"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes"}]}),
                waits("0/1 nodes"),
            ),
            (status(0, &json!({"waiting": {"reason": "ContainerCreating"}}), &json!({})), waits("")),
            (status(0, &waiting("ImagePullBackOff", "Back-off"), &json!({})), waits("ImagePullBackOff: Back-off")),
            (initial, waits("for init container load (its log: --container load)")),
            (status(0, &running, &json!({})), run(0, None)),
            (status(2, &running, &ended), run(2, None)),
            (status(0, &ended, &json!({})), run(0, Some(killed))),
            (status(3, &waiting("CrashLoopBackOff", "back-off 10s"), &ended), run(3, Some(&backs_off))),
        ] {
            assert_eq!(state(&pod(&status), "c"), expected, "{status}");
        }
        assert!(has_previous(&pod(&status(1, &running, &ended)), "c"));
        assert!(!has_previous(&pod(&status(0, &ended, &json!({}))), "c"));
    }
}
