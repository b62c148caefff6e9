//! Recorded deploys.

use crate::pipeline::{
    Blocker, Change, ContainerImage, Diagnosis, Event, Finished, Loss, Outcome, PhaseSummary, RestoreOutcome, Restored,
    Started, Volume,
};
use crate::render::Phase;

pub fn started(phases: &[Phase], dry_run: bool) -> Event {
    Event::DeployStarted(Started {
        environment: "local".into(),
        context: "k3d-keyboss".into(),
        namespace: "keyboss".into(),
        server: "https://127.0.0.1:6443".into(),
        server_version: "v1.20.2".into(),
        phases: phases.to_vec(),
        images: vec![
            image("Deployment saleor-api", "api", "saleor:3.20"),
            image("StatefulSet redis", "redis", "redis:7"),
        ],
        dry_run,
        rehearsal: false,
    })
}

/// The first event of a rehearsal.
pub fn rehearsing() -> Event {
    let Event::DeployStarted(started) = started(&Phase::ALL, false) else { unreachable!() };
    Event::DeployStarted(Started { rehearsal: true, ..started })
}

fn image(object: &str, container: &str, image: &str) -> ContainerImage {
    ContainerImage { object: object.into(), container: container.into(), image: image.into() }
}

pub fn phase(phase: Phase, objects: usize) -> Event {
    Event::PhaseStarted { phase, objects, timeout_seconds: phase.timeout().as_secs() }
}

pub fn applied(phase: Phase, object: &str, change: Change) -> Event {
    Event::Applied { phase, object: object.into(), change }
}

pub fn waiting(phase: Phase, object: &str, why: &str, (done, total): (u32, u32), suspicious: bool) -> Event {
    Event::Waiting { phase, object: object.into(), why: why.into(), done, total, suspicious }
}

pub fn ready(phase: Phase, object: &str) -> Event {
    Event::Ready { phase, object: object.into() }
}

pub fn summary(phase: Phase, outcome: Outcome, seconds: f64, counts: [usize; 3]) -> PhaseSummary {
    let [created, changed, unchanged] = counts;
    PhaseSummary { phase, outcome, reason: None, seconds, created, changed, unchanged }
}

pub fn skipped() -> PhaseSummary {
    let reason = Some("the cluster does not serve ServiceMonitor".into());
    PhaseSummary { reason, ..summary(Phase::ServiceMonitors, Outcome::Skipped, 0.0, [0, 0, 0]) }
}

pub fn failed() -> PhaseSummary {
    let reason = Some("Deployment saleor-storefront: ErrImagePull".into());
    PhaseSummary { reason, ..summary(Phase::Deployments, Outcome::Failed, 12.34, [1, 0, 3]) }
}

pub fn finished(succeeded: bool, message: &str, seconds: f64, phases: Vec<PhaseSummary>) -> Event {
    let next_steps = match succeeded {
        true => vec![],
        false => vec!["correct images.storefront.tag and deploy again".into()],
    };
    let message = message.into();
    let finished =
        Finished { succeeded, message, seconds, phases, api_requests: 76, next_steps, ..Finished::default() };
    Event::DeployFinished(Box::new(finished))
}

pub fn restored(object: &str, outcome: RestoreOutcome, reason: Option<&str>) -> Restored {
    Restored { object: object.into(), outcome, reason: reason.map(Into::into), was_unhealthy: false }
}

/// A rollback's table.
pub fn restored_table() -> Vec<Restored> {
    let unready = restored("Deployment saleor-dashboard", RestoreOutcome::RolledBack, None);
    vec![
        restored("ConfigMap keyboss-config", RestoreOutcome::RolledBack, None),
        restored("Job migrate-1", RestoreOutcome::Stays, Some("the old code runs on the new schema")),
        Restored { was_unhealthy: true, ..unready },
        restored("Service saleor-api", RestoreOutcome::Failed, Some("somebody has replaced it meanwhile")),
    ]
}

pub fn rolled_back() -> Event {
    let (release, restored) = (Some(7), restored_table());
    let (message, phases) = ("phase 4 failed; rolled back".into(), vec![failed()]);
    Event::DeployFinished(Box::new(Finished {
        message,
        phases,
        release,
        restored,
        seconds: 42.0,
        ..Finished::default()
    }))
}

pub fn diagnosis() -> Event {
    Event::Diagnosis(Box::new(Diagnosis {
        phase: Phase::Deployments,
        object: "Deployment saleor-storefront".into(),
        reason: "ErrImagePull".into(),
        message: "manifest for storefront:missing not found".into(),
        pod: Some("saleor-storefront-7d9c-x2x".into()),
        container: Some("storefront".into()),
        image: Some("storefront:missing".into()),
        events: vec!["Failed: Failed to pull image \"storefront:missing\"".into()],
        log: vec!["\u{1b}[31mTraceback\u{1b}[0m (most recent call last):\r".into(), "\tboom\u{7}\nlast".into()],
    }))
}

