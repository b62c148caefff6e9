//! Asks both clusters the same, and compares what has become of it.

use std::error::Error;
use std::time::Duration;

use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::face::Face;
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PropagationPolicy};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::super::{SPACE, pair, resource};
use super::log::Log;
use super::view::{differences, is_ending, view};
use Ask::{Apply, Delete, Lose, Merge};

/// How long nothing may move before two clusters that agree are said to: longer than most steps of a pod's life take.
const QUIET: Duration = Duration::from_secs(4);
/// The same, before they are said not to: longer than any step takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it may take to get there.
const LONGEST: Duration = Duration::from_secs(300);

/// One request; the kind of the object is named as in [`api_version`].
pub enum Ask {
    /// Server-side apply.
    Apply(&'static str, Value),
    /// A merge patch.
    Merge(&'static str, Value),
    /// Deletion; what the object owned goes before it or after it.
    Delete(&'static str, PropagationPolicy),
    /// Deletion of a pod, by the end of its name.
    Lose(&'static str),
}

/// What is asked, after how many seconds it is looked at, and what it is called.
pub type Stage = (&'static str, u64, Vec<Ask>);

fn api_version(kind: &str) -> &'static str {
    match kind {
        "Deployment" | "StatefulSet" => "apps/v1",
        "Job" => "batch/v1",
        "CronJob" => "batch/v1beta1",
        "HorizontalPodAutoscaler" => "autoscaling/v2beta2",
        _ => "v1",
    }
}

/// Both clusters, the real one first.
pub struct Both {
    clients: [Client; 2],
    logs: [Log; 2],
    _controllers: Controllers,
}

impl Both {
    /// The real cluster, and a rehearsal cluster that lives.
    pub async fn start(face: &Face) -> Result<Self, Box<dyn Error>> {
        let clients = pair(face).await?;
        let logs = clients.each_ref().map(Log::start);
        Ok(Self { clients, logs, _controllers: Controllers::start(face) })
    }

    /// Asks both, waits until both are quiet, and says where they differ.
    async fn stage(&self, app: &str, (title, seconds, asks): Stage) -> Result<Vec<String>, Box<dyn Error>> {
        for ask in &asks {
            for client in &self.clients {
                request(client, app, ask).await?;
            }
        }
        sleep(Duration::from_secs(seconds)).await;
        let begun = Instant::now();
        let mut since = begun;
        let mut last = self.views(app).await?;
        while since.elapsed() < if last[0] == last[1] { QUIET } else { PATIENCE } {
            if begun.elapsed() > LONGEST {
                return Ok(vec![format!("{app}, {title}: no end of changes: {last:#?}")]);
            }
            sleep(Duration::from_millis(500)).await;
            let views = self.views(app).await?;
            if views != last || views.iter().any(is_ending) {
                (last, since) = (views, Instant::now());
            }
        }
        let mut found = Vec::new();
        differences(&last[0], &last[1], "", &mut found);
        Ok(found.into_iter().map(|difference| format!("{app}, {title}: {difference}")).collect())
    }

    async fn views(&self, app: &str) -> Result<[Value; 2], Box<dyn Error>> {
        let [real, rehearsed] = &self.clients;
        let logs = self.logs.each_ref().map(|log| log.of(app));
        Ok([view(real, app, &logs[0]).await?, view(rehearsed, app, &logs[1]).await?])
    }

    /// Every stage in turn: where the two differ.
    pub async fn run(&self, app: &str, stages: Vec<Stage>) -> Vec<String> {
        let mut found = Vec::new();
        for stage in stages {
            let title = stage.0;
            match self.stage(app, stage).await {
                Ok(differences) => found.extend(differences),
                Err(error) => found.push(format!("{app}, {title}: {error}")),
            }
        }
        found
    }
}

async fn request(client: &Client, app: &str, ask: &Ask) -> Result<(), kube::Error> {
    let kind = match ask {
        Apply(kind, _) | Merge(kind, _) | Delete(kind, _) => kind,
        Lose(_) => "Pod",
    };
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), SPACE, &resource(api_version(kind), kind));
    match ask {
        Apply(_, body) => {
            let mut body = body.clone();
            json_patch::merge(
                &mut body,
                &json!({"apiVersion": api_version(kind), "kind": kind, "metadata": {"name": app, "labels": {"app": app}}}),
            );
            api.patch(app, &PatchParams::apply("keyboss").force(), &Patch::Apply(body)).await.map(drop)
        }
        Merge(_, body) => api.patch(app, &PatchParams::default(), &Patch::Merge(body)).await.map(drop),
        Delete(_, policy) => {
            let params = DeleteParams { propagation_policy: Some(policy.clone()), ..Default::default() };
            api.delete(app, &params).await.map(drop)
        }
        Lose(end) => api.delete(&format!("{app}-{end}"), &DeleteParams::default()).await.map(drop),
    }
}
