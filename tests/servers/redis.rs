//! Redis: the master is who the Sentinels or the record say, and an empty one never empties its replica.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::pods::World;

/// The pods.
pub const ZERO: &str = "redis-0";
/// The other pod.
pub const ONE: &str = "redis-1";
/// Both.
pub const BOTH: [&str; 2] = [ZERO, ONE];
/// Of which two have to agree.
pub const SENTINELS: [&str; 3] = ["redis-sentinel-0", "redis-sentinel-1", "redis-sentinel-2"];

/// Runs redis-cli in a container.
pub fn redis(world: &World, pod: &str, command: &str) -> String {
    let words: Vec<&str> = ["redis-cli"].into_iter().chain(command.split(' ')).collect();
    world.ask(pod, &words)
}

/// A field of INFO.
pub fn info(world: &World, pod: &str, field: &str) -> String {
    let info = redis(world, pod, "info");
    let line = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

/// Whether the replica has what the master has, on its disk too: until a replica has rewritten its log from a copy, a kill
/// leaves it with what it had before.
pub fn in_sync(world: &World, master: &str, replica: &str) -> bool {
    info(world, master, "role") == "master"
        && info(world, replica, "master_host") == format!("{master}.redis")
        && info(world, replica, "master_link_status") == "up"
        && info(world, replica, "aof_rewrite_in_progress") == "0"
        && info(world, replica, "aof_rewrite_scheduled") == "0"
}

fn installed(sets: &[&str]) -> World {
    let mut world = World::new(sets, &[]);
    world.start(&BOTH);
    world.until_ready(&BOTH);
    world.until("in sync", |world| in_sync(world, ZERO, ONE));
    assert_eq!(redis(&world, ZERO, "set key-1 sold"), "OK");
    world.until("key-1 on the replica", |world| redis(world, ONE, "get key-1") == "sold");
    world
}

fn known_master(world: &World, sentinel: &str) -> String {
    let answer = redis(world, sentinel, "-p 26379 sentinel get-master-addr-by-name keyboss");
    answer.lines().next().unwrap_or_default().to_owned()
}

/// Both servers, and the Sentinels that watch them.
fn watched() -> World {
    let mut world = installed(&["redis", "redis-sentinel"]);
    world.start(&SENTINELS);
    watching(&mut world, ZERO);
    world
}

/// Waits until every Sentinel knows a master, a replica that may be promoted (it asks the master every 10 s) and the
/// other Sentinels.
pub fn watching(world: &mut World, master: &str) {
    world.until("the Sentinels agree", |world| {
        SENTINELS.iter().all(|sentinel| {
            known_master(world, sentinel) == format!("{master}.redis")
                && redis(world, sentinel, "-p 26379 sentinel ckquorum keyboss").starts_with("OK 3 usable")
                && redis(world, sentinel, "-p 26379 sentinel replicas keyboss").contains("slave-priority\n100\n")
        })
    });
}

/// Waits until the Sentinels name a pod and it is master; the other one may be away.
fn promoted(world: &mut World, master: &str) {
    world.until("the Sentinels' master", |world| {
        info(world, master, "role") == "master"
            && SENTINELS.iter().all(|sentinel| known_master(world, sentinel) == format!("{master}.redis"))
    });
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn settings_and_probes() {
    let mut world = installed(&["redis"]);
    world.until("both may be promoted", |world| info(world, ONE, "slave_priority") == "100");
    for pod in BOTH {
        let config = |name: &str| {
            redis(&world, pod, &format!("config get {name}")).lines().nth(1).unwrap_or_default().to_owned()
        };
        assert_eq!(config("appendonly"), "yes");
        assert_eq!(config("maxmemory"), (256 << 20).to_string());
        assert_eq!(config("maxmemory-policy"), "noeviction");
        assert_eq!(config("replica-priority"), "100", "{pod}");
        assert_eq!(config("min-replicas-to-write"), "0");
        assert_eq!(config("min-replicas-max-lag"), "2");
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            assert!(world.passes(pod, probe), "{probe} of {pod}");
        }
    }
    assert!(redis(&world, ONE, "set key-2 sold").contains("READONLY"));
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn every_kill_and_restart_keeps_master_and_keys() {
    let mut world = installed(&["redis"]);
    let mut keys = 1;
    for victims in [&[ZERO][..], &[ONE], &BOTH] {
        for graceful in [true, false] {
            keys += 1;
            assert_eq!(redis(&world, ZERO, &format!("set key-{keys} sold")), "OK");
            if graceful {
                world.delete(victims)
            } else {
                world.kill(victims)
            }
            world.start(victims);
            world.until_ready(&BOTH);
            world.until("in sync", |world| in_sync(world, ZERO, ONE));
            for pod in BOTH {
                world.until("all keys", |world| redis(world, pod, "dbsize") == keys.to_string());
            }
        }
    }
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn a_replica_stops_while_it_writes_its_first_log() {
    let mut world = installed(&["redis"]);
    // A minute for each key.
    assert_eq!(redis(&world, ONE, "config set rdb-key-save-delay 60000000"), "OK");
    redis(&world, ONE, "replicaof no one");
    assert_eq!(redis(&world, ONE, "replicaof redis-0.redis 6379"), "OK");
    world.until("the first log is written", |world| info(world, ONE, "aof_rewrite_in_progress") == "1");
    world.delete(&[ONE]);
    world.start(&[ONE]);
    world.until("in sync", |world| in_sync(world, ZERO, ONE));
    assert_eq!(redis(&world, ONE, "get key-1"), "sold");
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn an_emptied_master_gets_its_keys_back_from_the_replica() {
    let mut world = installed(&["redis"]);
    for round in 0..2 {
        world.kill(&[ZERO]);
        fs::remove_dir_all(world.volume(ZERO, "data")).unwrap();
        if round == 1 {
            // Killed in the middle, and the replica with it.
            world.start(&[ZERO]);
            world.until("copying", |world| world.volume(ZERO, "data").join("copying").exists());
            world.kill(&BOTH);
            world.start(&[ONE]);
        }
        world.start(&[ZERO]);
        let end = Instant::now() + Duration::from_secs(120);
        while !(world.passes(ZERO, "readinessProbe") && in_sync(&world, ZERO, ONE)) {
            let on_replica = redis(&world, ONE, "dbsize");
            assert!(on_replica != "0", "the replica was emptied");
            assert!(Instant::now() < end, "{}{}", world.log(ZERO), world.log(ONE));
            sleep(Duration::from_millis(50));
        }
        for pod in BOTH {
            assert_eq!(redis(&world, pod, "get key-1"), "sold");
        }
        assert!(!world.volume(ZERO, "data").join("copying").exists());
    }
    // The copy is durable: it survives a kill at once.
    world.kill(&BOTH);
    world.start(&BOTH);
    world.until_ready(&BOTH);
    assert_eq!(redis(&world, ZERO, "get key-1"), "sold");
}

/// Whether the Sentinels promote the replica meanwhile or not: both pods have the key in the end, and never neither.
#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn an_emptied_master_empties_nobody_before_the_sentinels_eyes() {
    let mut world = installed(&["redis", "redis-sentinel"]);
    world.start(&SENTINELS);
    let mut master = ZERO;
    watching(&mut world, master);
    for away in [Duration::ZERO, Duration::from_millis(1200), Duration::from_secs(5)] {
        world.kill(&[master]);
        fs::remove_dir_all(world.volume(master, "data")).unwrap();
        sleep(away);
        world.start(&[master]);
        world.until("one master with the key, and its replica in sync", |world| {
            let pair = [(ZERO, ONE), (ONE, ZERO)].into_iter().find(|(master, replica)| {
                SENTINELS.iter().all(|sentinel| known_master(world, sentinel) == format!("{master}.redis"))
                    && in_sync(world, master, replica)
                    && BOTH.iter().all(|pod| world.passes(pod, "readinessProbe"))
            });
            master = pair.map_or(master, |(master, _)| master);
            pair.is_some()
        });
        for pod in BOTH {
            assert_eq!(redis(&world, pod, "get key-1"), "sold", "{pod}, away for {away:?}");
        }
    }
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn an_empty_master_waits_for_a_peer_that_is_away() {
    let mut world = installed(&["redis"]);
    world.kill(&BOTH);
    fs::remove_dir_all(world.volume(ZERO, "data")).unwrap();
    world.start(&[ZERO]);
    world.until_logged(ZERO, "waiting for redis-1.redis, which may hold the data");
    sleep(Duration::from_secs(3));
    assert!(!world.passes(ZERO, "readinessProbe"));
    world.start(&[ONE]);
    world.until_ready(&BOTH);
    world.until("in sync", |world| in_sync(world, ZERO, ONE));
    assert_eq!(redis(&world, ZERO, "get key-1"), "sold");
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn a_replica_that_lost_its_volume_copies() {
    let mut world = installed(&["redis"]);
    world.kill(&[ONE]);
    fs::remove_dir_all(world.volume(ONE, "data")).unwrap();
    world.start(&[ONE]);
    world.until("in sync", |world| in_sync(world, ZERO, ONE) && redis(world, ONE, "get key-1") == "sold");
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn sentinels_agree_and_promote_the_replica() {
    let mut world = World::new(&["redis", "redis-sentinel"], &[]);
    // In any order, the first before there is anything to watch.
    world.start(&["redis-sentinel-2"]);
    world.start(&BOTH);
    world.until_ready(&BOTH);
    world.start(&["redis-sentinel-0", "redis-sentinel-1"]);
    world.until_ready(&SENTINELS);
    watching(&mut world, ZERO);
    assert_eq!(redis(&world, ZERO, "set key-1 sold"), "OK");
    world.until("key-1 on the replica", |world| redis(world, ONE, "get key-1") == "sold");

    // The master is away: its replica is promoted, and it comes back as one, whatever the record says.
    world.kill(&[ZERO]);
    promoted(&mut world, ONE);
    assert_eq!(redis(&world, ONE, "set key-2 sold"), "OK");
    world.start(&[ZERO]);
    world.until_ready(&BOTH);
    world.until("in sync", |world| in_sync(world, ONE, ZERO));
    assert_eq!(redis(&world, ZERO, "get key-1"), "sold");
    assert_eq!(redis(&world, ZERO, "get key-2"), "sold");
    assert!(world.log(ZERO).contains("the Sentinels agree (redis-1.redis)"));

    // One Sentinel after the other is replaced; they still are three, and they tell a new one.
    for sentinel in SENTINELS {
        world.delete(&[sentinel]);
        world.start(&[sentinel]);
        world.until_ready(&[sentinel]);
        watching(&mut world, ONE);
    }
    assert!(world.log("redis-sentinel-0").contains("the master is redis-1.redis, as redis-sentinel-"));
}

/// What a Sentinel may replace meanwhile acknowledges nothing before a replica is attached.
#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn a_restarted_master_waits_for_its_replica() {
    let mut world = watched();
    world.kill(&BOTH);
    world.start(&[ZERO]);
    world.until_ready(&[ZERO]);
    assert!(world.log(ZERO).contains("master: the Sentinels agree"));
    assert!(redis(&world, ZERO, "set key-2 sold").contains("NOREPLICAS"));
    world.start(&[ONE]);
    world.until("a write", |world| redis(world, ZERO, "set key-2 sold") == "OK");
}

/// Whoever enforces NetworkPolicies may not know a new pod's address yet.
#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn sentinels_that_refuse_a_pod_at_first_are_asked_again() {
    let mut world = watched();
    world.kill(&BOTH);
    world.kill(&SENTINELS);
    world.start(&[ZERO]);
    sleep(Duration::from_secs(1));
    // One alone is no majority: the others are waited for.
    world.start(&SENTINELS[..1]);
    sleep(Duration::from_secs(2));
    world.start(&SENTINELS[1..]);
    world.until_ready(&[ZERO]);
    assert!(world.log(ZERO).contains("master: the Sentinels agree"), "{}", world.log(ZERO));
    assert!(redis(&world, ZERO, "set key-2 sold").contains("NOREPLICAS"));
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn a_master_that_is_deleted_hands_over() {
    let mut world = watched();
    world.delete(&[ZERO]);
    assert!(SENTINELS.iter().any(|sentinel| world.log(sentinel).contains("user requested FAILOVER")));
    promoted(&mut world, ONE);
    assert_eq!(redis(&world, ONE, "set key-2 sold"), "OK");
    world.start(&[ZERO]);
    world.until("in sync", |world| in_sync(world, ONE, ZERO) && redis(world, ZERO, "get key-2") == "sold");
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn a_returning_master_follows_the_one_that_took_over() {
    let mut world = installed(&["redis"]);
    // A failover by hand that moved nothing else: the peer is master, with a key that the old one lacks.
    world.kill(&[ZERO]);
    assert_eq!(redis(&world, ONE, "replicaof no one"), "OK");
    assert_eq!(redis(&world, ONE, "set key-2 sold"), "OK");
    world.start(&[ZERO]);
    world.until("in sync", |world| in_sync(world, ONE, ZERO) && redis(world, ZERO, "get key-2") == "sold");
    assert!(world.log(ZERO).contains("it answers as master, with data"));
}