pub fn notice() -> Event {
    let message = "autoscaling/v2 is not served; autoscaling/v2beta2 is used".into();
    Event::Notice { phase: Some(Phase::Availability), message }
}

pub fn heartbeat(phase: Phase, worst: Option<(&str, &str)>) -> Event {
    let worst = worst.map(|(object, why)| Blocker { object: object.into(), why: why.into() });
    Event::Heartbeat { phase, ready: 3, total: 5, worst, left_seconds: 285 }
}

/// What a reset will delete.
pub fn planned() -> Event {
    let volume = |name: &str, size: &str| Volume { object: format!("PersistentVolumeClaim {name}"), size: size.into() };
    let objects = ["Deployment celery-beat", "Deployment saleor-api", "Secret keyboss-secrets"];
    Event::ResetPlanned(Box::new(Loss {
        namespace: "keyboss".into(),
        objects: objects.map(Into::into).into(),
        data: vec![volume("data-postgres-0", "5Gi"), volume("media", "500Mi")],
        kept: vec![volume("postgres-backup", "1Gi")],
    }))
}

/// Every kind of event. A new kind does not compile until it is shown here.
pub fn every() -> Vec<Event> {
    let stateful = Phase::Stateful;
    let events = vec![
        started(&Phase::ALL, false),
        notice(),
        phase(stateful, 9),
        applied(stateful, "StatefulSet postgres", Change::Created),
        waiting(stateful, "StatefulSet postgres", "1 of 2 replicas ready", (1, 2), false),
        ready(stateful, "StatefulSet postgres"),
        heartbeat(stateful, Some(("StatefulSet redis", "0 of 2 replicas ready"))),
        diagnosis(),
        Event::PhaseFinished(failed()),
        Event::RollbackStarted { objects: 4, timeout_seconds: 300 },
        Event::Restored(restored_table().remove(0)),
        Event::RollbackFinished { complete: false, seconds: 12.0 },
        planned(),
        Event::Deleted { object: "Deployment saleor-api".into() },
        Event::ResetFinished { complete: true, seconds: 42.0 },
        rolled_back(),
    ];
    for event in &events {
        match event {
            Event::DeployStarted(_)
            | Event::Notice { .. }
            | Event::PhaseStarted { .. }
            | Event::Applied { .. }
            | Event::Waiting { .. }
            | Event::Ready { .. }
            | Event::Heartbeat { .. }
            | Event::Diagnosis(_)
            | Event::PhaseFinished(_)
            | Event::RollbackStarted { .. }
            | Event::Restored(_)
            | Event::RollbackFinished { .. }
            | Event::ResetPlanned(_)
            | Event::Deleted { .. }
            | Event::ResetFinished { .. }
            | Event::DeployFinished(_) => {}
        }
    }
    events
}

/// A deploy that succeeds.
pub fn succeeded() -> Vec<Event> {
    let done = summary(Phase::Config, Outcome::Done, 0.42, [1, 0, 3]);
    vec![
        started(&Phase::ALL, false),
        phase(Phase::Config, 4),
        applied(Phase::Config, "Namespace keyboss", Change::Created),
        Event::PhaseFinished(done.clone()),
        Event::PhaseFinished(skipped()),
        finished(true, "local is deployed", 66.0, vec![done, skipped()]),
    ]
}

/// The end of a deploy that fails and is rolled back.
pub fn failed_and_rolled_back() -> Vec<Event> {
    vec![
        phase(Phase::Deployments, 4),
        diagnosis(),
        Event::PhaseFinished(failed()),
        Event::RollbackStarted { objects: 4, timeout_seconds: 300 },
        Event::Restored(restored_table().remove(0)),
        Event::RollbackFinished { complete: true, seconds: 12.0 },
        finished(false, "phase 4, Deployments, failed", 14.0, vec![failed()]),
    ]
}

/// A deploy that is told to stop.
pub fn interrupted() -> Vec<Event> {
    let reason = Some("SIGTERM".into());
    let summary = PhaseSummary { reason, ..summary(Phase::Stateful, Outcome::Interrupted, 3.0, [1, 0, 0]) };
    vec![
        started(&Phase::ALL, false),
        phase(Phase::Stateful, 2),
        applied(Phase::Stateful, "StatefulSet redis", Change::Created),
        Event::PhaseFinished(summary.clone()),
        Event::RollbackStarted { objects: 1, timeout_seconds: 300 },
        Event::Restored(restored("StatefulSet redis", RestoreOutcome::Stays, None)),
        Event::RollbackFinished { complete: true, seconds: 2.0 },
        finished(false, "interrupted; rolled back", 6.0, vec![summary]),
    ]
}
