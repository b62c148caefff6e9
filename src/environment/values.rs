//! The values of `envs/default.yaml`, typed; the comments there say what each one means.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Monitoring, NetworkPolicies};

/// All values.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Values {
    /// The namespace that everything lives in.
    pub namespace: String,
    /// The kubeconfig contexts that may be deployed to.
    pub contexts: Vec<ContextPattern>,
    /// The API server and namespace that are expected there.
    pub expect: Expect,
    /// The lock that one deploy at a time holds.
    pub lock: Lock,
    /// The shop's address as a browser sees it.
    pub public_url: String,
    /// Prometheus' external label `cluster`.
    pub cluster: String,
    /// What every volume gets.
    pub storage: Storage,
    /// The Ingress controller.
    pub ingress: Ingress,
    /// Who may connect to the shop's pods.
    pub network_policies: NetworkPolicies,
    /// Names of Secrets with registry credentials, for every pod.
    pub image_pull_secrets: Vec<String>,
    /// The images, by name.
    pub images: BTreeMap<String, Image>,
    /// PostgreSQL.
    pub postgres: Postgres,
    /// Redis.
    pub redis: Redis,
    /// The watchdog of PostgreSQL and Redis.
    pub watchdog: Watchdog,
    /// The shop's API and workers.
    pub saleor: Saleor,
    /// Uploaded media.
    pub media: Media,
    /// Replicas of what has no autoscaler.
    pub replicas: Replicas,
    /// The autoscalers.
    pub autoscaling: Autoscaling,
    /// The daily dump.
    pub backup: Backup,
    /// Prometheus, Grafana, Alertmanager.
    pub monitoring: Monitoring,
    /// Credentials of in-cluster clients.
    pub clients: Clients,
    /// Free values for manifests of one's own.
    pub extra: BTreeMap<String, Value>,
}

/// A pattern for kubeconfig contexts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextPattern {
    /// A glob for the context's name.
    pub name: String,
    /// A glob for the context's own namespace ("default" where it names none).
    pub namespace: String,
}

/// What is expected where an environment is deployed to; an empty pattern expects nothing.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// A glob for the API server's address.
    pub server: String,
    /// A glob for the namespace.
    pub namespace: String,
}

/// How long a deploy's lock is good for.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lock {
    /// Others may take it so many seconds after its last renewal.
    pub duration_seconds: u64,
    /// It is renewed every so many seconds.
    pub renew_seconds: u64,
}

/// What every PVC and volumeClaimTemplate gets.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Storage {
    /// The storage class.
    pub class: String,
    /// The largest volume allowed; empty for no limit.
    pub max_size: String,
}

/// The Ingress controller.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ingress {
    /// The IngressClass.
    pub class: String,
}

/// One image.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The repository, with its registry where it is not the default one.
    pub repository: String,
    /// An exact tag, or a digest (`sha256:...`).
    pub tag: String,
}

impl Image {
    /// The reference that a container names.
    pub fn reference(&self) -> String {
        let separator = if self.tag.starts_with("sha256:") { '@' } else { ':' };
        format!("{}{separator}{}", self.repository, self.tag)
    }
}

/// PostgreSQL.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Postgres {
    /// Size of each pod's volume.
    pub storage: String,
    /// `max_connections`.
    pub max_connections: u32,
    /// `shared_buffers`, in PostgreSQL's notation.
    pub shared_buffers: String,
}

/// Redis.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Redis {
    /// Size of each pod's volume.
    pub storage: String,
    /// `maxmemory`, in Redis' notation.
    pub max_memory: String,
    /// Sentinel's `down-after-milliseconds`.
    pub down_after_milliseconds: u32,
}

/// The watchdog of PostgreSQL and Redis.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Watchdog {
    /// How many there are; one of them leads.
    pub replicas: u32,
    /// How often each server is asked; it may take three quarters of that to answer (milliseconds).
    pub probe_interval_ms: u64,
    /// So many probes in a row have to fail.
    pub failures: u32,
    /// Another one may lead so many seconds after the leader's last renewal.
    pub lease_seconds: u64,
}

