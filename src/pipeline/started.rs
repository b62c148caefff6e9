//! That a deploy begins.

use super::{Event, Prepared, Started};

/// The first event of a deploy, a dry run or a rehearsal.
pub fn started(prepared: &Prepared, dry_run: bool, rehearsal: bool) -> Event {
    let request = &prepared.request;
    Event::DeployStarted(Started {
        environment: request.environment.name.clone(),
        context: request.context.context.clone(),
        namespace: prepared.cluster.namespace().to_owned(),
        server: request.connection.server.clone(),
        server_version: prepared.server_version.clone(),
        phases: prepared.phases_asked_for().collect(),
        dry_run,
        rehearsal,
    })
}
