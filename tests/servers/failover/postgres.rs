//! PostgreSQL: a fault, and what has become of it.

use std::time::{Duration, Instant};

use super::shop::{ONE, QUICK, Shop, ZERO};
use crate::postgres::is_primary;

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn a_killed_primary_is_replaced_and_rejoins() {
    let mut shop = Shop::new();
    shop.write();
    shop.world.kill(&[ZERO]);
    shop.failed_over("primary killed");
    let began = Instant::now();
    shop.world.start(&[ZERO]);
    shop.until_whole(ONE, ZERO);
    println!("old primary back as a synchronous standby: {:.1} s", began.elapsed().as_secs_f32());
    assert_eq!(shop.recorded("POSTGRES_EPOCH"), "1");
    assert_eq!(shop.world.api().led("postgres-primary"), ONE);
    // Whoever may hold a stale connection was restarted, and it was told and counted.
    for client in ["saleor-api", "celery-worker", "celery-beat"] {
        let client = shop.world.api().get("apps/v1", "Deployment", client);
        assert_eq!(client["spec"]["template"]["metadata"]["annotations"]["keyboss.io/postgres-epoch"], "1", "{client}");
    }
    let told = shop.world.api().events("PostgresFailover");
    assert!(told.iter().any(|message| message.contains("postgres-1 is primary")), "{told:?}");
    let metrics = shop.world.metrics("watchdog-0");
    for line in ["failovers_total{system=\"postgres\"} 1", "postgres_synchronous 1", "leader 1", "up 1"] {
        assert!(metrics.contains(&format!("keyboss_watchdog_{line}\n")), "{line}: {metrics}");
    }
    // And back: the rejoined standby is known to be on the new timeline.
    shop.world.kill(&[ONE]);
    shop.until_recorded_primary(ZERO);
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn a_hung_primary_acknowledges_nothing_when_it_wakes() {
    let mut shop = Shop::new();
    shop.write();
    shop.world.signal_all(ZERO, "STOP");
    shop.until_recorded_primary(ONE);
    shop.until_written(50);
    shop.world.signal_all(ZERO, "CONT");
    shop.until_whole(ONE, ZERO);
    let gap = shop.verify(ONE);
    println!("primary hung: {:.2} s without an acknowledgement", gap.as_secs_f32());
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn an_isolated_primary_acknowledges_nothing() {
    let mut shop = Shop::new();
    shop.write();
    shop.world.isolate(ZERO, true);
    shop.until_recorded_primary(ONE);
    shop.until_written(50);
    shop.world.isolate(ZERO, false);
    shop.until_whole(ONE, ZERO);
    let gap = shop.verify(ONE);
    println!("primary isolated: {:.2} s without an acknowledgement", gap.as_secs_f32());
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn a_primary_that_is_deleted_hands_over_first() {
    let mut shop = Shop::new();
    shop.write();
    shop.world.delete(&[ZERO]);
    shop.failed_over("primary deleted");
    shop.world.start(&[ZERO]);
    shop.until_whole(ONE, ZERO);
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn a_lost_standby_is_not_waited_for_and_not_promoted() {
    // HA.md, rule 2.
    let mut shop = Shop::new();
    shop.write();
    shop.world.kill(&[ONE]);
    shop.until_recorded(ZERO, "");
    shop.until_written(50);
    shop.world.kill(&[ZERO]);
    shop.world.start(&[ONE]);
    shop.world.until_logged("watchdog-0", "nobody is promoted");
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(shop.recorded("POSTGRES_HOST"), "postgres-0.postgres");
    assert!(!is_primary(&shop.world, ONE));
    shop.world.start(&[ZERO]);
    shop.until_whole(ZERO, ONE);
    let gap = shop.verify(ZERO);
    println!("standby lost, then both: {:.2} s without an acknowledgement", gap.as_secs_f32());
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn a_watchdog_that_cannot_reach_the_primary_promotes_nobody() {
    // HA.md, rule 6.
    let mut shop = Shop::new();
    shop.write();
    shop.world.cut("watchdog-0", ZERO, true);
    shop.world.until_logged("watchdog-0", "does not answer the watchdog, but it answers postgres-1");
    shop.until_written(300);
    assert_eq!(shop.recorded("POSTGRES_HOST"), "postgres-0.postgres");
    shop.world.cut("watchdog-0", ZERO, false);
    let gap = shop.verify(ZERO);
    assert!(gap < Duration::from_secs(1), "{gap:?}");
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn while_the_api_server_is_away_healthy_servers_go_on() {
    // HA.md, rule 8.
    let mut shop = Shop::new();
    shop.write();
    shop.world.isolate("api", true);
    std::thread::sleep(Duration::from_secs(20));
    shop.until_written(50);
    shop.world.isolate("api", false);
    shop.until_recorded(ZERO, ONE);
    shop.until_written(100);
    let gap = shop.verify(ZERO);
    assert!(gap < Duration::from_secs(1), "{gap:?}");
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn a_switchover_takes_no_row_and_little_time() {
    let mut shop = Shop::new();
    shop.write();
    let told = shop.world.keyboss(&["failover", "postgres", "--local", "--yes"]);
    assert_eq!(String::from_utf8_lossy(&told.stdout), "PostgreSQL: postgres-1 leads now\n", "{told:?}");
    shop.until_whole(ONE, ZERO);
    shop.until_written(50);
    let gap = shop.verify(ONE);
    println!("switchover: {:.2} s without an acknowledgement", gap.as_secs_f32());
    let config = shop.world.api().get("v1", "ConfigMap", "keyboss-config");
    assert!(config["metadata"]["annotations"]["keyboss.io/switchover-postgres"].is_null());
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn a_watchdog_that_dies_is_followed_by_the_other() {
    let mut shop = Shop::with(&["watchdog-0", "watchdog-1"]);
    shop.write();
    let leads = |shop: &Shop, name: &str| shop.world.log(name).contains(&format!("{name} leads"));
    let leader = if leads(&shop, "watchdog-0") { "watchdog-0" } else { "watchdog-1" };
    // Both at once: the successor finds a failover to do.
    shop.world.signal_watchdog(leader, "KILL");
    shop.world.kill(&[ZERO]);
    shop.failed_over("primary and leading watchdog killed");
    shop.world.start(&[ZERO]);
    shop.until_whole(ONE, ZERO);
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn a_watchdog_that_wakes_has_been_deposed() {
    // HA.md, rules 4 and 5.
    let mut shop = Shop::new();
    shop.write();
    shop.world.signal_watchdog("watchdog-0", "STOP");
    shop.world.start_watchdog("watchdog-1", &QUICK);
    shop.world.until_logged("watchdog-1", "watchdog-1 leads");
    shop.world.kill(&[ZERO]);
    shop.until_recorded_primary(ONE);
    shop.until_written(50);
    shop.world.signal_watchdog("watchdog-0", "CONT");
    shop.world.until_logged("watchdog-0", "watchdog-0 leads no longer");
    shop.world.start(&[ZERO]);
    shop.until_whole(ONE, ZERO);
    shop.verify(ONE);
    assert_eq!(shop.recorded("POSTGRES_EPOCH"), "1");
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn a_server_that_crashes_alone_is_a_standby_or_primary_again() {
    let mut shop = Shop::new();
    shop.write();
    let kill = "kill -KILL $(head -1 /var/lib/postgresql/data/pgdata/postmaster.pid)";
    shop.world.exec(ZERO, &["bash", "-c", kill]);
    shop.until_written(100);
    let primary = shop.recorded("POSTGRES_HOST").replace(".postgres", "");
    let standby = if primary == ZERO { ONE } else { ZERO };
    shop.until_whole(&primary, standby);
    let gap = shop.verify(&primary);
    println!("server crashed, its container restarted, {primary} leads: {:.2} s", gap.as_secs_f32());
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn after_a_failover_and_an_outage_of_both_the_recorded_primary_leads() {
    // HA.md, rule 9: not ordinal 0.
    let mut shop = Shop::new();
    shop.write();
    shop.world.kill(&[ZERO]);
    shop.until_recorded_primary(ONE);
    shop.until_written(50);
    shop.world.kill(&[ONE]);
    shop.world.start(&[ZERO]);
    shop.world.until_logged(ZERO, "this pod was primary and acknowledges nothing more");
    assert!(!is_primary(&shop.world, ZERO));
    shop.world.start(&[ONE]);
    shop.until_whole(ONE, ZERO);
    shop.verify(ONE);
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn a_primary_lost_while_the_api_server_is_away_is_replaced_when_it_is_back() {
    let mut shop = Shop::new();
    shop.write();
    shop.world.isolate("api", true);
    std::thread::sleep(Duration::from_secs(6));
    shop.world.kill(&[ZERO]);
    std::thread::sleep(Duration::from_secs(4));
    assert!(!is_primary(&shop.world, ONE), "promoted on guesswork");
    shop.world.isolate("api", false);
    shop.failed_over("primary lost while the API server was away for 10 s");
}