/// The shop's API and workers.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Saleor {
    /// `DEFAULT_FROM_EMAIL`.
    pub default_from_email: String,
    /// Further hosts for `ALLOWED_HOSTS`.
    pub allowed_hosts: Vec<String>,
    /// Whether to load the demo catalogue.
    pub seed: bool,
}

/// Uploaded media.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Media {
    /// Size of the claim.
    pub storage: String,
    /// The claim's access mode.
    pub access_mode: String,
    /// The S3 bucket that replaces the claim; empty for none.
    pub bucket: String,
    /// The bucket's region.
    pub region: String,
    /// The endpoint of an S3-compatible store; empty for the default one.
    pub endpoint: String,
}

/// Replicas of what has no autoscaler.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replicas {
    /// saleor-storefront.
    pub storefront: u32,
    /// saleor-dashboard.
    pub dashboard: u32,
}

/// The autoscalers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Autoscaling {
    /// saleor-api.
    pub api: Autoscaler,
    /// celery-worker.
    pub worker: Autoscaler,
    /// celery-worker by the length of its queue.
    pub keda: Keda,
}

/// What KEDA scales, where the cluster has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Keda {
    /// Whether a ScaledObject takes the place of celery-worker's HorizontalPodAutoscaler.
    pub enabled: bool,
    /// One pod for so many waiting tasks.
    pub tasks_per_worker: u32,
    /// The namespace of its operator.
    pub namespace: String,
}

/// One HorizontalPodAutoscaler.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Autoscaler {
    /// Fewest replicas.
    pub min_replicas: u32,
    /// Most replicas.
    pub max_replicas: u32,
    /// Target CPU, percent of the request.
    pub cpu_percent: u32,
    /// Target memory, percent of the request.
    pub memory_percent: u32,
}

/// The daily dump.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Backup {
    /// Cron, UTC.
    pub schedule: String,
    /// When the newest dump is restored for a check; empty: never.
    pub verify_schedule: String,
    /// Size of the dumps' volume.
    pub storage: String,
    /// Dumps kept, at most.
    pub keep: u32,
    /// The archive of the write-ahead log.
    pub point_in_time: PointInTime,
    /// Copies in a store.
    pub off_site: OffSite,
}

/// The archive of the write-ahead log.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PointInTime {
    /// Whether there is one.
    pub enabled: bool,
    /// Size of its volume.
    pub storage: String,
    /// A base backup is taken so many hours after the last one.
    pub base_every_hours: u32,
    /// Base backups kept.
    pub keep_bases: u32,
}

/// Copies of the dumps in an S3-compatible store.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OffSite {
    /// Its URL; empty: there are none.
    pub endpoint: String,
    /// Its region.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// What the names of all objects begin with.
    pub prefix: String,
    /// When they are made, cron, UTC.
    pub schedule: String,
    /// Copies kept, at most.
    pub keep: u32,
    /// `AES256`, `aws:kms`, or empty.
    pub server_side_encryption: String,
    /// The key of `aws:kms`; empty: the default one.
    pub kms_key: String,
    /// Recipients of age.
    pub age_recipients: Vec<String>,
}

/// Credentials of in-cluster clients.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Clients {
    /// kube-state-metrics.
    pub kube_state_metrics: Credentials,
    /// Prometheus' discovery.
    pub prometheus: Credentials,
    /// The watchdog.
    pub watchdog: Credentials,
    /// The exporter.
    pub exporter: Credentials,
}

/// How an in-cluster client signs in; both empty for an account of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Credentials {
    /// An existing ServiceAccount.
    pub service_account: String,
    /// An existing Secret whose key `kubeconfig` holds credentials.
    pub kubeconfig_secret: String,
}
