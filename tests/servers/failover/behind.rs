//! A standby that is far behind when the primary dies.

use std::thread::sleep;
use std::time::Duration;

use super::shop::{ONE, Shop, ZERO};
use crate::postgres::{is_primary, sql};

/// Sends a signal to a process of the standby's server that a query names.
fn signal(shop: &Shop, signal: &str, query: &str) {
    let process = sql(&shop.world, ONE, query);
    assert!(!process.is_empty(), "{query}");
    assert!(shop.world.exec(ONE, &["bash", "-c", &format!("kill -s {signal} {process}")]).status.success());
}

/// Rows that take the standby a while.
fn write_much(shop: &Shop) {
    let much = "CREATE TABLE filler AS SELECT repeat(md5(n::text), 20) FROM generate_series(1, 100000) n";
    sql(&shop.world, ZERO, much);
    replays_nothing(shop);
}

fn replays_nothing(shop: &Shop) {
    let waiting = "SELECT pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn() > 32 * 1024 * 1024";
    assert_eq!(sql(&shop.world, ONE, waiting), "t");
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn a_standby_that_has_everything_and_has_replayed_little_has_it_all_when_it_leads() {
    // HA.md, rule 6: what was acknowledged is on its disk, replayed or not.
    let mut shop = Shop::new();
    shop.write();
    sql(&shop.world, ONE, "SELECT pg_wal_replay_pause()");
    write_much(&shop);
    shop.until_written(50);
    assert_eq!(shop.recorded("POSTGRES_SYNCHRONOUS_STANDBY"), ONE);
    shop.world.kill(&[ZERO]);
    shop.failed_over("primary killed, replay paused");
    assert_eq!(sql(&shop.world, ONE, "SELECT count(*) FROM filler"), "100000");
    assert_eq!(shop.recorded("POSTGRES_EPOCH"), "1");
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn a_standby_that_hangs_as_it_replays_is_promoted_when_it_goes_on() {
    // HA.md, rule 12: the promotion is begun, and finished when it can be.
    let mut shop = Shop::new();
    shop.write();
    let replays = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'startup'";
    signal(&shop, "STOP", replays);
    write_much(&shop);
    shop.until_written(50);
    shop.world.kill(&[ZERO]);
    shop.until_recorded_primary(ONE);
    // Longer than a promotion is waited for.
    sleep(Duration::from_secs(12));
    assert!(!is_primary(&shop.world, ONE));
    signal(&shop, "CONT", replays);
    shop.failed_over("primary killed, replay stopped for 12 s");
    shop.world.start(&[ZERO]);
    shop.until_whole(ONE, ZERO);
    assert_eq!(shop.recorded("POSTGRES_EPOCH"), "1");
    assert_eq!(shop.world.api().events("PostgresFailover").len(), 1);
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn a_standby_that_has_not_received_everything_is_not_promoted() {
    // HA.md, rules 2 and 6.
    let mut shop = Shop::new();
    shop.write();
    let receives = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walreceiver'";
    signal(&shop, "STOP", receives);
    shop.until_recorded(ZERO, "");
    // Acknowledged by the primary alone.
    shop.until_written(100);
    shop.world.kill(&[ZERO]);
    signal(&shop, "CONT", receives);
    shop.world.until_logged("watchdog-0", "nobody is promoted");
    sleep(Duration::from_secs(3));
    assert!(!is_primary(&shop.world, ONE));
    assert_eq!(shop.recorded("POSTGRES_HOST"), "postgres-0.postgres");
    shop.world.start(&[ZERO]);
    shop.until_whole(ZERO, ONE);
    shop.until_written(50);
    shop.verify(ZERO);
}
