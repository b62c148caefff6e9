//! Deletes what a reset has chosen, in an order in which it may be broken off anywhere: what runs first, data after it,
//! and Secrets last, for without them nobody opens data that is still there.

use std::time::Duration;

use futures::StreamExt;
use serde_json::Value;

use super::super::{Event, Events, Stop};
use super::Doomed;
use crate::cluster::{Clock, Cluster, Fault};

/// How long everything may take to be gone.
const TIMEOUT: Duration = Duration::from_secs(600);
/// How often it is told what is not gone yet.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often it is looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
const CONCURRENCY: usize = 8;

/// How it went.
#[derive(Debug, PartialEq, Eq)]
pub enum Went {
    /// Everything is gone.
    All,
    /// It was told to stop.
    Interrupted,
    /// Something does not go, and why.
    Stuck(String),
}

/// A reset's deletions.
pub struct Going<'a> {
    /// Whose every write asks for the lock.
    pub cluster: &'a Cluster,
    /// Told when somebody wants it to end.
    pub stop: &'a Stop,
    /// Where it is told.
    pub events: &'a Events,
    /// The reset's clock.
    pub clock: Clock,
}

/// The stages, each of which is over before the next one begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Runs,
    Serves,
    Claims,
    Volumes,
    Secrets,
}

impl Stage {
    const ALL: [Self; 5] = [Self::Runs, Self::Serves, Self::Claims, Self::Volumes, Self::Secrets];

    /// When an object goes.
    fn of(kind: &str) -> Self {
        match kind {
            "HorizontalPodAutoscaler"
            | "ScaledObject"
            | "CronJob"
            | "Job"
            | "Deployment"
            | "StatefulSet"
            | "DaemonSet"
            | "ReplicaSet"
            | "Pod" => Self::Runs,
            "PersistentVolumeClaim" => Self::Claims,
            "Secret" => Self::Secrets,
            _ => Self::Serves,
        }
    }

    /// What it deletes.
    fn words(self) -> &'static str {
        match self {
            Self::Runs => "what runs",
            Self::Serves => "what serves and configures it",
            Self::Claims => "the data",
            Self::Volumes => "the volumes",
            Self::Secrets => "the secrets",
        }
    }
}

/// What is not gone yet.
struct Left<'a> {
    what: What<'a>,
    /// The server has taken its deletion.
    is_told: bool,
    /// Why it is there still.
    why: String,
}

