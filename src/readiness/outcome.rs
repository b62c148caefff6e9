//! The answers: ready, in progress and why, failed and why.

use std::fmt;
use std::time::Duration;

/// Where a written object stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Readiness {
    /// Nothing is left to wait for.
    Ready,
    /// Not there yet.
    InProgress(Progress),
    /// It will not become ready by waiting.
    Failed(Failure),
}

/// What is still missing.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// In words, on one line, without elapsed times: equal words are the same state.
    pub why: String,
    /// How many of `total` are done.
    pub done: u32,
    /// How many replicas, completions or objects are wanted.
    pub total: u32,
    /// What is wrong and may become a failure.
    pub suspicion: Option<Suspicion>,
}

impl Progress {
    /// How long it may stay as it is, where time decides.
    pub fn fails_in(&self, now: Duration) -> Option<Duration> {
        Some(self.suspicion.as_ref()?.fails_at?.saturating_sub(now))
    }

    /// `why`, with how long the suspicion has lasted: `...: ImagePullBackOff, 12 s of 90 s`.
    pub fn line(&self, now: Duration) -> String {
        let Some(suspicion) = &self.suspicion else {
            return self.why.clone();
        };
        let lasted = now.saturating_sub(suspicion.since).as_secs();
        match suspicion.fails_at {
            Some(at) => {
                let window = at.saturating_sub(suspicion.since).as_secs();
                format!("{}, {lasted} s of {window} s", self.why)
            }
            None => format!("{}, {lasted} s", self.why),
        }
    }
}

/// Something wrong that will be a failure if it lasts.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspicion {
    /// The failure it will be.
    pub failure: Failure,
    /// When it was first seen, on the caller's clock.
    pub since: Duration,
    /// When it becomes a failure, on the same clock: look again then. `None` where not time but
    /// another event decides (a further restart).
    pub fails_at: Option<Duration>,
}

/// Why an object will not become ready.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The kind of failure.
    pub reason: Reason,
    /// What Kubernetes says of it, on one line.
    pub message: String,
    /// The pod that shows it, if one does.
    pub pod: Option<String>,
    /// The container of that pod.
    pub container: Option<String>,
}

impl Failure {
    /// A failure of the object itself.
    pub(super) fn new(reason: Reason, message: impl AsRef<str>) -> Failure {
        Failure { reason, message: one_line(message.as_ref()), pod: None, container: None }
    }

    /// The same failure, shown by a pod.
    pub(super) fn in_pod(mut self, pod: &str) -> Failure {
        self.pod = Some(pod.to_owned());
        self
    }

    /// The same failure, shown by a container.
    pub(super) fn in_container(mut self, pod: &str, container: &str) -> Failure {
        self.container = Some(container.to_owned());
        self.in_pod(pod)
    }
}

/// `pod saleor-api-x2k, container api: ErrImagePull: manifest unknown`.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.pod, &self.container) {
            (Some(pod), Some(container)) => write!(f, "pod {pod}, container {container}: ")?,
            (Some(pod), None) => write!(f, "pod {pod}: ")?,
            _ => {}
        }
        match self.message.is_empty() {
            true => write!(f, "{}", self.reason),
            false => write!(f, "{}: {}", self.reason, self.message),
        }
    }
}

/// The reasons an object fails for, in Kubernetes' words where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The object is gone or being deleted (C0).
    Deleted,
    /// Another object has taken its name (C0).
    Replaced,
    /// No progress within `progressDeadlineSeconds` (C1).
    ProgressDeadlineExceeded,
    /// Pods cannot be created: quota, admission (C1).
    ReplicaFailure,
    /// The Job failed; the message begins with Kubernetes' reason (C3).
    JobFailed,
    /// The claim's volume is lost (C4).
    ClaimLost,
    /// The claim's volume cannot be provisioned (C4).
    ProvisioningFailed,
    /// The image's name cannot be parsed (C7).
    InvalidImageName,
    /// The image is not on the node and may not be pulled (C7).
    ErrImageNeverPull,
    /// The registry does not know the image (C7).
    ErrImagePull,
    /// The image cannot be pulled for another reason (C7).
    ImagePullBackOff,
    /// A ConfigMap, Secret or key the container refers to is missing (C7).
    CreateContainerConfigError,
    /// A Secret or ConfigMap to be mounted is missing (C7).
    FailedMount,
    /// The container cannot be created (C7).
    CreateContainerError,
    /// The container cannot be started (C7).
    RunContainerError,
    /// A hook of the container fails (C7).
    HookError,
    /// The container keeps ending (C7).
    CrashLoop,
    /// No node has room for the pod (C7).
    Unschedulable,
    /// Its controller says that it is not ready; the message begins with the controller's reason.
    NotReady,
    /// No controller has said anything about it.
    NoController,
}

impl Reason {
    /// The reason in CamelCase.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Deleted => "Deleted",
            Reason::Replaced => "Replaced",
            Reason::ProgressDeadlineExceeded => "ProgressDeadlineExceeded",
            Reason::ReplicaFailure => "ReplicaFailure",
            Reason::JobFailed => "JobFailed",
            Reason::ClaimLost => "ClaimLost",
            Reason::ProvisioningFailed => "ProvisioningFailed",
            Reason::InvalidImageName => "InvalidImageName",
            Reason::ErrImageNeverPull => "ErrImageNeverPull",
            Reason::ErrImagePull => "ErrImagePull",
            Reason::ImagePullBackOff => "ImagePullBackOff",
            Reason::CreateContainerConfigError => "CreateContainerConfigError",
            Reason::FailedMount => "FailedMount",
            Reason::CreateContainerError => "CreateContainerError",
            Reason::RunContainerError => "RunContainerError",
            Reason::HookError => "HookError",
            Reason::CrashLoop => "CrashLoop",
            Reason::Unschedulable => "Unschedulable",
            Reason::NotReady => "NotReady",
            Reason::NoController => "NoController",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The worst of several answers, to be shown first: a failure, then the suspicion that falls due
/// first, then one without a date, then what has least of its replicas. Ready ones are left out.
pub fn worst<'a, T>(answers: impl IntoIterator<Item = (T, &'a Readiness)>) -> Option<(T, &'a Readiness)> {
    answers
        .into_iter()
        .filter(|(_, readiness)| **readiness != Readiness::Ready)
        .min_by_key(|(_, readiness)| urgency(readiness))
}

fn urgency(readiness: &Readiness) -> (u8, Duration, u64) {
    match readiness {
        Readiness::Failed(_) => (0, Duration::ZERO, 0),
        Readiness::InProgress(progress) => {
            let share = u64::from(progress.done) * 1000 / u64::from(progress.total.max(1));
            match &progress.suspicion {
                Some(Suspicion { fails_at: Some(at), .. }) => (1, *at, share),
                Some(_) => (2, Duration::ZERO, share),
                None => (3, Duration::ZERO, share),
            }
        }
        Readiness::Ready => (4, Duration::ZERO, 0),
    }
}

/// Kubernetes' messages, some of which have line breaks and runs of blanks, on one line.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
