//! Clusters in which a deploy can begin, made once: every run begins with a copy.

use std::sync::OnceLock;
use std::time::Duration;

use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::face::Face;
use tokio::time::sleep;

use crate::stage::{deployed, face, prepared_with, runtime};

/// What is done in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scene {
    /// The first deploy to an empty cluster.
    First,
    /// A deploy that changes images, configuration, replicas, an autoscaler, and brings new objects.
    Upgrade,
    /// The same, and a new pod of it cannot start.
    BrokenUpgrade,
    /// A deploy that changes nothing.
    Unchanged,
    /// Back to the release before.
    Rollback,
}

pub const SCENES: [Scene; 5] = [Scene::First, Scene::Upgrade, Scene::BrokenUpgrade, Scene::Unchanged, Scene::Rollback];

/// The values of an upgrade: a Deployment's image, a value that API and workers read, replicas, an autoscaler and a
/// CronJob; a new Ingress, and another migration.
pub const UPGRADE: [&str; 7] = [
    "images.storefront.tag=next",
    "images.saleor.tag=3.23",
    "saleor.allowedHosts=[a.example]",
    "replicas.dashboard=2",
    "autoscaling.worker.maxReplicas=6",
    "backup.keep=3",
    "monitoring.alertmanager.host=alertmanager.example",
];

impl Scene {
    /// The values that are deployed.
    pub fn sets(self) -> &'static [&'static str] {
        match self {
            Self::Upgrade | Self::BrokenUpgrade => &UPGRADE,
            Self::First | Self::Unchanged | Self::Rollback => &[],
        }
    }

    /// A cluster in which it can begin.
    pub fn cluster(self) -> Face {
        static EMPTY: OnceLock<Face> = OnceLock::new();
        static DEPLOYED: OnceLock<Face> = OnceLock::new();
        static UPGRADED: OnceLock<Face> = OnceLock::new();
        let made = match self {
            Self::First => EMPTY.get_or_init(|| made(&[])),
            Self::Upgrade | Self::BrokenUpgrade | Self::Unchanged => DEPLOYED.get_or_init(|| made(&[&[]])),
            Self::Rollback => UPGRADED.get_or_init(|| made(&[&[], &UPGRADE])),
        };
        made.fork()
    }
}

/// A cluster to which these releases were deployed.
fn made(releases: &'static [&'static [&'static str]]) -> Face {
    // A runtime cannot wait for another one on its own thread.
    let make = || {
        runtime().block_on(async {
            let face = face();
            let controllers = Controllers::start(&face);
            for sets in releases {
                deployed(prepared_with(&face, "local", "k3d-x", sets).await).await;
                sleep(Duration::from_secs(60)).await;
            }
            drop(controllers);
            face.fork()
        })
    };
    std::thread::scope(|scope| scope.spawn(make).join()).unwrap()
}
