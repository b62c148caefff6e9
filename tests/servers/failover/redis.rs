//! Redis. One writer follows the Service `redis-master`; another stays with the old master, as a stale client does.

mod shop;

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

use self::shop::{DEFAULTS, Shop, is_guarded};
use super::redis_writer;
use super::writer::{Ack, longest_gap};
use crate::pods::World;
use crate::redis::{ONE, SENTINELS, ZERO, in_sync, info, redis};

fn after(acks: &[Ack], moment: Instant) -> usize {
    acks.iter().filter(|ack| ack.at > moment).count()
}

#[test]
#[ignore = "needs Redis: tests/run servers"]
fn a_killed_master_is_replaced_and_comes_back_as_a_replica() {
    let mut shop = Shop::watched();
    let writer = shop.writer(None, 0);
    shop.world.kill(&[ZERO]);
    shop.until_led(ONE);
    shop.until_written(&writer, 100);
    let stale = shop.world.sandbox("client");
    let stale = redis_writer::start(stale, shop.world.api(), Some(ZERO), shop.world.addresses("redis"), 1_000_000);
    shop.world.start(&[ZERO]);
    shop.world.until("in sync", |world| in_sync(world, ONE, ZERO));
    shop.until_guarded(ONE);
    assert_eq!(stale.finish().len(), 0, "acknowledged by the old master");
    let acks = writer.finish();
    println!("Redis, master killed: {:.2} s without an acknowledgement", longest_gap(&acks).as_secs_f32());
    assert_eq!(shop.lost(ONE, &acks), [0; 0]);
    // After a whole copy, a replica gets the rest with its next confirmation.
    let end = Instant::now() + Duration::from_secs(10);
    while !shop.lost(ZERO, &acks).is_empty() {
        assert!(Instant::now() < end, "{:?}", shop.lost(ZERO, &acks));
        sleep(Duration::from_millis(100));
    }
    let log = shop.world.log("watchdog-0");
    assert_eq!(log.matches("redis-1 is master instead of redis-0").count(), 1, "{log}");
}

#[test]
#[ignore = "needs Redis: tests/run servers"]
fn a_hung_master_acknowledges_nothing_when_it_wakes() {
    let mut shop = Shop::watched();
    let (writer, stale) = (shop.writer(None, 0), shop.writer(Some(ZERO), 1_000_000));
    shop.world.signal_all(ZERO, "STOP");
    shop.until_led(ONE);
    shop.until_written(&writer, 100);
    let woken = Instant::now();
    shop.world.signal_all(ZERO, "CONT");
    shop.world.until("in sync", |world| in_sync(world, ONE, ZERO));
    shop.until_guarded(ONE);
    let (acks, stale) = (writer.finish(), stale.finish());
    println!("Redis, master hung: {:.2} s without an acknowledgement", longest_gap(&acks).as_secs_f32());
    println!("its stale client: {} acknowledgements after it woke", after(&stale, woken));
    assert_eq!(shop.lost(ONE, &acks), [0; 0]);
    assert!(shop.lost(ONE, &stale).len() <= 1, "{:?}", shop.lost(ONE, &stale));
}

/// Its own clients still reach it, and nobody else does.
#[test]
#[ignore = "needs Redis: tests/run servers"]
fn a_master_that_is_cut_off_stops_to_acknowledge() {
    let mut shop = Shop::watched();
    let (writer, stale) = (shop.writer(None, 0), shop.writer(Some(ZERO), 1_000_000));
    let others = [ONE, "watchdog-0", SENTINELS[0], SENTINELS[1], SENTINELS[2]];
    let cut = Instant::now();
    others.iter().for_each(|other| shop.world.cut(ZERO, other, true));
    shop.until_led(ONE);
    shop.until_written(&writer, 100);
    sleep(Duration::from_secs(3));
    assert_eq!(after(&stale.acks(), cut + Duration::from_secs(4)), 0);
    others.iter().for_each(|other| shop.world.cut(ZERO, other, false));
    shop.world.until("in sync", |world| in_sync(world, ONE, ZERO));
    let (acks, stale) = (writer.finish(), stale.finish());
    println!("Redis, master cut off: {:.2} s without an acknowledgement", longest_gap(&acks).as_secs_f32());
    let last = stale.iter().map(|ack| ack.at - cut).max().unwrap_or_default();
    let lost = shop.lost(ONE, &stale).len();
    println!("its stale client: the last acknowledgement after {:.2} s, {lost} lost", last.as_secs_f32());
}

#[test]
#[ignore = "needs Redis: tests/run servers"]
fn without_its_replica_a_master_goes_on() {
    let mut shop = Shop::watched();
    let writer = shop.writer(None, 0);
    let killed = Instant::now();
    shop.world.kill(&[ONE]);
    shop.until_written(&writer, 300);
    assert!(!is_guarded(&shop.world, ZERO));
    let acks = writer.acks();
    let gap = longest_gap(&acks);
    println!("Redis, replica killed: {:.2} s without an acknowledgement", gap.as_secs_f32());
    assert!(gap < Duration::from_secs(3), "{gap:?}");
    assert!(after(&acks, killed) > 0);
    shop.world.start(&[ONE]);
    shop.until_guarded(ZERO);
    // One that hangs.
    shop.world.signal_all(ONE, "STOP");
    shop.world.until("not guarded", |world| !is_guarded(world, ZERO));
    shop.until_written(&writer, 100);
    shop.world.signal_all(ONE, "CONT");
    shop.until_guarded(ZERO);
    let acks = writer.finish();
    println!("Redis, replica hung: {:.2} s without an acknowledgement", longest_gap(&acks).as_secs_f32());
    assert_eq!(shop.lost(ZERO, &acks), [0; 0]);
    assert_eq!(shop.world.api().led("redis-master"), ZERO);
}

