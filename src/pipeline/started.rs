//! That a deploy begins.

use serde_json::Value;

use super::{ContainerImage, Event, Prepared, Started};
use crate::render::{Object, containers};

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
        images: prepared.phases().flat_map(|phase| prepared.objects(phase)).flat_map(images).collect(),
        dry_run,
        rehearsal,
    })
}

/// The images of an object's containers; none of what has no pods.
fn images(object: &Object) -> Vec<ContainerImage> {
    let spec = object.pod_template().map(|template| &template["spec"]);
    let image = |container: &Value| {
        let text = |field: &str| container[field].as_str().map(str::to_owned);
        Some(ContainerImage { object: object.id.to_string(), container: text("name")?, image: text("image")? })
    };
    spec.into_iter().flat_map(containers).filter_map(image).collect()
}
