//! PostgreSQL: who is primary is what the record says, and no acknowledged row is ever lost.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::pods::World;

const ZERO: &str = "postgres-0";
const ONE: &str = "postgres-1";
const BOTH: [&str; 2] = [ZERO, ONE];

fn sql(world: &World, pod: &str, statement: &str) -> String {
    world.ask(pod, &["psql", "-XAtq", "-U", "postgres", "-d", "saleor", "-c", statement])
}

/// As a client of the shop's would: over the network, with the shop's password.
fn shop(world: &World, from: &str, to: &str, statement: &str) -> String {
    let password = format!("PGPASSWORD={}", world.config["POSTGRES_PASSWORD"]);
    let address = format!("host={to}.postgres user=saleor dbname=saleor connect_timeout=20");
    world.ask(from, &["env", &password, "psql", "-XAtq", &address, "-c", statement])
}

fn is_primary(world: &World, pod: &str) -> bool {
    sql(world, pod, "SELECT pg_is_in_recovery()") == "f"
}

fn is_standby(world: &World, pod: &str) -> bool {
    sql(world, pod, "SELECT pg_is_in_recovery()") == "t"
}

fn streams(world: &World, primary: &str, standby: &str) -> bool {
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
fn installed() -> World {
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
fn fail_over(world: &mut World, from: &str, to: &str) {
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

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn first_install_and_settings() {
    let mut world = World::new(&["postgres"], &[]);
    world.start(&BOTH);
    world.until_ready(&BOTH);
    world.until("streaming", |world| streams(world, ZERO, ONE));
    assert!(is_primary(&world, ZERO));
    let shows = |pod: &str, name: &str| sql(&world, pod, &format!("SHOW {name}"));
    for pod in BOTH {
        // 5Gi: 4 %, 10 % and 20 % of it, which leaves two thirds for data.
        assert_eq!(shows(pod, "min_wal_size"), "204MB");
        assert_eq!(shows(pod, "max_wal_size"), "512MB");
        assert_eq!(shows(pod, "max_slot_wal_keep_size"), "1GB");
        assert_eq!(shows(pod, "data_checksums"), "on");
        assert_eq!(shows(pod, "wal_log_hints"), "on");
        assert_eq!(shows(pod, "hot_standby"), "on");
        assert_eq!(shows(pod, "archive_mode"), "off");
        assert_eq!(shows(pod, "wal_sender_timeout"), "5s");
        assert_eq!(shows(pod, "wal_receiver_timeout"), "5s");
        assert_eq!(shows(pod, "wal_retrieve_retry_interval"), "200ms");
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            assert!(world.passes(pod, probe), "{probe} of {pod}");
        }
    }
    // The shop owns its database, and its extensions are at hand; nobody comes in without a password.
    assert_eq!(shop(&world, ONE, ZERO, "SELECT current_user"), "saleor");
    let extensions = ["btree_gin", "citext", "hstore", "pg_trgm", "pgcrypto", "unaccent", "uuid-ossp"];
    let create: String = extensions.iter().map(|extension| format!("CREATE EXTENSION \"{extension}\";")).collect();
    let list = "SELECT string_agg(extname, ',' ORDER BY extname) FROM pg_extension WHERE extname <> 'plpgsql'";
    assert_eq!(shop(&world, ONE, ZERO, &(create + list)).lines().last(), Some(extensions.join(",").as_str()));
    for user in ["postgres", "saleor", "replicator"] {
        let address = format!("host=postgres-0.postgres user={user} dbname=postgres password=wrong");
        assert!(!world.exec(ONE, &["psql", "-wX", &address, "-c", ""]).status.success(), "{user}");
    }
    for pod in BOTH {
        let log = world.log(pod);
        assert!(!log.contains("shop-secret") && !log.contains("replication-secret"), "a password in the log of {pod}");
        let commands = world.ask(pod, &["bash", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"]);
        assert!(commands.contains("postgres") && !commands.contains("secret"), "{commands}");
    }
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn wal_leaves_room_in_the_smallest_volume() {
    let world = World::new(&["postgres"], &["storage.maxSize=1Gi"]);
    let config = world.object("ConfigMap", "postgres-config")["data"]["postgresql.conf"].as_str().unwrap().to_owned();
    for line in ["min_wal_size = 40MB", "max_wal_size = 102MB", "max_slot_wal_keep_size = 204MB"] {
        assert!(config.contains(line), "{line} is not in {config}");
    }
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn nothing_is_initialised_for_use_while_the_peer_is_away() {
    let mut world = World::new(&["postgres"], &[]);
    world.start(&[ZERO]);
    world.until_logged(ZERO, "this cluster is used once postgres-1");
    stays(&mut world, "postgres-0 is not ready", |world| !world.passes(ZERO, "readinessProbe"));
    // Killed meanwhile, it goes on where it was.
    world.kill(&[ZERO]);
    world.start(&[ZERO]);
    world.until("primary", |world| is_primary(world, ZERO));
    assert!(!world.passes(ZERO, "readinessProbe"));
    world.start(&[ONE]);
    world.until_ready(&BOTH);
    assert!(streams(&world, ZERO, ONE));
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn a_standby_waits_for_its_primary() {
    let mut world = World::new(&["postgres"], &[]);
    world.start(&[ONE]);
    world.until_logged(ONE, "nothing to clone until postgres-0 is primary");
    stays(&mut world, "postgres-1 waits", |world| !world.volume(ONE, "data").join("pgdata").exists());
    world.start(&[ZERO]);
    world.until_ready(&BOTH);
    assert!(is_primary(&world, ZERO) && is_standby(&world, ONE));
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn every_kill_and_restart_ends_as_recorded() {
    let mut world = installed();
    let mut row = 1;
    for victims in [&[ZERO][..], &[ONE], &BOTH] {
        for how in ["deleted", "killed", "postmaster killed", "terminated in place"] {
            row += 1;
            assert!(write(&world, ZERO, row));
            match how {
                "deleted" => world.delete(victims),
                "killed" => world.kill(victims),
                "postmaster killed" => victims.iter().for_each(|pod| {
                    world.exec(
                        pod,
                        &["bash", "-c", "kill -9 $(head -1 /var/lib/postgresql/data/pgdata/postmaster.pid)"],
                    );
                }),
                _ => victims.iter().for_each(|pod| world.signal(pod, "TERM")),
            }
            if how == "deleted" || how == "killed" {
                world.start(victims);
            } else {
                world.until("the container ended", |world| {
                    victims.iter().all(|pod| world.log(pod).contains("the server ended"))
                });
                victims.iter().for_each(|pod| world.clear_log(pod));
            }
            world.until_ready(&BOTH);
            world.until("streaming", |world| streams(world, ZERO, ONE));
            let all = (1..=row).map(|row| row.to_string()).collect::<Vec<_>>().join(",");
            assert_eq!(rows(&world, ZERO), all, "{victims:?} {how}");
            world.until("all rows on the standby", |world| rows(world, ONE) == all);
            assert_eq!(timeline(&world, ZERO), 1, "nobody was promoted");
        }
    }
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn a_server_that_dies_as_it_is_asked_ends_its_container() {
    let mut world = installed();
    let signal = |world: &World, name: &str| {
        let command = format!("kill -{name} $(head -1 /var/lib/postgresql/data/pgdata/postmaster.pid)");
        world.exec(ONE, &["bash", "-c", &command]);
    };
    // It is asked every 5 s, and has 10 s to answer.
    signal(&world, "STOP");
    sleep(Duration::from_secs(7));
    signal(&world, "KILL");
    world.until_logged(ONE, "the server ended with code 137");
    world.until("streaming", |world| streams(world, ZERO, ONE));
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn the_record_moves_and_back() {
    let mut world = installed();
    // As the README has it: record, old primary, new primary. Nothing is lost.
    for (old, new, row) in [(ZERO, ONE, 2), (ONE, ZERO, 4)] {
        assert!(write(&world, old, row));
        world.config.insert("POSTGRES_HOST".into(), format!("{new}.postgres"));
        world.delete(&[old]);
        world.start(&[old]);
        world.until_logged(old, "acknowledges nothing more");
        world.delete(&[new]);
        world.start(&[new]);
        world.until_ready(&BOTH);
        world.until("streaming", |world| is_primary(world, new) && streams(world, new, old));
        assert!(write(&world, new, row + 1));
        world.clear_log(old);
    }
    assert_eq!(rows(&world, ZERO), "1,2,3,4,5");
    assert_eq!(timeline(&world, ZERO), 3);
    world.until("all rows on the standby", |world| rows(world, ONE) == "1,2,3,4,5");
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn an_old_primary_with_rows_of_its_own_rejoins() {
    for rewind in [true, false] {
        let mut world = installed();
        // Rows that the standby never gets, acknowledged by the old primary alone.
        world.kill(&[ONE]);
        assert!(write(&world, ZERO, 100));
        world.kill(&[ZERO]);
        world.config.insert("POSTGRES_HOST".into(), "postgres-1.postgres".into());
        world.start(&[ONE]);
        world.until_ready(&[ONE]);
        assert!(write(&world, ONE, 2));
        if !rewind {
            // What pg_rewind needs to find the fork is gone.
            let wal = world.volume(ZERO, "data").join("pgdata/pg_wal");
            fs::remove_dir_all(&wal).unwrap();
            fs::create_dir(&wal).unwrap();
        }
        world.start(&[ZERO]);
        let end = Instant::now() + Duration::from_secs(60);
        while !streams(&world, ONE, ZERO) {
            assert!(!write(&world, ZERO, 101), "the old primary acknowledged a row");
            assert!(Instant::now() < end, "{}", world.log(ZERO));
        }
        world.until_ready(&BOTH);
        assert_eq!(world.log(ZERO).contains("pg_rewind failed"), !rewind);
        assert!(write(&world, ONE, 3));
        world.until("the same rows on both", |world| rows(world, ZERO) == "1,2,3");
        assert_eq!(timeline(&world, ONE), 2);
    }
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn a_recorded_primary_yields_to_a_later_timeline() {
    let mut world = installed();
    // Half a failover: the peer was promoted, the record was not moved.
    world.kill(&[ZERO]);
    assert_eq!(sql(&world, ONE, "SELECT pg_promote()"), "t");
    assert!(write(&world, ONE, 2));
    world.start(&[ZERO]);
    world.until_ready(&[ZERO]);
    world.until("streaming", |world| streams(world, ONE, ZERO));
    assert!(world.log(ZERO).contains("THE RECORD NAMES THIS POD, but postgres-1 is primary on a later timeline"));
    world.until("row 2 everywhere", |world| rows(world, ZERO) == "1,2");
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn a_named_standby_does_not_promote_beside_a_living_primary() {
    let mut world = installed();
    world.config.insert("POSTGRES_HOST".into(), "postgres-1.postgres".into());
    world.delete(&[ONE]);
    world.start(&[ONE]);
    world.until_logged(ONE, "but postgres-0 is still primary: delete pod postgres-0, then this one");
    world.until("streaming", |world| streams(world, ZERO, ONE));
    stays(&mut world, "postgres-1 is a standby", |world| is_standby(world, ONE));
    assert_eq!(timeline(&world, ZERO), 1);
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn a_killed_clone_or_first_install_starts_over() {
    let mut world = World::new(&["postgres"], &[]);
    world.restarts = false;
    // initdb killed at several moments.
    for milliseconds in [300, 900, 1500, 2500] {
        world.start(&[ZERO]);
        sleep(Duration::from_millis(milliseconds));
        world.kill(&[ZERO]);
    }
    world.start(&[ZERO]);
    world.until("primary", |world| is_primary(world, ZERO));
    assert_eq!(sql(&world, ZERO, "SELECT current_database()"), "saleor");
    sql(&world, ZERO, "CREATE TABLE filler AS SELECT repeat(md5(n::text), 20) FROM generate_series(1, 150000) n");
    let partial = world.volume(ONE, "data").join("pgdata.partial");
    for _ in 0..3 {
        world.start(&[ONE]);
        world.until("a clone has begun", |_| partial.join("base").exists());
        world.kill(&[ONE]);
        assert!(partial.exists() && !world.volume(ONE, "data").join("pgdata").exists());
    }
    world.start(&[ONE]);
    world.until_ready(&BOTH);
    world.until("streaming", |world| streams(world, ZERO, ONE));
    assert!(!partial.exists());
    assert_eq!(sql(&world, ONE, "SELECT count(*) FROM filler"), "150000");
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn a_lost_disk_of_the_recorded_primary_loses_nothing() {
    for everything in [true, false] {
        let mut world = installed();
        world.kill(&[ZERO]);
        let data = world.volume(ZERO, "data");
        fs::remove_dir_all(if everything { data.clone() } else { data.join("pgdata") }).unwrap();
        world.restarts = false;
        world.start(&[ZERO]);
        world.until_logged(ZERO, "REFUSING TO START: the data of this volume is gone, and postgres-1 has it");
        assert!(!data.join("pgdata").exists() && !world.passes(ZERO, "readinessProbe"));
        assert_eq!(rows(&world, ONE), "1");
        world.kill(&[ZERO]);

        // The standby is away too: a new cluster may come to be, but nobody uses it, and it meets the old one in peace.
        world.kill(&[ONE]);
        world.clear_log(ZERO);
        world.start(&[ZERO]);
        let words = if everything {
            "this cluster is used once postgres-1"
        } else {
            "was initialised before and its data is gone"
        };
        world.until_logged(ZERO, words);
        world.start(&[ONE]);
        world.until_logged(ONE, if everything { "holds another cluster" } else { "the record names postgres-0" });
        stays(&mut world, "postgres-0 is not ready", |world| !world.passes(ZERO, "readinessProbe"));

        // The remedy of the message.
        world.config.insert("POSTGRES_HOST".into(), "postgres-1.postgres".into());
        world.kill(&BOTH);
        world.restarts = true;
        world.start(&BOTH);
        world.until_ready(&BOTH);
        world.until("streaming", |world| is_primary(world, ONE) && streams(world, ONE, ZERO));
        assert_eq!(rows(&world, ZERO), "1");
    }
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn a_standby_that_lost_its_disk_clones() {
    let mut world = installed();
    world.kill(&[ONE]);
    fs::remove_dir_all(world.volume(ONE, "data")).unwrap();
    world.start(&[ONE]);
    world.until_ready(&BOTH);
    world.until("streaming", |world| streams(world, ZERO, ONE));
    assert_eq!(rows(&world, ONE), "1");
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn a_standby_too_far_behind_clones_by_itself() {
    let mut world = World::new(&["postgres"], &["postgres.storage=256Mi"]);
    world.start(&BOTH);
    world.until_ready(&BOTH);
    world.kill(&[ONE]);
    sql(&world, ZERO, "CREATE TABLE filler (text text)");
    for _ in 0..12 {
        sql(&world, ZERO, "INSERT INTO filler SELECT repeat(md5(n::text), 20) FROM generate_series(1, 20000) n");
        sql(&world, ZERO, "CHECKPOINT");
        sql(&world, ZERO, "TRUNCATE filler");
        sql(&world, ZERO, "SELECT pg_switch_wal()");
    }
    sql(&world, ZERO, "CHECKPOINT");
    world.until("the slot was given up", |world| {
        let slots = sql(
            world,
            ZERO,
            "SELECT coalesce(string_agg(wal_status || restart_lsn, ','), 'none') FROM pg_replication_slots",
        );
        !slots.is_empty() && !slots.contains("extended") && !slots.contains("unreserved")
    });
    world.start(&[ONE]);
    world.until_logged(ONE, "cloning at the next start");
    world.until_logged(ONE, "clone: the copy here could not catch up");
    world.until("streaming", |world| streams(world, ZERO, ONE));
    world.until_ready(&BOTH);
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn a_wrong_replication_password_is_named_and_not_shown() {
    let mut world = World::new(&["postgres"], &[]);
    world.restarts = false;
    world.start(&[ZERO]);
    world.until("primary", |world| is_primary(world, ZERO));
    world.config.insert("REPLICATION_PASSWORD".into(), "another-secret".into());
    world.start(&[ONE]);
    world.until_logged(ONE, "it is denied");
    world.until_logged(ONE, "password authentication failed for user \"replicator\"");
    assert!(!world.log(ONE).contains("-secret") && !world.log(ZERO).contains("-secret"));
    assert!(!world.volume(ONE, "data").join("pgdata").exists());
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn a_record_that_names_nobody_is_refused() {
    let mut world = installed();
    world.restarts = false;
    world.config.insert("POSTGRES_HOST".into(), "postgres-2.postgres".into());
    world.delete(&[ONE]);
    world.start(&[ONE]);
    world.until_logged(ONE, "REFUSING TO START: POSTGRES_HOST is 'postgres-2.postgres'");
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn a_lowered_limit_does_not_stop_the_standby() {
    // The standby restarts first, while the primary still allows more.
    let mut world = installed();
    world.delete(&[ONE]);
    world.set(&["postgres.maxConnections=50"]);
    world.start(&[ONE]);
    world.until("streaming", |world| streams(world, ZERO, ONE));
    assert_eq!(sql(&world, ONE, "SHOW max_connections"), "200");
    world.delete(&[ZERO]);
    world.start(&[ZERO]);
    world.until_ready(&BOTH);
    world.until("streaming", |world| streams(world, ZERO, ONE));
    assert_eq!(sql(&world, ZERO, "SHOW max_connections"), "50");
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn two_containers_on_one_volume_take_turns() {
    // A pod deleted by force still runs while its successor starts.
    let mut world = installed();
    let mut old = world.abandon(ZERO);
    world.clear_log(ZERO);
    world.start(&[ZERO]);
    world.until_logged(ZERO, "another container still runs on this volume");
    old.kill().unwrap();
    old.wait().unwrap();
    world.until_ready(&BOTH);
    world.until("streaming", |world| streams(world, ZERO, ONE));
    assert_eq!(rows(&world, ZERO), "1");
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn liveness_sees_a_hung_server_and_spares_a_busy_one() {
    let mut world = installed();
    fail_over(&mut world, ZERO, ONE);
    world.start(&[ZERO]);
    world.until_ready(&BOTH);
    // Out of connections is alive.
    sql(&world, ONE, "ALTER SYSTEM SET superuser_reserved_connections = 0");
    let server = "$(head -1 /var/lib/postgresql/data/pgdata/postmaster.pid)";
    world.exec(ONE, &["bash", "-c", &format!("kill -STOP {server}")]);
    assert!(!world.passes(ONE, "livenessProbe"));
    world.exec(ONE, &["bash", "-c", &format!("kill -CONT {server}")]);
    world.until("alive again", |world| world.passes(ONE, "livenessProbe"));
}