/// HA.md, rule 2: what was acknowledged while a replica was away is not lost by promoting it.
#[test]
#[ignore = "needs Redis: tests/run servers"]
fn a_replica_that_missed_something_is_not_promoted() {
    let mut shop = Shop::watched();
    let writer = shop.writer(None, 0);
    shop.world.kill(&[ONE]);
    shop.until_written(&writer, 200);
    shop.world.kill(&[ZERO]);
    shop.world.start(&[ONE]);
    shop.world.until("it answers", |world| info(world, ONE, "role") == "slave");
    let end = Instant::now() + Duration::from_secs(12);
    while Instant::now() < end {
        assert_eq!(info(&shop.world, ONE, "role"), "slave");
        sleep(Duration::from_millis(200));
    }
    shop.world.start(&[ZERO]);
    shop.world.until("in sync", |world| in_sync(world, ZERO, ONE));
    shop.until_written(&writer, 50);
    assert_eq!(shop.lost(ZERO, &writer.finish()), [0; 0]);
    assert_eq!(shop.world.api().led("redis-master"), ZERO);
}

#[test]
#[ignore = "needs Redis: tests/run servers"]
fn a_service_that_leads_elsewhere_is_moved() {
    let mut shop = Shop::new();
    let elsewhere = json!({"spec": {"selector": {"statefulset.kubernetes.io/pod-name": ONE}}});
    shop.world.api().patch("v1", "Service", "redis-master", &elsewhere);
    shop.world.api().patch("v1", "ConfigMap", "keyboss-config", &json!({"data": {"REDIS_MASTER": "redis-1.redis"}}));
    shop.world.start_watchdog("watchdog-0", &DEFAULTS);
    shop.until_led(ZERO);
    // And later.
    shop.world.api().patch("v1", "Service", "redis-master", &elsewhere);
    shop.until_led(ZERO);
    assert!(shop.world.log("watchdog-0").contains("redis-master leads to it again"));
}

/// A failover that nobody followed: the next leader does, and a master beside the chosen one is demoted.
#[test]
#[ignore = "needs Redis: tests/run servers"]
fn what_happened_without_a_watchdog_is_made_good() {
    let mut shop = Shop::new();
    shop.world.kill(&[ZERO]);
    shop.world.until("promoted", |world| info(world, ONE, "role") == "master");
    watching_alone(&mut shop.world);
    shop.world.start(&[ZERO]);
    shop.world.until("in sync", |world| in_sync(world, ONE, ZERO));
    redis(&shop.world, ZERO, "replicaof no one");
    shop.world.start_watchdog("watchdog-0", &DEFAULTS);
    shop.until_led(ONE);
    shop.world.until("in sync", |world| in_sync(world, ONE, ZERO));
    shop.until_guarded(ONE);
}

fn watching_alone(world: &mut World) {
    world.until("the Sentinels agree", |world| {
        SENTINELS.iter().all(|sentinel| {
            redis(world, sentinel, "-p 26379 sentinel get-master-addr-by-name keyboss").starts_with("redis-1.redis")
        })
    });
}

#[test]
#[ignore = "needs Redis: tests/run servers"]
fn a_planned_switchover_loses_nothing() {
    let mut shop = Shop::watched();
    let (writer, stale) = (shop.writer(None, 0), shop.writer(Some(ZERO), 1_000_000));
    shop.request();
    shop.until_answered();
    shop.until_led(ONE);
    shop.world.until("in sync", |world| in_sync(world, ONE, ZERO));
    shop.until_guarded(ONE);
    shop.until_written(&writer, 50);
    let (acks, stale) = (writer.finish(), stale.finish());
    println!("Redis, switchover: {:.2} s without an acknowledgement", longest_gap(&acks).as_secs_f32());
    for acks in [&acks, &stale] {
        assert_eq!(shop.lost(ONE, acks), [0; 0]);
    }
    // Without a replica it is refused.
    shop.world.kill(&[ZERO]);
    shop.request();
    shop.until_answered();
    assert!(shop.world.log("watchdog-0").contains("no switchover: "));
    assert_eq!(shop.world.api().led("redis-master"), ONE);
}

#[test]
#[ignore = "needs Redis: tests/run servers"]
fn a_master_that_is_deleted_hands_over_first() {
    let mut shop = Shop::watched();
    let (writer, stale) = (shop.writer(None, 0), shop.writer(Some(ZERO), 1_000_000));
    shop.world.delete(&[ZERO]);
    shop.until_led(ONE);
    shop.until_written(&writer, 50);
    shop.world.start(&[ZERO]);
    shop.world.until("in sync", |world| in_sync(world, ONE, ZERO));
    let (acks, stale) = (writer.finish(), stale.finish());
    println!("Redis, master deleted: {:.2} s without an acknowledgement", longest_gap(&acks).as_secs_f32());
    for acks in [&acks, &stale] {
        assert_eq!(shop.lost(ONE, acks), [0; 0]);
    }
}

/// The API server is away: nobody is moved, and a master without its replica still goes on, while the watchdog leads.
#[test]
#[ignore = "needs Redis: tests/run servers"]
fn while_the_api_server_is_away_healthy_servers_go_on() {
    let mut shop = Shop::watched();
    let writer = shop.writer(None, 0);
    shop.world.isolate("api", true);
    sleep(Duration::from_secs(15));
    shop.world.isolate("api", false);
    shop.until_written(&writer, 100);
    let acks = writer.finish();
    let gap = longest_gap(&acks);
    assert!(gap < Duration::from_secs(1), "{gap:?}");
    assert_eq!(shop.lost(ZERO, &acks), [0; 0]);
    // The next leader knows what to do.
    shop.world.kill(&[ZERO]);
    shop.until_led(ONE);
}
