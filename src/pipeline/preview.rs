//! What a deploy would change (`--dry-run`).

use super::adopt::tell_adopted;
use super::started::started;
use super::survey::{Answer, of_objects};
use super::{Change, Diagnosis, Event, Events, Finished, Outcome, PhaseSummary, Prepared};
use crate::render::Phase;

/// Asks the server, object by object, what applying it would change; nothing is written. Without a
/// namespace there is nothing to ask: then everything would be created, and the manifests' own checks
/// are all there is.
pub async fn preview(prepared: &Prepared, events: &Events) -> bool {
    events.emit(started(prepared, true, false));
    prepared.notices.iter().for_each(|notice| events.notice(None, notice));
    tell_adopted(prepared, events);
    for rival in &prepared.rivals {
        events.notice(Some(rival.phase), format!("{} would be deleted: {}", rival.id, rival.why()));
    }
    let clock = prepared.request.clock.from_now();
    if !prepared.namespace_exists {
        events.notice(
            None,
            format!(
                "namespace {} does not exist yet: the objects were checked here, not by the server",
                prepared.cluster.namespace()
            ),
        );
    }
    let mut summaries = Vec::new();
    for phase in prepared.phases_asked_for() {
        let began = clock.elapsed();
        let mut summary = one_phase(prepared, phase, events).await;
        summary.seconds = (clock.elapsed() - began).as_secs_f64();
        events.emit(Event::PhaseFinished(summary.clone()));
        summaries.push(summary);
    }
    let succeeded = summaries.iter().all(|phase| phase.outcome != Outcome::Failed);
    let changes: usize = summaries.iter().map(|phase| phase.created + phase.changed).sum();
    let deletions = match prepared.rivals.len() {
        0 => String::new(),
        count => format!(" and {count} deleted"),
    };
    events.emit(Event::DeployFinished(Box::new(Finished {
        succeeded,
        message: match (succeeded, changes) {
            (false, _) => "dry run: the server would refuse some objects; nothing was written".to_owned(),
            (true, 0) if deletions.is_empty() => "dry run: nothing would change".to_owned(),
            (true, changes) => {
                format!("dry run: {changes} objects would be created or changed{deletions}; nothing was written")
            }
        },
        seconds: clock.elapsed().as_secs_f64(),
        phases: summaries,
        api_requests: prepared.request.connection.requests(),
        ..Finished::default()
    })));
    succeeded
}

async fn one_phase(prepared: &Prepared, phase: Phase, events: &Events) -> PhaseSummary {
    let mut summary = PhaseSummary {
        phase,
        outcome: Outcome::Done,
        reason: None,
        seconds: 0.0,
        created: 0,
        changed: 0,
        unchanged: 0,
    };
    if let Some(reason) = prepared.skipped.get(&phase) {
        summary.outcome = Outcome::Skipped;
        summary.reason = Some(reason.clone());
        return summary;
    }
    let objects = prepared.objects(phase);
    events.emit(Event::PhaseStarted { phase, objects: objects.len(), timeout_seconds: phase.timeout().as_secs() });
    for (object, answer) in of_objects(prepared, objects).await {
        match answer {
            Ok(Answer { change, .. }) => {
                match change {
                    Change::Created => summary.created += 1,
                    Change::Changed => summary.changed += 1,
                    Change::Unchanged => summary.unchanged += 1,
                }
                events.emit(Event::Applied { phase, object: object.id.to_string(), change });
            }
            Err(fault) => {
                summary.outcome = Outcome::Failed;
                summary.reason = Some(format!("{}: {fault}", object.id));
                let message = format!("{fault} ({})", object.source);
                let diagnosis = Diagnosis::new(phase, object.id.to_string(), "WouldBeRefused", message);
                events.emit(Event::Diagnosis(Box::new(diagnosis)));
            }
        }
    }
    summary
}
