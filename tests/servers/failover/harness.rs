//! What the failover tests stand on does what they take it for.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use serde_json::json;

use super::shop::{pinned, service};
use super::writer::{Writer, longest_gap, lost, overlap, reigns};
use crate::pods::{POSTGRES_PASSWORD, World};
use crate::postgres::{installed_in, is_primary, is_standby, sql};

const ZERO: &str = "postgres-0";
const ONE: &str = "postgres-1";
const WATCHDOGS: [&str; 2] = ["watchdog-0", "watchdog-1"];

/// Two servers, without a watchdog.
fn served() -> World {
    let world = installed_in(World::serve_api);
    sql(&world, ZERO, "CREATE TABLE ack (id bigint PRIMARY KEY); GRANT ALL ON ack TO saleor");
    world
}

fn writer(world: &World, pod: Option<&str>, first: i64) -> Writer {
    let leads = pod.map_or_else(|| service(world), pinned);
    Writer::start(world.sandbox("client"), leads, world.addresses("postgres"), first)
}

fn leads(world: &World, watchdog: &str) -> bool {
    world.metrics(watchdog).contains("keyboss_watchdog_leader 1")
}

/// Waits for a number of commits that is greater by `more`.
fn until_written(world: &mut World, writer: &Writer, more: usize) {
    let count = writer.acks().len() + more;
    world.until(&format!("{more} more rows"), |_| writer.acks().len() >= count);
}

/// Asks a server from another's container, as psql does: its errors where there is no answer, and how long it took.
fn ask(world: &World, from: &str, to: &str) -> (String, Duration) {
    let began = Instant::now();
    let password = format!("PGPASSWORD={POSTGRES_PASSWORD}");
    let address = format!("host={to}.postgres user=saleor dbname=saleor connect_timeout=5");
    let output = world.exec(from, &["env", &password, "psql", "-XAtq", &address, "-c", "SELECT 'answer'"]);
    (String::from_utf8([output.stdout, output.stderr].concat()).unwrap(), began.elapsed())
}

fn assert_answers(world: &World, from: &str, to: &str) {
    let (told, _) = ask(world, from, to);
    assert!(told.starts_with("answer\n"), "{told}");
}

/// No answer, and no refusal either.
fn assert_silent(world: &World, from: &str, to: &str) {
    let (told, took) = ask(world, from, to);
    assert!(told.contains("timeout expired") && took > Duration::from_secs(4), "{told}after {took:?}");
}

/// Has a pod's kernel forget what it found out about its neighbours.
fn forget(world: &World, pod: &str) {
    let mut command = Command::new("nsenter");
    command.args(["--net", "--target", &world.sandbox(pod).to_string(), "ip", "neigh", "flush", "dev", "eth0"]);
    assert!(command.status().unwrap().success());
}

#[test]
#[ignore = "needs root: tests/run servers"]
fn a_watchdog_leads() {
    let mut world = World::new(&[], &[]);
    world.serve_api();
    WATCHDOGS.iter().for_each(|name| world.start_watchdog(name, &[]));
    world.until("somebody leads", |world| WATCHDOGS.iter().any(|name| leads(world, name)));
    world.until("both answer", |world| WATCHDOGS.iter().all(|name| !world.metrics(name).is_empty()));
    sleep(Duration::from_secs(3));
    let [leading, waiting] = if leads(&world, WATCHDOGS[0]) { WATCHDOGS } else { [WATCHDOGS[1], WATCHDOGS[0]] };
    assert_eq!(world.api().leader(), leading);
    assert!(!leads(&world, waiting), "both lead");

    let began = Instant::now();
    world.signal_watchdog(leading, "KILL");
    world.until("the other leads", |world| world.api().leader() == waiting && leads(world, waiting));
    let killed = began.elapsed();
    // Not before the Lease of the one that is gone has run out.
    assert!((Duration::from_secs(3)..Duration::from_secs(12)).contains(&killed), "{killed:?}");

    world.start_watchdog(leading, &[]);
    world.until("both answer", |world| !world.metrics(leading).is_empty());
    let began = Instant::now();
    world.signal_watchdog(waiting, "TERM");
    assert!(world.log(waiting).contains("hands the lead over"));
    world.until("the first leads again", |world| world.api().leader() == leading && leads(world, leading));
    let handed = began.elapsed();
    assert!(handed < Duration::from_secs(4), "{handed:?}");
    println!("the lead: {:.1} s after kill -9, {:.1} s after SIGTERM", killed.as_secs_f32(), handed.as_secs_f32());
}

