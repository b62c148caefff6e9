//! A Job that is run once by hand, and its log followed.

use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::watcher::Event;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::jobs::{anew, of_cron_job};
use super::waiting::waits;
use crate::cluster::Cluster;
use crate::render::ObjectId;

/// How long a pod may take to begin.
const BEGINS: Duration = Duration::from_secs(300);
/// How long the end of a log may be ahead of its Job's.
const ENDS: Duration = Duration::from_secs(60);
/// What the names of such Jobs have in common.
const BY_HAND: &str = "-by-hand-";
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// A Job that was started.
pub struct ByHand<'a> {
    cluster: &'a Cluster,
    name: String,
    uid: String,
}

impl<'a> ByHand<'a> {
    /// Starts a Job of that CronJob with this command.
    ///
    /// # Errors
    /// When the CronJob is not there, or the server does not take the Job.
    pub async fn start(cluster: &'a Cluster, cron: &str, command: &[&str]) -> Result<Self> {
        let id = ObjectId { api_version: "batch/v1".to_owned(), kind: "CronJob".to_owned(), name: cron.to_owned() };
        let found = cluster.get(&id).await?;
        let found = found.with_context(|| {
            format!("there is no CronJob {cron} in namespace {}: keyboss deploy makes it", cluster.namespace())
        })?;
        Self::create(cluster, of_cron_job(&found, &format!("{cron}{BY_HAND}{}", now()), command)).await
    }

    /// Starts the newest Job of that `app.kubernetes.io/name` once more.
    ///
    /// # Errors
    /// When there is none, or the server does not take it.
    pub async fn again(cluster: &'a Cluster, of: &str) -> Result<Self> {
        let jobs = cluster.live(&[any_job()]).await?;
        let is_of = |job: &&Value| job["metadata"]["labels"]["app.kubernetes.io/name"] == of;
        let age = |job: &&Value| job["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned();
        let last = jobs.iter().filter(is_of).max_by_key(age);
        let last = last.with_context(|| format!("there is no Job {of}: keyboss deploy makes it"))?;
        Self::create(cluster, anew(last, &format!("{of}{BY_HAND}{}", now()))).await
    }

    /// Deletes every Job by hand that has not ended, and waits until it is gone.
    ///
    /// # Errors
    /// When they cannot be listed or deleted.
    pub async fn end_all(cluster: &Cluster) -> Result<()> {
        for job in cluster.live(&[any_job()]).await?.iter() {
            let name = job["metadata"]["name"].as_str().unwrap_or_default();
            if name.contains(BY_HAND) && job["status"]["active"].as_u64().unwrap_or(0) > 0 {
                let id = ObjectId { name: name.to_owned(), ..any_job() };
                cluster.delete(&id, job["metadata"]["uid"].as_str().unwrap_or_default()).await?;
            }
        }
        Ok(())
    }

    async fn create(cluster: &'a Cluster, job: Value) -> Result<Self> {
        let job: Job = serde_json::from_value(job).context("the template is no Job")?;
        let name = job.metadata.name.clone().unwrap_or_default();
        let created: Job = cluster.create(&job).await.with_context(|| format!("Job {name} cannot be created"))?;
        Ok(Self { cluster, name, uid: created.metadata.uid.unwrap_or_default() })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Waits until its pod runs, or has run; hands on why it does not yet. The pod's name.
    ///
    /// # Errors
    /// When it does not begin within five minutes.
    pub async fn begun(&self, mut say: impl FnMut(String)) -> Result<String> {
        let mut said = String::new();
        let begun = async {
            let mut pods = pin!(self.cluster.follow::<Pod>(&format!("job-name={}", self.name)));
            while let Some(event) = pods.next().await {
                let why = match event {
                    Ok(Event::Apply(pod) | Event::InitApply(pod)) => match waits(&pod) {
                        None => return pod.metadata.name,
                        Some(why) => why,
                    },
                    Ok(_) => continue,
                    Err(error) => format!("its pods cannot be watched: {error}"),
                };
                if !why.is_empty() && why != said {
                    said = why;
                    say(format!("Job {} waits: {said}", self.name));
                }
            }
            None
        };
        match timeout(BEGINS, begun).await {
            Ok(Some(pod)) => Ok(pod),
            _ => bail!("the pod of Job {} has not begun within {} s: {said}", self.name, BEGINS.as_secs()),
        }
    }

    /// Hands on each line of the log until it is over. Whether the Job succeeded.
    ///
    /// # Errors
    /// When the pod does not begin, or the API server does not answer.
    pub async fn follow(&self, mut say: impl FnMut(String)) -> Result<bool> {
        let pod = self.begun(&mut say).await?;
        let mut told = 0;
        loop {
            // A log that breaks off is read again from its beginning.
            let mut lines = pin!(self.cluster.log_lines(&pod).await?.enumerate());
            let mut is_whole = true;
            while let Some((number, line)) = lines.next().await {
                match line {
                    Ok(line) if number >= told => {
                        told = number + 1;
                        say(line);
                    }
                    Ok(_) => {}
                    Err(_) => is_whole = false,
                }
            }
            if is_whole {
                return self.ended().await;
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    async fn ended(&self) -> Result<bool> {
        let until = Instant::now() + ENDS;
        while Instant::now() < until {
            let status = self.cluster.read::<Job>(&self.name).await?.status.unwrap_or_default();
            if status.succeeded.unwrap_or(0) > 0 {
                return Ok(true);
            }
            if status.failed.unwrap_or(0) > 0 {
                return Ok(false);
            }
            sleep(LOOK_AGAIN).await;
        }
        bail!("the log of Job {} is over, but it does not end", self.name)
    }

    /// Deletes it, and its pod.
    ///
    /// # Errors
    /// When the server does not.
    pub async fn remove(&self) -> Result<()> {
        let id = ObjectId { name: self.name.clone(), ..any_job() };
        Ok(self.cluster.forget(&id, &self.uid).await?)
    }
}

fn now() -> String {
    Timestamp::now().strftime("%Y%m%dt%H%M%Sz").to_string()
}

/// Every Job.
fn any_job() -> ObjectId {
    ObjectId { api_version: "batch/v1".to_owned(), kind: "Job".to_owned(), name: String::new() }
}
