//! A pair of PostgreSQL servers under a watchdog, and clients that write to a pair. Two pinned writers beside the shop's
//! find out whether both servers acknowledge.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::writer::{Ack, Leads, Writer, longest_gap, lost, overlap};
use crate::pods::World;
use crate::postgres::{installed_in, is_primary, is_standby, sql, streams};

/// The primary of a new pair.
pub const ZERO: &str = "postgres-0";
/// Its standby.
pub const ONE: &str = "postgres-1";
/// No arguments: the watchdog's defaults.
pub const QUICK: [&str; 0] = [];

/// The shop's writer, and one in the network of each server that writes to that one only.
pub struct Writers {
    writers: Vec<Writer>,
}

/// What writers were acknowledged.
pub struct Written {
    /// The shop's writer.
    pub shop: Vec<Ack>,
    /// All of them.
    pub all: Vec<Ack>,
}

impl Writers {
    /// Starts them, for a pair that is the pods of `set`, with rows from `first` on, and waits until the shop's writes.
    pub fn start(world: &mut World, leads: &Leads, set: &str, first: i64) -> Self {
        let addresses = world.addresses(set);
        let mut writers = vec![Writer::start(world.sandbox("client"), Arc::clone(leads), addresses.clone(), first)];
        for (pod, _) in &addresses {
            let first = first + 1_000_000 * i64::try_from(writers.len()).unwrap();
            // From the server's own network: being cut off does not silence it.
            writers.push(Writer::start(world.sandbox(pod), pinned(pod), addresses.clone(), first));
        }
        let writers = Self { writers };
        writers.until_written(world, 20);
        writers
    }

    /// The acknowledgements of the shop's writer so far.
    pub fn shop(&self) -> Vec<Ack> {
        self.writers[0].acks()
    }

    /// Waits for so many more of them.
    pub fn until_written(&self, world: &mut World, more: usize) {
        let count = self.shop().len() + more;
        world.until(&format!("{more} more rows"), |_| self.shop().len() >= count);
    }

    /// Stops them.
    pub fn finish(self) -> Written {
        let written: Vec<Vec<Ack>> = self.writers.into_iter().map(Writer::finish).collect();
        Written { shop: written[0].clone(), all: written.concat() }
    }
}

impl Written {
    /// Acknowledged rows that the primary lacks, and acknowledgements of a server after another had taken over.
    pub fn tally(&self, world: &World, primary: &str) -> (Vec<i64>, Vec<Ack>) {
        assert!(is_primary(world, primary));
        let rows = sql(world, primary, "SELECT string_agg(id::text, ' ') FROM ack");
        let present: BTreeSet<i64> = rows.split(' ').map(|id| id.parse().unwrap()).collect();
        (lost(&self.all, &present), overlap(&self.all))
    }
}

/// One pod, whatever it is.
pub fn pinned(pod: &str) -> Leads {
    let pod = pod.to_owned();
    Arc::new(move || pod.clone())
}

/// Where the Service of the primary leads.
pub fn service(world: &World) -> Leads {
    let api = Arc::clone(world.api());
    Arc::new(move || api.led("postgres-primary"))
}

/// Whether a primary is recorded, with a standby, which may be none.
pub fn is_recorded(world: &World, primary: &str, standby: &str) -> bool {
    let config = |key| world.api().config(key).unwrap_or_default();
    config("POSTGRES_HOST") == format!("{primary}.postgres") && config("POSTGRES_SYNCHRONOUS_STANDBY") == standby
}

/// Asks the watchdog for a switchover.
pub fn switch_over(world: &World) {
    let ask = serde_json::json!({"metadata": {"annotations": {"keyboss.io/switchover-postgres": "now"}}});
    world.api().patch("v1", "ConfigMap", "keyboss-config", &ask);
}

/// Two servers, with postgres-1 recorded as a synchronous standby by a leading watchdog.
pub struct Shop {
    /// Their network.
    pub world: World,
    writers: Option<Writers>,
    /// How often writers were started: they never write a row again.
    writes: i64,
}

