//! Which of Kubernetes' warnings are new
//! (<https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/>).

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Event;

use super::ours::Ours;
use crate::readiness::{World, event_time};

/// One warning, in the words of [`super::Event::Warning`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Kind and name.
    pub object: String,
    /// The CamelCase reason.
    pub reason: String,
    /// In words, on one line.
    pub message: String,
    /// How often it was said.
    pub count: u32,
}

/// What is known already.
#[derive(Debug, Default)]
pub struct Warnings {
    /// The version of each event, by its name: an event that is counted on has another one.
    known: BTreeMap<String, String>,
    /// Object, reason and message of what was told.
    told: BTreeSet<(String, String, String)>,
}

impl Warnings {
    /// What is there is old.
    pub fn pass_over(&mut self, world: &World) {
        self.known.extend(world.events.iter().map(|(name, event)| (name.clone(), version(event))));
    }

    /// What was said since, the oldest first. An event whose pod is not known yet is looked at again.
    pub fn news(&mut self, ours: &Ours) -> Vec<Warning> {
        let is_new = |(name, event): &(&String, &Event)| {
            event.type_.as_deref() == Some("Warning") && self.known.get(*name) != Some(&version(event))
        };
        let is_ours = |event: &Event| {
            let about = &event.involved_object;
            ours.has(about.kind.as_deref().unwrap_or_default(), about.name.as_deref().unwrap_or_default())
        };
        let all = ours.world.events.iter().map(|(name, event)| (name, event.as_ref()));
        let mut new: Vec<(&String, &Event)> = all.filter(is_new).filter(|(_, event)| is_ours(event)).collect();
        new.sort_by_key(|(_, event)| event_time(event));
        let mut news = Vec::new();
        for (name, event) in new {
            self.known.insert(name.clone(), version(event));
            let warning = Warning::of(event);
            if self.told.insert((warning.object.clone(), warning.reason.clone(), warning.message.clone())) {
                news.push(warning);
            }
        }
        news
    }
}

impl Warning {
    fn of(event: &Event) -> Self {
        let about = &event.involved_object;
        let [kind, name] = [&about.kind, &about.name].map(|text| text.as_deref().unwrap_or_default());
        let message = event.message.as_deref().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        let count = event.count.or_else(|| event.series.as_ref()?.count);
        Self {
            object: format!("{kind} {name}"),
            reason: event.reason.clone().unwrap_or_default(),
            message,
            count: count.and_then(|count| u32::try_from(count).ok()).map_or(1, |count| count.max(1)),
        }
    }
}

fn version(event: &Event) -> String {
    event.metadata.resource_version.clone().unwrap_or_default()
}
