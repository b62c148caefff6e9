//! What the API server says of the pods: it knows of a deletion before the server stops, and of a container's end.

use std::collections::BTreeMap;
use std::pin::pin;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod as Object;
use kube::runtime::watcher::Event;
use tokio::sync::watch;

use super::decide::Pod;
use crate::watchdog::Context;

/// What is known of each pod that exists, by its name.
pub type Pods = BTreeMap<String, Pod>;

/// Watches them until it is dropped. While the API server is away, what it said last stands.
pub async fn follow(context: &Context, pods: watch::Sender<Option<Pods>>) {
    let mut events = pin!(context.cluster.follow("app.kubernetes.io/name=postgres"));
    let mut listed = Pods::new();
    while let Some(event) = events.next().await {
        let state = |pod: &Object| (pod.metadata.name.clone().unwrap_or_default(), told(pod));
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(pod)) => listed.extend([state(&pod)]),
            Ok(Event::InitDone) => drop(pods.send_replace(Some(listed.clone()))),
            Ok(Event::Apply(pod)) => pods.send_modify(|pods| pods.get_or_insert_default().extend([state(&pod)])),
            Ok(Event::Delete(pod)) => pods.send_modify(|pods| {
                pods.get_or_insert_default().remove(&state(&pod).0);
            }),
            Err(error) => tracing::debug!("the pods are not watched: {error}"),
        }
    }
}

fn told(pod: &Object) -> Pod {
    if pod.metadata.deletion_timestamp.is_some() {
        return Pod::Leaving;
    }
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    let container = statuses.and_then(|all| all.iter().find(|status| status.name == "postgres"));
    // A pod that nobody has started yet has no status of its container: nothing runs.
    let runs = container.is_some_and(|status| status.state.as_ref().is_some_and(|state| state.running.is_some()));
    if runs { Pod::Running } else { Pod::Down }
}
