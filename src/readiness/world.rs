//! The live objects of one namespace, as watches deliver them.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, PersistentVolumeClaim, Pod, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::Timestamp;

use super::outcome::one_line;
use super::scaled_object::ScaledObject;
use super::target::{Kind, Target};

/// The live objects of one namespace, by name.
///
/// Every map is to hold at least one complete list before it is asked: an object that is not in
/// it counts as gone.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// `apps/v1` Deployments.
    pub deployments: BTreeMap<String, Arc<Deployment>>,
    /// `apps/v1` StatefulSets.
    pub stateful_sets: BTreeMap<String, Arc<StatefulSet>>,
    /// `batch/v1` Jobs.
    pub jobs: BTreeMap<String, Arc<Job>>,
    /// PersistentVolumeClaims.
    pub claims: BTreeMap<String, Arc<PersistentVolumeClaim>>,
    /// Services.
    pub services: BTreeMap<String, Arc<Service>>,
    /// KEDA's ScaledObjects, where they are looked at.
    pub scaled_objects: BTreeMap<String, Arc<ScaledObject>>,
    /// `apps/v1` ReplicaSets.
    pub replica_sets: BTreeMap<String, Arc<ReplicaSet>>,
    /// Pods.
    pub pods: BTreeMap<String, Arc<Pod>>,
    /// `v1` Events.
    pub events: BTreeMap<String, Arc<Event>>,
}

impl World {
    /// The metadata of the live object that has the target's name.
    pub(super) fn metadata(&self, target: &Target) -> Option<&ObjectMeta> {
        let name = &target.name;
        match target.kind {
            Kind::Deployment => self.deployments.get(name).map(|o| &o.metadata),
            Kind::StatefulSet => self.stateful_sets.get(name).map(|o| &o.metadata),
            Kind::Job => self.jobs.get(name).map(|o| &o.metadata),
            Kind::PersistentVolumeClaim => self.claims.get(name).map(|o| &o.metadata),
            Kind::Service => self.services.get(name).map(|o| &o.metadata),
            Kind::ScaledObject => self.scaled_objects.get(name).map(|o| &o.metadata),
        }
    }

    /// The events about the object with this uid.
    pub(super) fn events_of<'a>(&'a self, uid: &str) -> impl Iterator<Item = &'a Event> {
        self.events
            .values()
            .map(|event| event.as_ref())
            .filter(move |event| event.involved_object.uid.as_deref() == Some(uid))
    }

    /// The latest of the events about this object that `wanted` picks.
    pub(super) fn latest_event(&self, uid: &str, wanted: impl Fn(&Event) -> bool) -> Option<&Event> {
        self.events
            .values()
            .map(|event| event.as_ref())
            .filter(|event| event.involved_object.uid.as_deref() == Some(uid))
            .filter(|event| wanted(event))
            .max_by_key(|event| event_time(event))
    }
}

/// When an event last happened. Which field says so depends on who wrote it: the old recorder
/// counts in `lastTimestamp`, the new one in `series`, and a first event has `eventTime` alone.
pub fn event_time(event: &Event) -> Option<Timestamp> {
    let series = event.series.as_ref();
    [
        series.and_then(|series| series.last_observed_time.as_ref()).map(|time| time.0),
        event.last_timestamp.as_ref().map(|time| time.0),
        event.event_time.as_ref().map(|time| time.0),
        event.first_timestamp.as_ref().map(|time| time.0),
        event.metadata.creation_timestamp.as_ref().map(|time| time.0),
    ]
    .into_iter()
    .flatten()
    .max()
}

/// The event's reason, or nothing.
pub(super) fn reason(event: &Event) -> &str {
    event.reason.as_deref().unwrap_or_default()
}

/// The event's message, or nothing. A probe that says nothing leaves a colon at its end, which is cut.
pub(super) fn message(event: &Event) -> &str {
    event.message.as_deref().unwrap_or_default().trim_end_matches([':', ' ', '\n'])
}

/// A Warning, not a Normal event.
pub(super) fn is_warning(event: &Event) -> bool {
    event.type_.as_deref() == Some("Warning")
}

/// `FailedScheduling: 0/1 nodes are available`, on one line.
pub(super) fn words(event: &Event) -> String {
    one_line(&format!("{}: {}", reason(event), message(event)))
}