#[test]
#[ignore = "needs root: tests/run servers"]
fn a_hung_watchdog_is_replaced() {
    let mut world = World::new(&[], &[]);
    world.serve_api();
    world.start_watchdog(WATCHDOGS[0], &[]);
    world.until("it leads", |world| leads(world, WATCHDOGS[0]));
    world.start_watchdog(WATCHDOGS[1], &[]);
    world.signal_watchdog(WATCHDOGS[0], "STOP");
    world.until("the other leads", |world| leads(world, WATCHDOGS[1]));
    world.signal_watchdog(WATCHDOGS[0], "CONT");
    world.until("it knows", |world| world.metrics(WATCHDOGS[0]).contains("keyboss_watchdog_leader 0"));
    assert_eq!(world.api().leader(), WATCHDOGS[1]);
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn the_writer_follows_the_service() {
    let mut world = served();
    let writers = [writer(&world, None, 0), writer(&world, Some(ZERO), 1_000_000)];
    until_written(&mut world, &writers[0], 1);
    sleep(Duration::from_secs(2));
    let acks = writers[0].acks();
    assert!(acks.len() > 20, "{}", acks.len());
    assert!(longest_gap(&acks) < Duration::from_secs(1), "{:?}", longest_gap(&acks));
    assert_eq!(reigns(&acks), [ZERO]);

    let leads = |pod: &str| json!({"spec": {"selector": {"statefulset.kubernetes.io/pod-name": pod}}});
    world.api().patch("v1", "Service", "postgres-primary", &leads(ONE));
    assert_eq!(world.api().led("postgres-primary"), ONE);
    // A standby acknowledges nothing.
    sleep(Duration::from_secs(2));
    let count = writers[0].acks().len();
    sleep(Duration::from_secs(1));
    assert_eq!(writers[0].acks().len(), count);

    // Both are primary now, because the old one's entrypoint is kept from seeing it: a split brain, which is noticed.
    world.signal(ZERO, "STOP");
    sql(&world, ONE, "SELECT pg_promote()");
    until_written(&mut world, &writers[0], 20);
    until_written(&mut world, &writers[1], 20);
    let [followed, pinned] = writers.map(Writer::finish);
    world.signal(ZERO, "CONT");
    world.until_logged(ZERO, "postgres-1 is primary, on a later timeline: stopping");
    assert_eq!(reigns(&followed), [ZERO, ONE]);
    assert!(overlap(&followed).is_empty());
    let all = [followed, pinned].concat();
    assert!(!overlap(&all).is_empty());
    let rows = sql(&world, ONE, "SELECT string_agg(id::text, ' ') FROM ack");
    let present: BTreeSet<i64> = rows.split(' ').map(|id| id.parse().unwrap()).collect();
    let lost = lost(&all, &present);
    assert!(!lost.is_empty() && lost.iter().all(|id| *id > 1_000_000), "{lost:?}");
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn a_partition_is_silent_and_heals() {
    let mut world = served();
    let writer = writer(&world, None, 0);
    until_written(&mut world, &writer, 1);
    assert_answers(&world, ONE, ZERO);
    world.isolate(ZERO, true);
    // As after some time: a kernel that has to ask where a silent neighbour is fails after 3 s, by itself.
    [ZERO, ONE].iter().for_each(|pod| forget(&world, pod));
    assert_silent(&world, ONE, ZERO);
    assert_silent(&world, ZERO, ONE);
    let last = writer.acks().last().unwrap().at;
    assert!(last.elapsed() > Duration::from_secs(8), "{:?}", last.elapsed());
    world.isolate(ZERO, false);
    assert_answers(&world, ONE, ZERO);
    until_written(&mut world, &writer, 20);

    world.cut(ONE, ZERO, true);
    assert_silent(&world, ONE, ZERO);
    assert_silent(&world, ZERO, ONE);
    until_written(&mut world, &writer, 20);
    world.cut(ONE, ZERO, false);
    assert_answers(&world, ONE, ZERO);
    assert_eq!(reigns(&writer.finish()), [ZERO]);
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn a_container_hangs_with_all_its_processes() {
    let mut world = served();
    let writer = writer(&world, None, 0);
    until_written(&mut world, &writer, 1);
    world.signal_all(ZERO, "STOP");
    sleep(Duration::from_secs(2));
    let count = writer.acks().len();
    // The kernel takes the connection, and nobody answers.
    assert_silent(&world, ONE, ZERO);
    assert_eq!(writer.acks().len(), count);
    world.signal_all(ZERO, "CONT");
    until_written(&mut world, &writer, 20);
    assert!(is_primary(&world, ZERO));
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn the_api_server_knows_the_pods() {
    let mut world = served();
    let api = Arc::clone(world.api());
    let pod = |path: &str| api.get("v1", "Pod", ZERO).pointer(path).cloned().unwrap_or_default();
    let state = "/status/containerStatuses/0/state";
    assert_eq!(pod("/status/podIP"), json!(world.addresses("postgres")[0].1));
    assert!(!pod(&format!("{state}/running")).is_null());
    let first = pod("/metadata/uid");

    world.kill(&[ZERO]);
    assert!(!pod(&format!("{state}/terminated")).is_null());
    assert_eq!(pod("/status/conditions/0/status"), "False");
    // A container reads at its start what the API server has then: the record makes the other one primary.
    let patch = json!({"data": {"POSTGRES_HOST": "postgres-1.postgres"}});
    api.patch("v1", "ConfigMap", "keyboss-config", &patch);
    world.delete(&[ONE]);
    world.start(&[ONE]);
    world.until_ready(&[ONE]);
    assert!(is_primary(&world, ONE));
    world.start(&[ZERO]);
    world.until_ready(&[ZERO]);
    assert!(is_standby(&world, ZERO));
    assert!(!pod(&format!("{state}/running")).is_null());
    assert_eq!(pod("/status/containerStatuses/0/restartCount"), 1);

    let watched = Arc::clone(world.api());
    let seen = spawn(move || {
        loop {
            let pod = watched.get("v1", "Pod", ZERO);
            if pod.is_null() || !pod["metadata"]["deletionTimestamp"].is_null() {
                return !pod.is_null();
            }
            sleep(Duration::from_millis(1));
        }
    });
    world.delete(&[ZERO]);
    assert!(seen.join().unwrap(), "its deletion is seen before it is gone");
    assert!(pod("/metadata").is_null());
    world.start(&[ZERO]);
    assert_ne!(pod("/metadata/uid"), first);
    assert_eq!(pod("/status/containerStatuses/0/restartCount"), 0);
}
