//! Disks that fill up: the standby's own, and the primary's by what it keeps for a standby that is away.

use std::time::{Duration, Instant};

use super::shop::{ONE, Shop, ZERO};
use super::writer::longest_gap;
use crate::pods::World;
use crate::postgres::{is_primary, sql};

/// The pod that receives write-ahead log and is no standby.
const ARCHIVE: &str = "postgres-archive";

/// The standby's volume; its cluster takes a third of that.
const MEGABYTES: u32 = 256;

/// Writes so many megabytes of WAL, whatever becomes of them.
fn write_wal(shop: &Shop, megabytes: u32) {
    for _ in 0..megabytes.div_ceil(16) {
        let churn = "CREATE TABLE IF NOT EXISTS filler (text text);
            INSERT INTO filler SELECT repeat(md5(n::text), 20) FROM generate_series(1, 20000) n;
            TRUNCATE filler; SELECT pg_switch_wal(); CHECKPOINT";
        sql(&shop.world, ZERO, churn);
    }
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn a_standby_that_is_away_does_not_fill_the_disk_of_the_primary() {
    // HA.md, rule 12. 64 MB of WAL are kept for a standby of the smallest volume.
    let mut shop = Shop::set(&["watchdog-0"], &["postgres.storage=256Mi"]);
    assert_eq!(sql(&shop.world, ZERO, "SHOW max_slot_wal_keep_size"), "64MB");
    shop.write();
    shop.world.kill(&[ONE]);
    shop.until_recorded(ZERO, "");
    write_wal(&shop, 320);
    let kept = "SELECT sum(size) < 192 * 1024 * 1024 FROM pg_ls_waldir()";
    shop.world.until("the WAL is thrown away", |world| {
        sql(world, ZERO, "CHECKPOINT");
        sql(world, ZERO, kept) == "t"
    });
    shop.until_written(50);
    assert_eq!(shop.recorded("POSTGRES_HOST"), "postgres-0.postgres");

    // What it would need is gone: it gets itself a new copy, and only then is it a synchronous standby again.
    let began = Instant::now();
    shop.world.start(&[ONE]);
    shop.world.until_logged(ONE, "clone: the copy here could not catch up");
    shop.until_whole(ZERO, ONE);
    shop.until_written(50);
    println!("standby lost its WAL, and is synchronous again: {:.1} s", began.elapsed().as_secs_f32());
    shop.world.kill(&[ZERO]);
    shop.failed_over("primary killed after its standby got a new copy");
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn a_standby_whose_disk_is_full_is_not_waited_for_and_not_promoted() {
    // HA.md, rules 2 and 6.
    let mut shop = Shop::new();
    shop.world.kill(&[ONE]);
    shop.world.confine(ONE, "data", MEGABYTES);
    shop.world.start(&[ONE]);
    // It may have been recorded for a moment more, as long as nobody had noticed.
    shop.world.until_logged("watchdog-0", "postgres-0 acknowledges alone");
    shop.until_whole(ZERO, ONE);
    shop.write();
    shop.world.fill(ONE, "data");
    // As little as can be: a standby that lacks little is tried again and again.
    shop.world.until("its disk is full", |world| {
        sql(world, ZERO, "SELECT pg_switch_wal()");
        world.log(ONE).contains("No space left on device")
    });
    shop.until_recorded(ZERO, "");
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(15) {
        shop.until_written(50);
        assert_eq!(shop.recorded("POSTGRES_HOST"), "postgres-0.postgres");
        assert!(!is_primary(&shop.world, ONE));
    }
    let alone = shop.acks().len();

    // What it cannot write any more and a session in a database needs: a change of a catalogue takes this file away.
    let find = |world: &World, what| {
        world.ask(ONE, &["find", "/var/lib/postgresql/data/pgdata", "-name", "pg_internal.init", what])
    };
    shop.world.until("the file is gone and its place filled", |world| {
        find(world, "-delete");
        world.fill(ONE, "data");
        find(world, "-print").is_empty()
    });

    // What it lacks is with the primary only: nobody takes its place.
    shop.world.kill(&[ZERO]);
    shop.world.until_logged("watchdog-0", "nobody is promoted");
    std::thread::sleep(Duration::from_secs(3));
    assert!(!is_primary(&shop.world, ONE));
    assert_eq!(shop.recorded("POSTGRES_EPOCH"), "0");
    shop.world.start(&[ZERO]);
    shop.until_written(20);
    shop.world.relieve(ONE, "data");
    shop.until_whole(ZERO, ONE);
    shop.until_written(50);
    let acks = shop.acks();
    let gap = longest_gap(&acks[..alone]);
    println!("standby's disk full: {:.2} s without an acknowledgement", gap.as_secs_f32());
    // Until it is noticed that the standby is gone, and no longer.
    assert!(gap < Duration::from_secs(10), "{gap:?}");
    shop.verify(ZERO);
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn the_archive_is_taken_for_no_standby() {
    let mut shop = Shop::set(&["watchdog-0"], &["backup.pointInTime.enabled=true"]);
    shop.world.lead("postgres-primary", ZERO);
    shop.world.add(ARCHIVE, ARCHIVE);
    shop.world.start(&[ARCHIVE]);
    shop.world.until_ready(&[ARCHIVE]);
    shop.write();
    shop.until_written(50);
    // Without its standby a primary acknowledges alone: the archive, which goes on, does not count.
    shop.world.kill(&[ONE]);
    shop.until_recorded(ZERO, "");
    shop.until_written(50);
    assert_eq!(sql(&shop.world, ZERO, "SHOW synchronous_standby_names"), "");
    shop.world.start(&[ONE]);
    shop.until_whole(ZERO, ONE);
    shop.until_written(50);
    shop.world.kill(&[ZERO]);
    shop.failed_over("primary with an archive killed");
}
