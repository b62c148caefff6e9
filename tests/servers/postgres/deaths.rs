//! Kills, restarts, lost disks and hung servers: everything returns by itself, in its role.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use super::{BOTH, ONE, ZERO, fail_over, installed, is_primary, rows, sql, stays, streams, timeline, write};
use crate::pods::World;

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
