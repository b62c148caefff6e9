//! What happens during a deploy, as data. The pipeline emits these; a reporter shows them.
//!
//! As JSON (`--output json`) each is one object on one line, with `event` naming its kind.

use serde::Serialize;

use crate::render::Phase;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Event {
    /// Preconditions hold and the deploy begins.
    DeployStarted(Started),
    /// Something people should know that is no failure (an older API is used, a conflict was forced).
    Notice {
        /// The phase it belongs to, if to one.
        phase: Option<Phase>,
        /// One sentence.
        message: String,
    },
    /// A phase begins.
    PhaseStarted {
        /// Which.
        phase: Phase,
        /// How many objects it applies.
        objects: usize,
        /// How long it may take, in seconds.
        timeout_seconds: u64,
    },
    /// One object was applied (or, in a dry run, would be).
    Applied {
        /// Its phase.
        phase: Phase,
        /// Kind and name: "Deployment saleor-api".
        object: String,
        /// What the apply did.
        change: Change,
    },
    /// An object is not ready yet; sent when the reason changes.
    Waiting {
        /// Its phase.
        phase: Phase,
        /// Kind and name.
        object: String,
        /// Why, in words.
        why: String,
        /// Of how many parts (replicas)...
        done: u32,
        /// ...it consists.
        total: u32,
        /// It will fail unless it changes.
        suspicious: bool,
    },
    /// An object that was waited for is ready.
    Ready {
        /// Its phase.
        phase: Phase,
        /// Kind and name.
        object: String,
    },
    /// Every 15 s of waiting.
    Heartbeat {
        /// The phase.
        phase: Phase,
        /// Objects that are ready...
        ready: usize,
        /// ...of those that are waited for.
        total: usize,
        /// The worst blocker.
        worst: Option<Blocker>,
        /// Seconds until the phase times out.
        left_seconds: u64,
    },
    /// Why an object failed, with its evidence.
    Diagnosis(Box<Diagnosis>),
    /// A phase is over.
    PhaseFinished(PhaseSummary),
    /// A release is rolled back: everything it touched is to be as it was before.
    RollbackStarted {
        /// How many objects it touched.
        objects: usize,
        /// How long the Deployments may take to be ready again, in seconds.
        timeout_seconds: u64,
    },
    /// What a rollback made of one object.
    Restored(Restored),
    /// A rollback is over.
    RollbackFinished {
        /// Everything is as it was, less what stays by rule.
        complete: bool,
        /// Seconds it took.
        seconds: f64,
    },
    /// What a reset will delete.
    ResetPlanned(Box<Loss>),
    /// A reset has deleted one object, or a deploy an autoscaler for another one, and it is gone.
    Deleted {
        /// Kind and name.
        object: String,
    },
    /// A reset is over.
    ResetFinished {
        /// Everything is gone, and a deploy from nothing follows.
        complete: bool,
        /// Seconds it took.
        seconds: f64,
    },
    /// The deploy is over.
    DeployFinished(Box<Finished>),
}

/// Where a deploy goes, and what it will do.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Started {
    /// The environment's name.
    pub environment: String,
    /// The kubeconfig context.
    pub context: String,
    /// The namespace.
    pub namespace: String,
    /// The API server's address.
    pub server: String,
    /// The API server's version ("v1.20.2").
    pub server_version: String,
    /// The phases that will run.
    pub phases: Vec<Phase>,
    /// The images of the containers that they apply.
    pub images: Vec<ContainerImage>,
    /// Nothing will be written.
    pub dry_run: bool,
    /// The cluster is simulated: it is a rehearsal.
    pub rehearsal: bool,
}

/// Which image a container runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerImage {
    /// The workload, by kind and name.
    pub object: String,
    /// The container; an init container too.
    pub container: String,
    /// The image, with its tag or digest.
    pub image: String,
}

/// What a reset will delete.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Loss {
    /// The namespace.
    pub namespace: String,
    /// Kind and name of every object without data.
    pub objects: Vec<String>,
    /// The claims that go with their data.
    pub data: Vec<Volume>,
    /// The claims of ours that stay.
    pub kept: Vec<Volume>,
}

/// A claim with data.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// Kind and name.
    pub object: String,
    /// The size it asks for ("5Gi").
    pub size: String,
}