impl Shop {
    /// The same pair for every test, and one watchdog.
    pub fn new() -> Self {
        Self::with(&["watchdog-0"])
    }

    /// With these watchdogs.
    pub fn with(watchdogs: &[&str]) -> Self {
        Self::set(watchdogs, &[])
    }

    /// With these, and with manifests that are rendered with settings.
    pub fn set(watchdogs: &[&str], settings: &[&str]) -> Self {
        let mut world = installed_in(|world| {
            world.set(settings);
            world.serve_api();
        });
        sql(&world, ZERO, "CREATE TABLE ack (id bigint PRIMARY KEY); GRANT ALL ON ack TO saleor");
        watchdogs.iter().for_each(|name| world.start_watchdog(name, &QUICK));
        let mut shop = Self { world, writers: None, writes: 0 };
        if !watchdogs.is_empty() {
            shop.until_recorded(ZERO, ONE);
        }
        shop
    }

    /// A value of the record.
    pub fn recorded(&self, key: &str) -> String {
        self.world.api().config(key).unwrap_or_default()
    }

    /// Waits until a primary is recorded, and a standby, which may be none.
    pub fn until_recorded(&mut self, primary: &str, standby: &str) {
        self.world
            .until(&format!("{primary} is recorded, with {standby:?}"), |world| is_recorded(world, primary, standby));
    }

    /// Starts the shop's writer, and one pinned to each server.
    pub fn write(&mut self) {
        let leads = service(&self.world);
        let first = 10_000_000 * self.writes;
        self.writes += 1;
        self.writers = Some(Writers::start(&mut self.world, &leads, "postgres", first));
    }

    /// The acknowledgements of the shop's writer so far.
    pub fn acks(&self) -> Vec<Ack> {
        self.writers.as_ref().expect("somebody writes").shop()
    }

    /// Waits for so many more acknowledgements of the shop's writer.
    pub fn until_written(&mut self, more: usize) {
        let Self { world, writers, .. } = self;
        writers.as_ref().expect("somebody writes").until_written(world, more);
    }

    /// Every acknowledged row is on the primary, and no server acknowledged after another had taken over: the longest
    /// time without an acknowledgement.
    pub fn verify(&mut self, primary: &str) -> Duration {
        let written = self.writers.take().expect("somebody writes").finish();
        let (lost, overlap) = written.tally(&self.world, primary);
        assert_eq!(lost, [0; 0], "acknowledged and lost");
        assert!(overlap.is_empty(), "two servers acknowledged: {overlap:?}");
        longest_gap(&written.shop)
    }

    /// The old primary has come back as a synchronous standby.
    pub fn until_whole(&mut self, primary: &str, standby: &str) {
        self.until_recorded(primary, standby);
        self.world.until("streaming", |world| streams(world, primary, standby));
        assert!(is_standby(&self.world, standby));
    }

    /// postgres-1 has taken over, and nothing was lost.
    pub fn failed_over(&mut self, what: &str) {
        self.failed_over_to(ONE, what);
    }

    /// A pod has taken over, and nothing was lost.
    pub fn failed_over_to(&mut self, primary: &str, what: &str) {
        self.until_recorded_primary(primary);
        self.until_written_to(primary, 50);
        let gap = self.verify(primary);
        println!("{what}: {:.2} s without an acknowledgement", gap.as_secs_f32());
    }

    fn until_written_to(&mut self, primary: &str, count: usize) {
        let Self { world, writers, .. } = self;
        let writers = writers.as_ref().expect("somebody writes");
        world.until(&format!("{primary} acknowledges"), |_| {
            writers.shop().iter().filter(|ack| ack.pod == primary).count() >= count
        });
    }

    /// Waits until a primary is recorded.
    pub fn until_recorded_primary(&mut self, primary: &str) {
        let host = format!("{primary}.postgres");
        self.world.until(&format!("{primary} is recorded"), |world| {
            world.api().config("POSTGRES_HOST") == Some(host.clone())
        });
    }
}
