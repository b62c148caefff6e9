//! The lock that one deploy at a time holds in a namespace, and one watchdog: a Lease, or a ConfigMap where a tenant may
//! not use Leases (RULES.md T1). Every write of it is compare-and-swap on its resourceVersion.
//!
//! <https://kubernetes.io/docs/concepts/architecture/leases/>

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::ApiResource;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::live::to_value;
use super::{Access, Clock, Cluster, Fault, call, denied};
use crate::render::MANAGED_BY;

/// The name of the Lease or ConfigMap that a deploy holds.
pub const LOCK_NAME: &str = "keyboss-deploy";
/// The verbs that a lock in a Lease needs.
const VERBS: [&str; 3] = ["get", "create", "update"];
/// The pause before a renewal that failed is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// How often a release is tried when somebody wrote in between.
const RELEASE_ATTEMPTS: usize = 3;

/// What the lock is kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockKind {
    /// A `coordination.k8s.io/v1` Lease.
    Lease,
    /// A ConfigMap of the same meaning.
    ConfigMap,
}

/// How long a lock is good for.
#[derive(Clone, Copy, Debug)]
pub struct LockTimes {
    /// Others may take it that long after its last renewal.
    pub duration: Duration,
    /// How often it is renewed.
    pub renew: Duration,
}

impl LockTimes {
    /// The holder gives up before others may take it, so that a slow clock or a long pause makes no second writer
    /// (HA.md, rule 5).
    fn patience(&self) -> Duration {
        self.duration * 2 / 3
    }
}

/// A lock as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct LockState {
    /// Who holds it; empty: nobody.
    pub holder: String,
    /// Its last renewal, by the holder's clock.
    pub renewed: Option<Timestamp>,
    /// How long it is good for after that.
    pub duration: Duration,
    /// Its resourceVersion.
    version: String,
    /// How often it changed hands.
    transitions: i64,
}

impl LockState {
    /// Whether somebody holds it.
    pub fn is_held(&self) -> bool {
        !self.holder.is_empty()
    }

    /// How long ago it was renewed.
    pub fn age(&self, clock: &Clock) -> Duration {
        self.renewed.map_or(Duration::ZERO, |renewed| clock.age(renewed))
    }

    /// Whether its time has run out, by our clock.
    pub fn is_expired(&self, clock: &Clock) -> bool {
        self.renewed.is_none() || self.age(clock) > self.duration
    }

    /// The lock in a ConfigMap that was read already.
    pub fn of_config_map(map: &Value) -> Self {
        Self::read(LockKind::ConfigMap, map)
    }

    /// Whether nobody has written it between two looks.
    pub fn is_same(&self, other: &Self) -> bool {
        self.version == other.version
    }

    fn read(kind: LockKind, object: &Value) -> Self {
        let version = object["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
        let (fields, number): (&Value, fn(&Value) -> Option<i64>) = match kind {
            LockKind::Lease => (&object["spec"], Value::as_i64),
            LockKind::ConfigMap => (&object["data"], |value| value.as_str()?.parse().ok()),
        };
        let seconds = number(&fields["leaseDurationSeconds"]).and_then(|seconds| u64::try_from(seconds).ok());
        Self {
            holder: fields["holderIdentity"].as_str().unwrap_or_default().to_owned(),
            renewed: fields["renewTime"].as_str().and_then(|time| time.parse().ok()),
            duration: Duration::from_secs(seconds.unwrap_or(0)),
            version,
            transitions: number(&fields["leaseTransitions"]).unwrap_or(0),
        }
    }

    fn write(&self, kind: LockKind, name: &str) -> Value {
        let renewed = self.renewed.map(|time| time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string());
        let seconds = self.duration.as_secs();
        let mut object = json!({"metadata": {"name": name, "labels": {
            "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "keyboss",
            "app.kubernetes.io/managed-by": MANAGED_BY,
        }}});
        if !self.version.is_empty() {
            object["metadata"]["resourceVersion"] = json!(self.version);
        }
        match kind {
            LockKind::Lease => {
                object["spec"] = json!({"holderIdentity": self.holder, "renewTime": renewed,
                    "leaseDurationSeconds": seconds, "leaseTransitions": self.transitions});
            }
            LockKind::ConfigMap => {
                object["data"] = json!({"holderIdentity": self.holder, "renewTime": renewed.unwrap_or_default(),
                    "leaseDurationSeconds": seconds.to_string(), "leaseTransitions": self.transitions.to_string()});
            }
        }
        object
    }
}

/// Where a lock is kept.
#[derive(Clone)]
struct Place {
    name: &'static str,
    kind: LockKind,
    api: Api<DynamicObject>,
}

impl Place {
    fn new(client: &Client, namespace: &str, name: &'static str, kind: LockKind) -> Self {
        let resource = |group: &str, kind: &str, plural: &str| {
            let api_version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
            let (group, version) = (group.to_owned(), "v1".to_owned());
            ApiResource { group, version, api_version, kind: kind.to_owned(), plural: plural.to_owned() }
        };
        let resource = match kind {
            LockKind::Lease => resource("coordination.k8s.io", "Lease", "leases"),
            LockKind::ConfigMap => resource("", "ConfigMap", "configmaps"),
        };
        Self { name, kind, api: Api::namespaced_with(client.clone(), namespace, &resource) }
    }