/// How a deploy ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finished {
    /// Whether it succeeded.
    pub succeeded: bool,
    /// One sentence for people.
    pub message: String,
    /// Seconds since the start.
    pub seconds: f64,
    /// Every phase.
    pub phases: Vec<PhaseSummary>,
    /// The release's number; None where nothing was recorded, for nothing was to be changed.
    pub release: Option<u64>,
    /// What a rollback made of every object that the release touched, and of every Deployment.
    pub restored: Vec<Restored>,
    /// Requests made to the API server.
    pub api_requests: u64,
    /// What to do next, when it failed.
    pub next_steps: Vec<String>,
}

/// What an apply did to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It did not exist.
    Created,
    /// It was different.
    Changed,
    /// It was as it should be.
    Unchanged,
}

impl Change {
    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
        }
    }
}

/// What holds a phase up.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Blocker {
    /// Kind and name.
    pub object: String,
    /// Why it is not ready, in words.
    pub why: String,
}

/// Why an object failed, with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// Its phase.
    pub phase: Phase,
    /// Kind and name.
    pub object: String,
    /// A CamelCase reason: "ErrImagePull".
    pub reason: String,
    /// The reason in words.
    pub message: String,
    /// The pod it shows in.
    pub pod: Option<String>,
    /// The container of that pod.
    pub container: Option<String>,
    /// The container's image.
    pub image: Option<String>,
    /// The last Warning events about it, oldest first.
    pub events: Vec<String>,
    /// The last lines of the container's log (of its previous run, if it restarted).
    pub log: Vec<String>,
}

impl Diagnosis {
    /// One without evidence from a pod.
    pub fn new(phase: Phase, object: String, reason: impl Into<String>, message: String) -> Self {
        let (events, log) = (Vec::new(), Vec::new());
        Self { phase, object, reason: reason.into(), message, pod: None, container: None, image: None, events, log }
    }
}

/// What a rollback made of one object.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Restored {
    /// Kind and name.
    pub object: String,
    /// What became of it.
    pub outcome: RestoreOutcome,
    /// Why it failed.
    pub reason: Option<String>,
    /// It was not ready before the release either.
    pub was_unhealthy: bool,
}

/// What a rollback makes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestoreOutcome {
    /// It is as it was before.
    RolledBack,
    /// The release had made it, and it is gone.
    Deleted,
    /// The release had not changed it yet.
    Unchanged,
    /// It stays as the release left it: data, databases' schemas, and what those start with.
    Stays,
    /// There is nothing to go back to.
    FirstInstall,
    /// It could not be restored.
    Failed,
}

/// How a phase went.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PhaseSummary {
    /// Which.
    pub phase: Phase,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was skipped or failed.
    pub reason: Option<String>,
    /// Seconds it took.
    pub seconds: f64,
    /// Objects created.
    pub created: usize,
    /// Objects changed.
    pub changed: usize,
    /// Objects left as they were.
    pub unchanged: usize,
}

/// How a phase ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Applied and ready.
    Done,
    /// Not applied, for a reason that is no failure.
    Skipped,
    /// An object failed.
    Failed,
    /// Its time ran out.
    TimedOut,
    /// It was told to stop.
    Interrupted,
    /// An earlier phase failed.
    NotReached,
}

impl Outcome {
    /// In one word or two.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
            Self::Interrupted => "interrupted",
            Self::NotReached => "not reached",
        }
    }

    /// How it failed, if it did.
    pub fn failure(self) -> Option<&'static str> {
        match self {
            Self::Failed => Some("failed"),
            Self::TimedOut => Some("timed out"),
            Self::Interrupted => Some("was interrupted"),
            Self::Done | Self::Skipped | Self::NotReached => None,
        }
    }
}

/// Where events go.
#[derive(Clone, Debug)]
pub struct Events(tokio::sync::mpsc::UnboundedSender<Event>);

impl Events {
    /// A sender and the receiver that a reporter reads.
    pub fn channel() -> (Self, tokio::sync::mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Emits one. A reporter that has gone away loses it, and the deploy goes on.
    pub fn emit(&self, event: Event) {
        let _ = self.0.send(event);
    }

    /// Emits a notice.
    pub fn notice(&self, phase: Option<Phase>, message: impl Into<String>) {
        self.emit(Event::Notice { phase, message: message.into() });
    }
}