enum What<'a> {
    Object(&'a Doomed),
    /// A claim's volume, which goes by itself.
    Volume(&'a str),
}

impl<'a> Left<'a> {
    fn new(what: What<'a>) -> Self {
        Self { what, is_told: false, why: "it is not deleted yet".to_owned() }
    }

    fn words(&self) -> String {
        match self.what {
            What::Object(doomed) => format!("{}: {}", doomed.id, self.why),
            What::Volume(name) => format!("PersistentVolume {name}: {}", self.why),
        }
    }
}

impl Going<'_> {
    /// Deletes them, and waits until they are gone.
    pub async fn go(&self, doomed: &[Doomed]) -> Went {
        let deadline = self.clock.elapsed() + TIMEOUT;
        for stage in Stage::ALL {
            let left: Vec<Left> = match stage {
                Stage::Volumes => {
                    let volumes = doomed.iter().filter_map(|one| one.volume.as_deref());
                    volumes.map(|name| Left::new(What::Volume(name))).collect()
                }
                _ => {
                    let objects = doomed.iter().filter(|one| Stage::of(&one.id.kind) == stage);
                    objects.map(|one| Left::new(What::Object(one))).collect()
                }
            };
            if left.is_empty() {
                continue;
            }
            if stage != Stage::Volumes {
                self.events.notice(None, format!("reset: deleting {} ({})", stage.words(), left.len()));
            }
            if let Err(went) = self.stage(left, deadline).await {
                return went;
            }
        }
        Went::All
    }

    async fn stage(&self, mut left: Vec<Left<'_>>, deadline: Duration) -> Result<(), Went> {
        let mut beat = self.clock.elapsed() + HEARTBEAT;
        loop {
            let steps = futures::stream::iter(left).map(|one| self.step(one)).buffered(CONCURRENCY);
            let stepped: Vec<Result<Option<Left>, String>> = steps.collect().await;
            left = stepped
                .into_iter()
                .collect::<Result<Vec<_>, _>>()
                .map_err(Went::Stuck)?
                .into_iter()
                .flatten()
                .collect();
            let now = self.clock.elapsed();
            if left.is_empty() {
                return Ok(());
            }
            if self.stop.is_told() {
                return Err(Went::Interrupted);
            }
            let words = || left.iter().map(Left::words).collect::<Vec<_>>().join("; ");
            if now >= deadline {
                return Err(Went::Stuck(format!("not gone after {} s: {}", TIMEOUT.as_secs(), words())));
            }
            if now >= beat {
                beat = now + HEARTBEAT;
                let seconds = (deadline - now).as_secs();
                self.events.notice(None, format!("reset: not gone yet ({seconds} s left): {}", words()));
            }
            tokio::select! {
                biased;
                () = self.stop.told() => return Err(Went::Interrupted),
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Takes one a step further; nothing where it is gone.
    async fn step<'a>(&self, mut left: Left<'a>) -> Result<Option<Left<'a>>, String> {
        // Requests under way are joined, and none is sent any more (RULES.md T13).
        if self.stop.is_told() {
            return Ok(Some(left));
        }
        let what = left.words();
        let answer = match left.what {
            What::Object(doomed) => self.step_object(doomed, &mut left.is_told).await,
            What::Volume(name) => self.step_volume(name).await,
        };
        match answer {
            Ok(Some(why)) => left.why = why,
            Ok(None) => return Ok(None),
            Err(fault) if is_final(&fault) => return Err(format!("{what}: {fault}")),
            Err(fault) => left.why = fault.to_string(),
        }
        Ok(Some(left))
    }

    /// Why it is there still; nothing where it is gone.
    async fn step_object(&self, doomed: &Doomed, is_told: &mut bool) -> Result<Option<String>, Fault> {
        let Doomed { id, uid, .. } = doomed;
        if !*is_told {
            let sent = match Stage::of(&id.kind) {
                // A claim waits for the pods that use it, so these are waited for.
                Stage::Runs => self.cluster.begin_delete(id, uid).await,
                _ => self.cluster.forget(id, uid).await,
            };
            // A conflict says that there is another one of this name: the next look shows it.
            sent.or_else(|fault| if fault.is_conflict() { Ok(()) } else { Err(fault) })?;
            *is_told = true;
        }
        let live = self.cluster.get(id).await?.filter(|live| live["metadata"]["uid"] == uid.as_str());
        let Some(live) = live else {
            self.events.emit(Event::Deleted { object: id.to_string() });
            return Ok(None);
        };
        *is_told = !live["metadata"]["deletionTimestamp"].is_null();
        Ok(Some(why(&live)))
    }

    /// A volume that is to be kept stays, and one that may not be seen is nobody's who may not see it.
    async fn step_volume(&self, name: &str) -> Result<Option<String>, Fault> {
        let notice = |words: &str| self.events.notice(None, format!("reset: PersistentVolume {name} {words}"));
        let volume = match self.cluster.volume(name).await {
            Err(fault) if fault.is_denied() => {
                notice("may not be looked at by you, so it is not waited for");
                return Ok(None);
            }
            volume => volume?,
        };
        let Some(volume) = volume else { return Ok(None) };
        if volume["spec"]["persistentVolumeReclaimPolicy"] != "Delete" {
            notice("stays, with its data: that is its reclaim policy");
            return Ok(None);
        }
        let phase = volume["status"]["phase"].as_str().unwrap_or("Bound");
        let message = volume["status"]["message"].as_str().map_or_else(String::new, |message| format!(" ({message})"));
        Ok(Some(format!("it is {phase}{message}, and its provisioner has not deleted it")))
    }
}

/// Whether asking again is of no use.
fn is_final(fault: &Fault) -> bool {
    let is_refusal = matches!(fault.code(), Some(400..=499)) && !fault.is_passing() && !fault.is_conflict();
    is_refusal || matches!(fault, Fault::LockLost(_))
}

/// Why an object that was told to go is there still
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/>).
fn why(live: &Value) -> String {
    let finalizers = live["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let words: Vec<String> = finalizers
        .map(|name| match name {
            "foregroundDeletion" => "its pods are ending (finalizer foregroundDeletion)".to_owned(),
            "kubernetes.io/pvc-protection" => format!("a pod still uses it (finalizer {name})"),
            name => format!("finalizer {name} holds it"),
        })
        .collect();
    if words.is_empty() { "it is ending".to_owned() } else { words.join(", ") }
}