    async fn read(&self) -> Result<Option<LockState>, Fault> {
        match call(self.api.get(self.name)).await {
            Ok(object) => Ok(Some(LockState::read(self.kind, &to_value(&object)?))),
            Err(fault) if fault.is_not_found() => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Creates or replaces it, if it is still as it was read.
    async fn write(&self, state: &LockState) -> Result<LockState, Fault> {
        let object: DynamicObject = serde_json::from_value(state.write(self.kind, self.name))
            .map_err(|error| Fault::Other(error.to_string()))?;
        let params = PostParams::default();
        let written = match state.version.is_empty() {
            true => call(self.api.create(&params, &object)).await,
            false => call(self.api.replace(self.name, &params, &object)).await,
        };
        Ok(LockState::read(self.kind, &to_value(&written?)?))
    }
}

impl Cluster {
    /// What that lock is kept in here: a Lease, or a ConfigMap where the user may not use such a Lease.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn lock_kind(&self, name: &'static str) -> Result<LockKind, Fault> {
        // A Role may allow the one Lease only; but what does not exist yet cannot be created by name
        // (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources).
        let asked = VERBS.map(|verb| Access {
            verb: verb.to_owned(),
            group: "coordination.k8s.io".to_owned(),
            resource: "leases".to_owned(),
            namespace: self.namespace.clone(),
            name: if verb == "create" { String::new() } else { name.to_owned() },
        });
        let may_lease = denied(&self.client, asked.into()).await?.is_empty();
        Ok(if may_lease { LockKind::Lease } else { LockKind::ConfigMap })
    }

    /// The lock, as it is; None where nobody ever held one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn lock_state(&self, name: &'static str, kind: LockKind) -> Result<Option<LockState>, Fault> {
        Place::new(&self.client, &self.namespace, name, kind).read().await
    }

    /// Takes the lock, if it is as it was `seen`, and renews it until it is released or dropped.
    ///
    /// # Errors
    /// A conflict when somebody else wrote it meanwhile.
    pub async fn take_lock(
        &self,
        name: &'static str,
        kind: LockKind,
        seen: Option<&LockState>,
        holder: &str,
        times: LockTimes,
        clock: Clock,
    ) -> Result<Lock, Fault> {
        let place = Place::new(&self.client, &self.namespace, name, kind);
        let renewed_at = Instant::now();
        let wanted = LockState {
            holder: holder.to_owned(),
            renewed: Some(clock.now()),
            duration: times.duration,
            version: seen.map(|seen| seen.version.clone()).unwrap_or_default(),
            transitions: seen.map_or(0, |seen| seen.transitions + 1),
        };
        let state = match place.write(&wanted).await {
            // The answer to a write of ours may have been lost, and the write sent again.
            Err(fault) if fault.is_conflict() || fault.is_passing() => match place.read().await? {
                Some(now) if now.holder == holder => now,
                _ => return Err(fault),
            },
            other => other?,
        };
        let held = Held { version: state.version.clone(), renewed_at };
        let permit = Permit(Arc::new(Shared { times, held: Mutex::new(held), lost: watch::Sender::new(None) }));
        let mut task = JoinSet::new();
        task.spawn(renew(place.clone(), state.clone(), permit.clone(), clock));
        Ok(Lock { place, state, permit, task })
    }

