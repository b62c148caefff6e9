//! PostgreSQL: who is primary is what the record says, and no acknowledged row is ever lost.

mod deaths;
mod install;
mod record;

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::pods::World;

pub const ZERO: &str = "postgres-0";
pub const ONE: &str = "postgres-1";
const BOTH: [&str; 2] = [ZERO, ONE];

pub fn sql(world: &World, pod: &str, statement: &str) -> String {
    world.ask(pod, &["psql", "-XAtq", "-U", "postgres", "-d", "saleor", "-c", statement])
}

/// As a client of the shop's would: over the network, with the shop's password.
fn shop(world: &World, from: &str, to: &str, statement: &str) -> String {
    let password = format!("PGPASSWORD={}", world.config["POSTGRES_PASSWORD"]);
    let address = format!("host={to}.postgres user=saleor dbname=saleor connect_timeout=20");
    world.ask(from, &["env", &password, "psql", "-XAtq", &address, "-c", statement])
}

pub fn is_primary(world: &World, pod: &str) -> bool {
    sql(world, pod, "SELECT pg_is_in_recovery()") == "f"
}

pub fn is_standby(world: &World, pod: &str) -> bool {
    sql(world, pod, "SELECT pg_is_in_recovery()") == "t"
}

pub fn streams(world: &World, primary: &str, standby: &str) -> bool {
    let count = format!(
        "SELECT count(*) FROM pg_stat_replication JOIN pg_replication_slots ON pid = active_pid
         WHERE application_name = '{standby}' AND state = 'streaming' AND slot_name = '{}'",
        standby.replace('-', "_")
    );
    is_standby(world, standby) && sql(world, primary, &count) == "1"
}

/// Adds a row and says whether it was acknowledged.
fn write(world: &World, pod: &str, row: u32) -> bool {
    sql(world, pod, &format!("INSERT INTO sale VALUES ({row}) RETURNING row")) == row.to_string()
}

fn rows(world: &World, pod: &str) -> String {
    sql(world, pod, "SELECT string_agg(row::text, ',' ORDER BY row) FROM sale")
}

/// Two pods as after a first install, postgres-0 primary, with row 1 on both.
pub fn installed() -> World {
    installed_in(|_| {})
}

/// The same, in a world that is made ready first.
pub fn installed_in(ready: impl FnOnce(&mut World)) -> World {
    // Installed once, and copied for each test.
    static VOLUMES: OnceLock<TempDir> = OnceLock::new();
    let volumes = VOLUMES.get_or_init(|| {
        let mut world = World::new(&["postgres"], &[]);
        world.start(&BOTH);
        world.until_ready(&BOTH);
        sql(&world, ZERO, "CREATE TABLE sale (row int PRIMARY KEY)");
        assert!(write(&world, ZERO, 1));
        world.until("row 1 on the standby", |world| rows(world, ONE) == "1");
        world.delete(&[ZERO]);
        world.delete(&[ONE]);
        let volumes = TempDir::new_in("/dev/shm").unwrap();
        BOTH.iter().for_each(|pod| copy(&world.volume(pod, "data"), &volumes.path().join(pod)));
        volumes
    });
    let mut world = World::new(&["postgres"], &[]);
    ready(&mut world);
    BOTH.iter().for_each(|pod| copy(&volumes.path().join(pod), &world.volume(pod, "data")));
    world.start(&BOTH);
    world.until_ready(&BOTH);
    world.until("streaming", |world| streams(world, ZERO, ONE));
    assert_eq!(rows(&world, ONE), "1");
    world
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").args(["-a", "--no-target-directory"]).args([from, to]).status().unwrap().success());
}

/// A failover by hand of a primary that was killed: `to` becomes primary on a later timeline.
pub fn fail_over(world: &mut World, from: &str, to: &str) {
    world.kill(&[from]);
    world.config.insert("POSTGRES_HOST".into(), format!("{to}.postgres"));
    world.delete(&[to]);
    world.start(&[to]);
    world.until_ready(&[to]);
    assert!(is_primary(world, to));
}

fn timeline(world: &World, pod: &str) -> u32 {
    let file = sql(world, pod, "SELECT pg_walfile_name(pg_current_wal_lsn())");
    u32::from_str_radix(file.get(..8).unwrap_or("0"), 16).unwrap()
}

/// Nothing but the record may move: watched for as long as a wrong start would take.
fn stays(world: &mut World, what: &str, holds: impl Fn(&World) -> bool) {
    let end = Instant::now() + Duration::from_secs(6);
    while Instant::now() < end {
        assert!(holds(world), "no longer: {what}");
        sleep(Duration::from_millis(200));
    }
}
