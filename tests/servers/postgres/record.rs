//! The record moves, or is not what the data says.

use std::fs;
use std::time::{Duration, Instant};

use super::{BOTH, ONE, ZERO, installed, is_primary, is_standby, rows, sql, stays, streams, timeline, write};

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