    /// Breaks the lock, whoever holds it, if it is as it was `seen`. One that is free by now is as good as broken.
    ///
    /// # Errors
    /// A conflict when somebody holds it who wrote it meanwhile.
    pub async fn break_lock(&self, name: &'static str, kind: LockKind, seen: &LockState) -> Result<(), Fault> {
        let place = Place::new(&self.client, &self.namespace, name, kind);
        let free = LockState { holder: String::new(), ..seen.clone() };
        match place.write(&free).await {
            Ok(_) => Ok(()),
            Err(fault) => match place.read().await? {
                Some(now) if now.is_held() => Err(fault),
                _ => Ok(()),
            },
        }
    }
}

/// The lock while it is ours.
pub struct Lock {
    place: Place,
    state: LockState,
    permit: Permit,
    task: JoinSet<()>,
}

impl Lock {
    /// What every write asks first.
    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// Gives the lock back. One that is lost already, or cannot be given back, is left to expire.
    pub async fn release(mut self) {
        self.task.shutdown().await;
        for _ in 0..RELEASE_ATTEMPTS {
            if self.permit.check().is_err() {
                return;
            }
            let version = self.permit.held().version.clone();
            let free = LockState { holder: String::new(), version, ..self.state.clone() };
            match self.place.write(&free).await {
                Ok(_) => return,
                Err(fault) if fault.is_conflict() || fault.is_passing() => match self.place.read().await {
                    Ok(Some(now)) if now.holder == self.state.holder => self.permit.held().version = now.version,
                    _ => return,
                },
                Err(_) => return,
            }
        }
    }
}

/// The right to write, as long as the lock is ours.
#[derive(Clone)]
pub struct Permit(Arc<Shared>);

struct Shared {
    times: LockTimes,
    held: Mutex<Held>,
    lost: watch::Sender<Option<String>>,
}

struct Held {
    version: String,
    renewed_at: Instant,
}

impl Permit {
    /// Whether the lock is still ours: it was not taken, and its last renewal is not too old.
    ///
    /// # Errors
    /// [`Fault::LockLost`], from then on at every call.
    pub fn check(&self) -> Result<(), Fault> {
        let lost = self.0.lost.borrow().clone();
        if let Some(reason) = lost {
            return Err(Fault::LockLost(reason));
        }
        let age = self.held().renewed_at.elapsed();
        if age <= self.0.times.patience() {
            return Ok(());
        }
        let reason = format!("it was not renewed for {} s", age.as_secs());
        self.lose(reason.clone());
        Err(Fault::LockLost(reason))
    }

    /// Resolves when the lock is lost, with the reason.
    pub async fn lost(&self) -> String {
        let mut lost = self.0.lost.subscribe();
        match lost.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }

    fn lose(&self, reason: String) {
        self.0.lost.send_replace(Some(reason));
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Renews the lock until it is lost.
async fn renew(place: Place, mut state: LockState, permit: Permit, clock: Clock) {
    loop {
        sleep(permit.0.times.renew).await;
        if let Err(reason) = renew_once(&place, &mut state, &permit, &clock).await {
            permit.lose(reason);
            return;
        }
    }
}

async fn renew_once(place: &Place, state: &mut LockState, permit: &Permit, clock: &Clock) -> Result<(), String> {
    loop {
        if let Err(fault) = permit.check() {
            return Err(fault.to_string());
        }
        let began = Instant::now();
        state.version = permit.held().version.clone();
        state.renewed = Some(clock.now());
        match in_time(permit, place.write(state)).await {
            Ok(written) => {
                *permit.held() = Held { version: written.version, renewed_at: began };
                return Ok(());
            }
            Err(fault) if fault.is_conflict() || fault.is_not_found() => match in_time(permit, place.read()).await {
                Ok(Some(now)) if now.holder == state.holder => permit.held().version = now.version,
                Ok(Some(now)) if now.is_held() => return Err(format!("{} has taken it", now.holder)),
                Ok(_) => return Err("somebody has broken it (keyboss unlock)".to_owned()),
                Err(_) => sleep(TRY_AGAIN).await,
            },
            Err(_) => sleep(TRY_AGAIN).await,
        }
    }
}

/// A request that is not waited for longer than a renewal's time.
async fn in_time<T>(permit: &Permit, request: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    timeout(permit.0.times.renew, request).await.unwrap_or(Err(Fault::TimedOut))
}
