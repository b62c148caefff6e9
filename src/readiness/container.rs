//! C7: what the state of one container says.
//!
//! The waiting reasons are the kubelet's: k8s:pkg/kubelet/images/types.go,
//! k8s:pkg/kubelet/container/sync_result.go and k8s:pkg/kubelet/kuberuntime/kuberuntime_container.go.

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};

use super::grace;
use super::look::{Finding, Look};
use super::outcome::{Failure, Reason, Suspicion};
use super::{pod, world};

/// One container of a pod, with its status.
pub(super) struct Container<'a> {
    pod: &'a Pod,
    status: &'a ContainerStatus,
    is_init: bool,
    /// Since our write.
    restarts: i32,
}

impl<'a> Container<'a> {
    /// To be called for each container at each look, whether it is well or not, because the
    /// first look takes the count of restarts of pods that were there before our write.
    pub(super) fn new(look: &mut Look, pod: &'a Pod, status: &'a ContainerStatus, is_init: bool) -> Container<'a> {
        let baseline = match is_newer_than_write(look, pod) {
            true => 0,
            false => status.restart_count,
        };
        let count = status.restart_count;
        let restarts = look.memory.restarts(pod::uid(pod), &status.name, count, baseline);
        Container { pod, status, is_init, restarts }
    }

    /// C7 for one container: what is wrong with it, if anything is.
    pub(super) fn assess(&self, look: &mut Look) -> Option<Finding> {
        let state = self.status.state.as_ref()?;
        if let Some(ended) = &state.terminated {
            return self.ended(look, Some(ended));
        }
        if state.running.is_some() {
            let shaky = self.restarts > 0 && !self.status.ready;
            return shaky.then(|| self.shaky(look, self.last_end()));
        }
        let waiting = state.waiting.as_ref()?;
        let message = waiting.message.as_deref().unwrap_or_default();
        match waiting.reason.as_deref().unwrap_or_default() {
            "" | "ContainerCreating" | "PodInitializing" => None,
            "InvalidImageName" => Some(self.image_failure(Reason::InvalidImageName, message)),
            "ErrImageNeverPull" => Some(self.image_failure(Reason::ErrImageNeverPull, message)),
            reason @ ("ErrImagePull"
            | "ImagePullBackOff"
            | "ImageInspectError"
            | "RegistryUnavailable"
            | "SignatureValidationFailed") => Some(self.pull(look, reason, message)),
            "CreateContainerConfigError" if is_cache_lag(message) => Some(self.note(&format!("waiting: {message}"))),
            "CreateContainerConfigError" => {
                let failure = self.failure(Reason::CreateContainerConfigError, message);
                Some(look.suspect(&self.subject(), grace::CONFIG_ERROR, failure))
            }
            "CreateContainerError" => Some(self.start_error(look, Reason::CreateContainerError, message)),
            "RunContainerError" => Some(self.start_error(look, Reason::RunContainerError, message)),
            reason @ ("PreCreateHookError" | "PreStartHookError" | "PostStartHookError") => {
                let message = format!("{reason}: {message}");
                Some(self.start_error(look, Reason::HookError, &message))
            }
            "CrashLoopBackOff" => self.ended(look, self.last_end()),
            other => Some(self.note(&format!("waiting: {other}: {message}"))),
        }
    }

    /// An image that cannot be pulled. `not found` and `manifest unknown` will not pass; all
    /// else may (helm and krane both withdrew failing at once).
    ///
    /// The kubelet shows the cause on `ErrImagePull` only, then alternates with
    /// `ImagePullBackOff`, whose message, before 1.29, is just "Back-off pulling image"; the
    /// event `Failed` keeps it. A cause this wait has not seen happen counts at once only if our
    /// write made the pod: the image may have been pushed since an earlier deploy.
    fn pull(&self, look: &mut Look, reason: &str, message: &str) -> Finding {
        let (uid, name) = (pod::uid(self.pod), &self.status.name);
        if reason != "ImagePullBackOff" && !message.is_empty() {
            look.memory.pull_failed(uid, name, message);
        }
        let witnessed = look.memory.pull_message(uid, name).map(str::to_owned);
        let told = look.world.latest_event(uid, |event| {
            let place = event.involved_object.field_path.as_deref();
            world::reason(event) == "Failed"
                && world::message(event).starts_with("Failed to pull image")
                && place.is_none_or(|place| place.ends_with(&format!("{{{name}}}")))
        });
        let causes = [witnessed.as_deref().unwrap_or_default(), told.map(world::message).unwrap_or_default(), message];
        let unknown = causes.into_iter().find(|cause| is_unknown_image(cause));
        let known = causes.into_iter().find(|cause| !cause.is_empty());
        let message = self.with_image(unknown.or(known).unwrap_or_default());
        if unknown.is_none() {
            let failure = self.failure(Reason::ImagePullBackOff, &message);
            return look.suspect(&self.subject(), grace::IMAGE_PULL, failure);
        }
        let failure = self.failure(Reason::ErrImagePull, &message);
        let is_new = look.target.write.changed || witnessed.is_some();
        match is_new {
            true => Finding::Failed(failure),
            false => look.suspect(&self.subject(), grace::IMAGE_PULL, failure),
        }
    }

    /// A container that is not running because it ended: a crash loop after the third restart
    /// since our write (helm #7429, kapp #360).
    ///
    /// Counted by `restartCount` and judged only while it is down: the kubelet shows
    /// `CrashLoopBackOff` minutes later, or nothing but `terminated`, and a container that runs
    /// after its third restart may yet stay up.
    fn ended(&self, look: &mut Look, end: Option<&ContainerStateTerminated>) -> Option<Finding> {
        let policy = self.pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()).unwrap_or("Always");
        let state = self.status.state.as_ref()?;
        let succeeded = (state.terminated.as_ref()).is_some_and(|end| end.exit_code == 0);
        if succeeded && (self.is_init || policy != "Always") {
            return None;
        }
        if policy == "Never" {
            return Some(self.note(&self.ending(end)));
        }
        if self.restarts >= grace::CRASH_LOOP_RESTARTS {
            let failure = self.failure(Reason::CrashLoop, self.ending(end));
            return Some(Finding::Failed(failure));
        }
        if let Some(finding) = self.start_error_before(look, end) {
            return Some(finding);
        }
        Some(self.shaky(look, end))
    }

    /// A crash loop in the making: the third restart decides, not time.
    fn shaky(&self, look: &mut Look, end: Option<&ContainerStateTerminated>) -> Finding {
        let failure = self.failure(Reason::CrashLoop, self.ending(end));
        let since =
            look.memory.trouble(look.target, &self.subject(), failure.reason.as_str(), &failure.message, look.now);
        Finding::Suspect(Suspicion { failure, since, fails_at: None })
    }

    /// Between two attempts to start it, a container that cannot be started is shown as one
    /// that crashed. It is still the same trouble.
    fn start_error_before(&self, look: &mut Look, end: Option<&ContainerStateTerminated>) -> Option<Finding> {
        let end_reason = end.and_then(|end| end.reason.as_deref());
        if matches!(end_reason, Some("StartError" | "ContainerCannotRun")) {
            let message = end.and_then(|end| end.message.clone()).unwrap_or_default();
            return Some(self.start_error(look, Reason::RunContainerError, &message));
        }
        let reasons = [Reason::RunContainerError, Reason::HookError];
        let (reason, message) = reasons.into_iter().find_map(|reason| {
            let message = look.memory.message(look.target, &self.subject(), reason.as_str())?;
            Some((reason, message.to_owned()))
        })?;
        Some(self.start_error(look, reason, &message))
    }

    fn start_error(&self, look: &mut Look, reason: Reason, message: &str) -> Finding {
        let failure = self.failure(reason, message);
        look.suspect(&self.subject(), grace::START_ERROR, failure)
    }

    fn image_failure(&self, reason: Reason, message: &str) -> Finding {
        Finding::Failed(self.failure(reason, self.with_image(message)))
    }

    fn failure(&self, reason: Reason, message: impl AsRef<str>) -> Failure {
        Failure::new(reason, message).in_container(pod::name(self.pod), &self.status.name)
    }

    fn note(&self, text: &str) -> Finding {
        let (pod, name) = (pod::name(self.pod), &self.status.name);
        let text = super::outcome::one_line(text);
        Finding::Note(format!("pod {pod}, container {name}: {text}"))
    }

    fn subject(&self) -> String {
        format!("{}/{}", pod::uid(self.pod), self.status.name)
    }

    fn last_end(&self) -> Option<&'a ContainerStateTerminated> {
        self.status.last_state.as_ref()?.terminated.as_ref()
    }

    /// `ended with exit code 137 (OOMKilled), restarted 3 times`.
    fn ending(&self, end: Option<&ContainerStateTerminated>) -> String {
        let mut text = end.map_or_else(|| "ended".to_owned(), exit);
        match self.restarts {
            ..=0 => {}
            1 => text.push_str(", restarted once"),
            times => text.push_str(&format!(", restarted {times} times")),
        }
        text
    }

    /// The message, begun with the image's name as the pod's spec writes it.
    fn with_image(&self, message: &str) -> String {
        let spec = self.pod.spec.as_ref();
        let image = spec
            .and_then(|spec| {
                let init = spec.init_containers.iter().flatten();
                init.chain(&spec.containers).find(|container| container.name == self.status.name)
            })
            .and_then(|container| container.image.as_deref())
            .unwrap_or(&self.status.image);
        format!("image {image}: {message}")
    }
}

/// `ended with exit code 137 (OOMKilled)`.
pub fn exit(end: &ContainerStateTerminated) -> String {
    match end.reason.as_deref() {
        Some("Error" | "") | None => format!("ended with exit code {}", end.exit_code),
        Some(reason) => format!("ended with exit code {} ({reason})", end.exit_code),
    }
}

/// Pods made after our write count their restarts from 0, older ones from the first look. After
/// a write that changed nothing, all are older: what they went through was before this deploy.
fn is_newer_than_write(look: &Look, pod: &Pod) -> bool {
    let write = &look.target.write;
    let created = pod.metadata.creation_timestamp.as_ref();
    match (created, write.at) {
        (Some(created), Some(at)) => write.changed && created.0 >= at,
        _ => false,
    }
}

/// The kubelet's own cache lags behind the API server: passes by itself.
fn is_cache_lag(message: &str) -> bool {
    message.split_once("failed to sync ").is_some_and(|(_, rest)| rest.contains(" cache"))
}

fn is_unknown_image(message: &str) -> bool {
    let message = message.to_lowercase();
    message.contains("not found") || message.contains("manifest unknown")
}
