//! The door every event passes before it is shown.

use serde_json::Value;

use crate::pipeline::{
    Blocker, ContainerImage, Diagnosis, Event, Finished, Loss, PhaseSummary, Restored, Started, Volume,
};

use super::Redactor;
use super::text::printable;

/// Masks secrets and removes control characters in every string of an event.
pub fn scrub(event: &mut Event, redactor: &Redactor) {
    for text in strings(event) {
        *text = clean(text, redactor);
    }
}

/// Masks secrets and removes control characters in every string of a JSON value, names included.
pub fn scrub_value(value: &mut Value, redactor: &Redactor) {
    match value {
        Value::String(text) => *text = clean(text, redactor),
        Value::Array(items) => items.iter_mut().for_each(|item| scrub_value(item, redactor)),
        Value::Object(map) => {
            for (name, mut value) in std::mem::take(map) {
                scrub_value(&mut value, redactor);
                map.insert(clean(&name, redactor), value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The text without secrets and control characters.
pub fn clean(text: &str, redactor: &Redactor) -> String {
    // Masked first, since a value may hold a character that is about to be removed; and again after it,
    // since a colour code may have stood inside a value.
    let clean = printable(&redactor.redact(text));
    redactor.redact(&clean).into_owned()
}

/// Every string of an event. The patterns name every field, so that a new one cannot be forgotten.
fn strings(event: &mut Event) -> Vec<&mut String> {
    match event {
        Event::DeployStarted(started) => {
            let Started {
                environment,
                context,
                namespace,
                server,
                server_version,
                phases: _,
                images,
                dry_run: _,
                rehearsal: _,
            } = started;
            let mut strings = vec![environment, context, namespace, server, server_version];
            strings.extend(images.iter_mut().flat_map(in_image));
            strings
        }
        Event::Notice { phase: _, message } => vec![message],
        Event::PhaseStarted { phase: _, objects: _, timeout_seconds: _ } => vec![],
        Event::Applied { phase: _, object, change: _ } => vec![object],
        Event::Waiting { phase: _, object, why, done: _, total: _, suspicious: _ } => vec![object, why],
        Event::Ready { phase: _, object } => vec![object],
        Event::Heartbeat { phase: _, ready: _, total: _, worst, left_seconds: _ } => {
            worst.iter_mut().flat_map(|Blocker { object, why }| [object, why]).collect()
        }
        Event::Diagnosis(diagnosis) => {
            let Diagnosis { phase: _, object, reason, message, pod, container, image, events, log } = &mut **diagnosis;
            let mut strings = vec![object, reason, message];
            strings.extend(pod.iter_mut().chain(container).chain(image).chain(events).chain(log));
            strings
        }
        Event::PhaseFinished(summary) => in_summary(summary).collect(),
        Event::RollbackStarted { objects: _, timeout_seconds: _ } => vec![],
        Event::Restored(restored) => in_restored(restored).collect(),
        Event::RollbackFinished { complete: _, seconds: _ } => vec![],
        Event::ResetPlanned(loss) => {
            let Loss { namespace, objects, data, kept } = &mut **loss;
            let volumes = data.iter_mut().chain(kept).flat_map(|Volume { object, size }| [object, size]);
            std::iter::once(namespace).chain(objects).chain(volumes).collect()
        }
        Event::Deleted { object } => vec![object],
        Event::ResetFinished { complete: _, seconds: _ } => vec![],
        Event::DeployFinished(finished) => {
            let Finished {
                succeeded: _,
                message,
                seconds: _,
                phases,
                release: _,
                restored,
                api_requests: _,
                next_steps,
            } = &mut **finished;
            let mut strings = vec![message];
            strings.extend(phases.iter_mut().flat_map(in_summary));
            strings.extend(restored.iter_mut().flat_map(in_restored));
            strings.extend(next_steps);
            strings
        }
    }
}

fn in_image(image: &mut ContainerImage) -> [&mut String; 3] {
    let ContainerImage { object, container, image } = image;
    [object, container, image]
}

fn in_restored(restored: &mut Restored) -> impl Iterator<Item = &mut String> {
    let Restored { object, outcome: _, reason, was_unhealthy: _ } = restored;
    std::iter::once(object).chain(reason)
}

fn in_summary(summary: &mut PhaseSummary) -> impl Iterator<Item = &mut String> {
    let PhaseSummary { phase: _, outcome: _, reason, seconds: _, created: _, changed: _, unchanged: _ } = summary;
    reason.iter_mut()
}
