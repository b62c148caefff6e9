//! A first install: what it sets up, and what a kill in its middle leaves.

use std::thread::sleep;
use std::time::Duration;

use super::{BOTH, ONE, ZERO, is_primary, is_standby, shop, sql, stays, streams};
use crate::pods::World;

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
