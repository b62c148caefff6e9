//! Which containers have crashed since it was last looked.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};

use super::ours::{Ours, controller};
use crate::readiness::{World, ending};

/// A run of a container that ended when it should not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// The container runs again: it was the run before.
    pub is_previous: bool,
    /// How it ended, in words.
    pub how: String,
}

/// The runs that have ended, by pod, container, and what tells one run from the next.
#[derive(Debug, Default)]
pub struct Crashes(BTreeSet<[String; 4]>);

impl Crashes {
    /// What has ended by now is old.
    pub fn pass_over(&mut self, world: &World) {
        for pod in world.pods.values() {
            self.0.extend(ends(pod).map(|end| end.run(pod)));
        }
    }

    /// What has ended since, less the pods of `followed` Jobs, whose every line is told, and pods that are told to go.
    pub fn news(&mut self, ours: &Ours, followed: &BTreeSet<String>) -> Vec<Crash> {
        let is_told =
            |pod: &Pod| controller(&pod.metadata).is_some_and(|(kind, name)| kind == "Job" && followed.contains(name));
        let pods = ours.world.pods.values().filter(|pod| pod.metadata.deletion_timestamp.is_none());
        let pods = pods.filter(|pod| !is_told(pod) && ours.controls(&pod.metadata));
        let mut news = Vec::new();
        for pod in pods {
            for end in ends(pod) {
                if self.0.insert(end.run(pod)) {
                    news.push(end.crash(pod));
                }
            }
        }
        news
    }
}

/// How a run of a container ended.
struct End<'a> {
    status: &'a ContainerStatus,
    how: &'a ContainerStateTerminated,
}

impl End<'_> {
    /// What tells it from every other run.
    fn run(&self, pod: &Pod) -> [String; 4] {
        let finished = self.how.finished_at.as_ref().map(|time| time.0.to_string());
        let id = self.how.container_id.clone();
        let uid = pod.metadata.uid.clone();
        [uid.unwrap_or_default(), self.status.name.clone(), id.unwrap_or_default(), finished.unwrap_or_default()]
    }

    fn crash(&self, pod: &Pod) -> Crash {
        Crash {
            pod: pod.metadata.name.clone().unwrap_or_default(),
            container: self.status.name.clone(),
            // While it waits to be started again, its log is that of the run that ended.
            is_previous: self.status.state.as_ref().is_some_and(|state| state.running.is_some()),
            how: ending(self.how),
        }
    }
}

/// The last runs of a pod's containers, as far as they should not have ended: an init container that succeeds is done, and
/// so is any other in a pod that does not run for ever.
fn ends(pod: &Pod) -> impl Iterator<Item = End<'_>> {
    let runs_for_ever =
        pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()).is_none_or(|policy| policy == "Always");
    let status = pod.status.as_ref();
    let init = status.and_then(|status| status.init_container_statuses.as_deref()).unwrap_or_default();
    let main = status.and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    let all = init.iter().map(|status| (status, false)).chain(main.iter().map(move |status| (status, runs_for_ever)));
    all.filter_map(|(status, is_to_stay)| {
        let now = status.state.as_ref().and_then(|state| state.terminated.as_ref());
        let last = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        let how = now.or(last).filter(|how| is_to_stay || how.exit_code != 0)?;
        Some(End { status, how })
    })
}
