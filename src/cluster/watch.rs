//! Keeps a [`World`] in step with the namespace: by watches, or by asking every 2 s where watching is
//! forbidden (RULES.md C8).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use kube::Client;
use kube::api::{Api, ListParams};
use kube::core::NamespaceResourceScope;
use kube::runtime::watcher::{self, Event, watcher};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{Fault, call};
use crate::readiness::World;

/// How often a kind is read that may not be watched.
const POLL: Duration = Duration::from_secs(2);
/// The first and the longest pause after a watch that failed.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// What is watched: API group and plural name, as a right names them.
pub const FOLLOWED: [(&str, &str); 8] = [
    ("apps", "deployments"),
    ("apps", "replicasets"),
    ("apps", "statefulsets"),
    ("batch", "jobs"),
    ("", "persistentvolumeclaims"),
    ("", "services"),
    ("", "pods"),
    ("", "events"),
];

/// A [`World`] that follows the namespace until it is dropped.
pub struct Watch {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

struct Shared {
    world: Mutex<World>,
    changed: Notify,
    /// Kinds whose first complete list has not come yet.
    pending: Mutex<usize>,
    /// The last reason why a kind could not be read.
    trouble: Mutex<Option<String>>,
    /// The kinds that may not be read, which stay empty.
    denied: Mutex<BTreeSet<String>>,
}

impl Watch {
    /// Starts watching what readiness looks at.
    pub fn start(client: &Client, namespace: &str) -> Self {
        let mut watch = Self {
            shared: Arc::new(Shared {
                world: Mutex::default(),
                changed: Notify::new(),
                pending: Mutex::new(0),
                trouble: Mutex::default(),
                denied: Mutex::default(),
            }),
            tasks: JoinSet::new(),
        };
        watch.follow(client, namespace, |world| &mut world.deployments);
        watch.follow(client, namespace, |world| &mut world.replica_sets);
        watch.follow(client, namespace, |world| &mut world.stateful_sets);
        watch.follow(client, namespace, |world| &mut world.jobs);
        watch.follow(client, namespace, |world| &mut world.claims);
        watch.follow(client, namespace, |world| &mut world.services);
        watch.follow(client, namespace, |world| &mut world.pods);
        watch.follow(client, namespace, |world| &mut world.events);
        watch
    }

    /// Watches KEDA's ScaledObjects as well; only where they are served.
    #[must_use]
    pub fn with_scaled_objects(mut self, client: &Client, namespace: &str) -> Self {
        self.follow(client, namespace, |world| &mut world.scaled_objects);
        self
    }

    /// What is known now.
    pub fn world(&self) -> World {
        lock(&self.shared.world).clone()
    }

    /// Resolves when something has changed since the last call.
    pub async fn changed(&self) {
        self.shared.changed.notified().await;
    }

    /// Whether every kind has been listed once; before that, absence means nothing.
    pub fn is_complete(&self) -> bool {
        *lock(&self.shared.pending) == 0
    }

    /// Why a kind cannot be read at the moment.
    pub fn trouble(&self) -> Option<String> {
        lock(&self.shared.trouble).clone()
    }

    /// Whether a kind may not even be listed.
    pub fn is_denied(&self, kind: &str) -> bool {
        lock(&self.shared.denied).contains(kind)
    }

    fn follow<K>(&mut self, client: &Client, namespace: &str, place: Place<K>)
    where
        K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + Sync
            + 'static,
    {
        *lock(&self.shared.pending) += 1;
        let api: Api<K> = Api::namespaced(client.clone(), namespace);
        self.tasks.spawn(follow(api, Arc::clone(&self.shared), place));
    }
}

/// Where the objects of a kind stand in a [`World`].
type Place<K> = fn(&mut World) -> &mut BTreeMap<String, Arc<K>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn follow<K>(api: Api<K>, shared: Arc<Shared>, place: Place<K>)
where
    K: kube::Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    let mut listed = false;
    let mut complete = move |shared: &Shared| {
        if !std::mem::replace(&mut listed, true) {
            *lock(&shared.pending) -= 1;
        }
        *lock(&shared.trouble) = None;
        shared.changed.notify_one();
    };
    let mut fresh = BTreeMap::new();
    let mut pause = BACKOFF.0;
    let mut events = pin!(watcher(api.clone(), watcher::Config::default()));
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => fresh.clear(),
            Ok(Event::InitApply(object)) => {
                fresh.insert(name(&object), Arc::new(object));
            }
            Ok(Event::InitDone) => {
                *place(&mut lock(&shared.world)) = std::mem::take(&mut fresh);
                pause = BACKOFF.0;
                complete(&shared);
            }
            Ok(Event::Apply(object)) => {
                place(&mut lock(&shared.world)).insert(name(&object), Arc::new(object));
                pause = BACKOFF.0;
                shared.changed.notify_one();
            }
            Ok(Event::Delete(object)) => {
                place(&mut lock(&shared.world)).remove(&name(&object));
                shared.changed.notify_one();
            }
            Err(error) if watching_is_denied(&error) => {
                tracing::info!(kind = %K::kind(&()), "may not be watched; asking every {} s", POLL.as_secs());
                break;
            }
            Err(error) => {
                tracing::info!(kind = %K::kind(&()), %error, "the watch broke off; it begins again");
                *lock(&shared.trouble) = Some(error.to_string());
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(BACKOFF.1);
            }
        }
    }
    loop {
        match call(api.list(&ListParams::default())).await {
            Ok(list) => {
                let objects = list.items.into_iter().map(|object| (name(&object), Arc::new(object))).collect();
                *place(&mut lock(&shared.world)) = objects;
                complete(&shared);
            }
            // What may not even be listed stays empty: diagnosis is poorer, the deploy goes on.
            Err(fault) if fault.is_denied() => {
                lock(&shared.denied).insert(K::kind(&()).into_owned());
                complete(&shared);
                return;
            }
            Err(fault) => *lock(&shared.trouble) = Some(fault.to_string()),
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Whether a watch cannot go on because the user may not watch.
pub fn watching_is_denied(error: &watcher::Error) -> bool {
    let (watcher::Error::InitialListFailed(kube::Error::Api(status))
    | watcher::Error::WatchStartFailed(kube::Error::Api(status))
    | watcher::Error::WatchError(status)) = error
    else {
        return false;
    };
    Fault::from(kube::Error::Api(status.clone())).is_denied()
}

fn name<K: kube::Resource>(object: &K) -> String {
    object.meta().name.clone().unwrap_or_default()
}
