//! What the tests of Redis' failover begin with.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::failover::redis_writer;
use crate::failover::writer::Writer;
use crate::failover::writer::{Ack, lost};
use crate::pods::World;
use crate::redis::{BOTH, ONE, SENTINELS, ZERO, in_sync, redis, watching};

/// The watchdog's defaults.
pub const DEFAULTS: [&str; 0] = [];
const SWITCHOVER: &str = "keyboss.io/switchover-redis";

/// Two pods, redis-0 the master, three Sentinels and an API server.
pub struct Shop {
    /// Its pods.
    pub world: World,
}

impl Shop {
    /// Without a watchdog.
    pub fn new() -> Self {
        let mut world = World::new(&["redis", "redis-sentinel"], &[]);
        world.serve_api();
        world.start(&BOTH);
        world.until_ready(&BOTH);
        world.until("in sync", |world| in_sync(world, ZERO, ONE));
        // A Sentinel asks a master for its replicas every 10 s, and can promote none that it has not heard of.
        world.start(&SENTINELS);
        watching(&mut world, ZERO);
        world.until("the Sentinels know the replica", |world| {
            SENTINELS.iter().all(|sentinel| {
                let replicas = redis(world, sentinel, "-p 26379 sentinel replicas keyboss");
                let field = |name| replicas.lines().skip_while(|line| *line != name).nth(1);
                field("master-link-status") == Some("ok") && field("slave-priority") == Some("100")
            })
        });
        Self { world }
    }

    /// With one, which has seen that the master has its replica.
    pub fn watched() -> Self {
        let mut shop = Self::new();
        shop.world.start_watchdog("watchdog-0", &DEFAULTS);
        shop.until_guarded(ZERO);
        shop
    }

    /// The watchdog has seen that the master has its replica.
    pub fn until_guarded(&mut self, master: &str) {
        self.world.until("guarded", |world| is_guarded(world, master));
    }

    /// A client that has already written something.
    pub fn writer(&self, pod: Option<&str>, first: i64) -> Writer {
        let writer = redis_writer::start(
            self.world.sandbox("client"),
            self.world.api(),
            pod,
            self.world.addresses("redis"),
            first,
        );
        let end = Instant::now() + Duration::from_secs(30);
        while writer.acks().len() < 50 {
            assert!(Instant::now() < end, "no writes to {pod:?}");
            sleep(Duration::from_millis(20));
        }
        writer
    }

    /// Waits until the Service and the record name a pod.
    pub fn until_led(&mut self, pod: &str) {
        self.world.until(&format!("everything names {pod}"), |world| {
            let api = world.api();
            api.led("redis-master") == pod && api.config("REDIS_MASTER") == Some(format!("{pod}.redis"))
        });
    }

    /// Waits for so many more acknowledgements.
    pub fn until_written(&mut self, writer: &Writer, more: usize) {
        let count = writer.acks().len() + more;
        self.world.until(&format!("{more} more writes"), |_| writer.acks().len() >= count);
    }

    /// The acknowledged writes that a pod lacks.
    pub fn lost(&self, pod: &str, acks: &[Ack]) -> Vec<i64> {
        let members = redis(&self.world, pod, "smembers acks");
        let present: BTreeSet<i64> = members.lines().filter_map(|id| id.trim().parse().ok()).collect();
        lost(acks, &present)
    }

    /// Asks for a switchover.
    pub fn request(&self) {
        let patch = json!({"metadata": {"annotations": {SWITCHOVER: "now"}}});
        self.world.api().patch("v1", "ConfigMap", "keyboss-config", &patch);
    }

    /// Waits until the request is taken away.
    pub fn until_answered(&mut self) {
        self.world.until("the request is answered", |world| annotation(world).is_null());
    }
}

fn annotation(world: &World) -> Value {
    world.api().get("v1", "ConfigMap", "keyboss-config")["metadata"]["annotations"][SWITCHOVER].clone()
}

/// Whether a master acknowledges nothing without a replica.
pub fn is_guarded(world: &World, pod: &str) -> bool {
    redis(world, pod, "config get min-replicas-to-write").lines().nth(1) == Some("1")
}
