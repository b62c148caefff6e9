//! The archive of real servers' write-ahead log: any moment of it can be restored, whatever happens to the servers, to the
//! receiver and to the volume, and it is in nobody's way.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::pods::World;
use crate::postgres::{ONE, ZERO, fail_over, installed_in, is_standby, sql, streams};

const ARCHIVE: &str = "postgres-archive";
const AT: &str = "postgres-at";
const VERIFY: &str = "postgres-verify";

/// A shop whose WAL is archived, and has a first base backup.
fn shop() -> World {
    shop_with(&[])
}

fn shop_with(settings: &[&str]) -> World {
    let mut world = installed_in(|world| world.set(&[&["backup.pointInTime.enabled=true"], settings].concat()));
    world.lead("postgres-primary", ZERO);
    [ARCHIVE, AT, VERIFY].iter().for_each(|pod| world.add(pod, pod));
    // So much that a dump of it is no small one.
    sql(&world, ZERO, "CREATE TABLE shop AS SELECT md5(i::text) AS name FROM generate_series(1, 1000) i");
    sql(&world, ZERO, "ALTER TABLE shop OWNER TO saleor; ALTER TABLE sale OWNER TO saleor");
    world.start(&[ARCHIVE]);
    world.until_logged(ARCHIVE, "base backup of");
    world.until_ready(&[ARCHIVE]);
    world
}

/// The moment now, by the primary's clock, after which some time passes.
fn moment(world: &World, primary: &str) -> String {
    sleep(Duration::from_millis(100));
    let now = "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
    let moment = sql(world, primary, now);
    sleep(Duration::from_millis(100));
    assert_eq!(moment.len(), 27, "{moment}");
    moment
}

fn add(world: &World, primary: &str, row: u32) {
    assert_eq!(sql(world, primary, &format!("INSERT INTO sale VALUES ({row}) RETURNING row")), row.to_string());
}

/// The stretches that can be restored.
fn spans(world: &World) -> Vec<Value> {
    let folder = world.volume(ARCHIVE, "archive");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/manifests/6-backup/spans.sh");
    let output = Command::new("bash").arg(script).env("ARCHIVE_DIR", folder).output().unwrap().stdout;
    String::from_utf8(output).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until a moment is archived.
fn archived(world: &mut World, moment: &str) {
    world.until(&format!("{moment} is archived"), |world| {
        spans(world).last().is_some_and(|span| span["until"].as_str().unwrap() > moment)
    });
}

/// Restores a moment, and checks the dump.
fn restores(world: &mut World, moment: &str, rows: &[u32]) {
    world.clear_log(AT);
    assert!(world.run_job_as(AT, &at(moment)), "{}", world.log(AT));
    let folder = world.volume(AT, "backup");
    let mut names: Vec<String> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let manifest = names.iter().rfind(|name| name.ends_with(".json")).unwrap();
    let manifest: Value = serde_json::from_str(&fs::read_to_string(folder.join(manifest)).unwrap()).unwrap();
    assert_eq!(manifest["source"], "archive");
    assert_eq!(manifest["time"], format!("{}Z", &moment[..19]));
    let dump = names.iter().rfind(|name| name.ends_with(".sql.gz")).unwrap();
    let dump = String::from_utf8(Command::new("zcat").arg(folder.join(dump)).output().unwrap().stdout).unwrap();
    let found: Vec<u32> = match dump.split_once("COPY public.sale (\"row\") FROM stdin;\n") {
        Some((_, rest)) => rest.lines().take_while(|line| *line != "\\.").map(|line| line.parse().unwrap()).collect(),
        None => panic!("no table sale: {dump}"),
    };
    assert_eq!(found, rows, "at {moment}: {}", world.log(AT));
    assert!(world.run_job(VERIFY), "{}", world.log(VERIFY));
    sleep(Duration::from_secs(1)); // the dumps' names are seconds
}

fn refused(world: &mut World, moment: &str, words: &str) {
    world.clear_log(AT);
    assert!(!world.run_job_as(AT, &at(moment)), "{}", world.log(AT));
    assert!(world.log(AT).contains(words), "{words}: {}", world.log(AT));
}

fn at(moment: &str) -> [String; 3] {
    ["bash", "/scripts/at.sh", moment].map(str::to_owned)
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn any_moment_is_restored_across_a_failover() {
    let mut world = shop();
    add(&world, ZERO, 2);
    let two = moment(&world, ZERO);
    add(&world, ZERO, 3);
    let three = moment(&world, ZERO);
    // Nothing is written after it.
    archived(&mut world, &three);
    restores(&mut world, &two, &[1, 2]);
    restores(&mut world, &three, &[1, 2, 3]);

    // The receiver is killed half-way and goes on.
    world.kill(&[ARCHIVE]);
    sql(
        &world,
        ZERO,
        "CREATE TABLE noise AS SELECT md5(i::text) FROM generate_series(1, 500000) i; ALTER TABLE noise OWNER TO saleor; SELECT pg_switch_wal()",
    );
    add(&world, ZERO, 4);
    world.start(&[ARCHIVE]);
    let four = moment(&world, ZERO);
    archived(&mut world, &four);

    // It is no standby, by nobody's count.
    let names = "SELECT string_agg(application_name, ' ' ORDER BY application_name) FROM pg_stat_replication WHERE state = 'streaming'";
    assert_eq!(sql(&world, ZERO, names), "postgres-1 postgres-archive");

    fail_over(&mut world, ZERO, ONE);
    world.lead("postgres-primary", ONE);
    add(&world, ONE, 5);
    let five = moment(&world, ONE);
    sql(&world, ONE, "DROP TABLE sale");
    let dropped = moment(&world, ONE);
    archived(&mut world, &dropped);
    assert_eq!(spans(&world).len(), 1, "{:?}\n{}", spans(&world), world.log(ARCHIVE));
    restores(&mut world, &four, &[1, 2, 3, 4]);
    restores(&mut world, &five, &[1, 2, 3, 4, 5]);
    restores(&mut world, &two, &[1, 2]);
    refused(&mut world, "2026-01-01T00:00:00Z", "cannot be restored, but what was there from");
    refused(&mut world, "2999-01-01T00:00:00Z", "cannot be restored, but what was there from");
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn a_gap_is_healed_by_a_new_base_backup() {
    let mut world = shop();
    add(&world, ZERO, 2);
    let two = moment(&world, ZERO);
    archived(&mut world, &two);
    world.kill(&[ARCHIVE]);
    // What a primary does that was away from its archive for too long.
    let wal = world.volume(ZERO, "data").join("pgdata/pg_wal");
    sql(
        &world,
        ZERO,
        "INSERT INTO sale VALUES (3); SELECT pg_switch_wal(); INSERT INTO sale VALUES (4); SELECT pg_switch_wal()",
    );
    sql(&world, ZERO, "INSERT INTO sale VALUES (5); CHECKPOINT");
    world.until("the standby has it", |world| sql(world, ONE, "SELECT count(*) FROM sale") == "5");
    let lost = moment(&world, ZERO);
    let current = sql(&world, ZERO, "SELECT pg_walfile_name(pg_current_wal_lsn())");
    for entry in fs::read_dir(&wal).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.len() == 24 && name < current {
            fs::remove_file(wal.join(name)).unwrap();
        }
    }
    world.clear_log(ARCHIVE);
    world.start(&[ARCHIVE]);
    world.until_logged(ARCHIVE, "a gap: the primary no longer has the WAL that comes next");
    world.until_logged(ARCHIVE, "base backup of");
    add(&world, ZERO, 6);
    let six = moment(&world, ZERO);
    archived(&mut world, &six);
    assert_eq!(spans(&world).len(), 2, "{:?}", spans(&world));
    restores(&mut world, &two, &[1, 2]);
    restores(&mut world, &six, &[1, 2, 3, 4, 5, 6]);
    refused(&mut world, &lost, " and from ");
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn a_full_volume_disturbs_no_primary() {
    let mut world = installed_in(|world| world.set(&["backup.pointInTime.enabled=true", "postgres.storage=512Mi"]));
    world.lead("postgres-primary", ZERO);
    world.add(ARCHIVE, ARCHIVE);
    world.start(&[ARCHIVE]);
    world.until_logged(ARCHIVE, "base backup of");
    world.kill(&[ARCHIVE]);
    world.confine(ARCHIVE, "archive", 100);
    world.start(&[ARCHIVE]);
    world.until_ready(&[ARCHIVE]);
    world.fill(ARCHIVE, "archive");
    for row in 2..12 {
        sql(&world, ZERO, "CREATE TABLE noise AS SELECT md5(i::text) FROM generate_series(1, 200000) i");
        sql(&world, ZERO, "DROP TABLE noise; SELECT pg_switch_wal()");
        add(&world, ZERO, row);
    }
    sql(&world, ZERO, "CHECKPOINT");
    world.until_logged(ARCHIVE, "the receiver ended");
    let kept = sql(&world, ZERO, "SELECT sum(size) / 1024 / 1024 < 200 FROM pg_ls_waldir()");
    assert_eq!(kept, "t");
    assert!(streams(&world, ZERO, ONE) && is_standby(&world, ONE));
    world.relieve(ARCHIVE, "archive");
    world.clear_log(ARCHIVE);
    world.until_logged(ARCHIVE, "receiving");
}

/// The whole segments that are archived.
fn segments(world: &World) -> BTreeSet<String> {
    let run = newest(&world.volume(ARCHIVE, "archive"));
    let names = fs::read_dir(run.join("wal")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| name.trim_end_matches(".gz").to_owned()).filter(|name| name.len() == 24).collect()
}

/// What is in a folder and comes last by its name.
fn newest(folder: &Path) -> PathBuf {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let visible = entries.filter(|path| !path.file_name().unwrap().to_str().unwrap().starts_with('.'));
    visible.max().unwrap()
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn a_new_base_backup_takes_the_place_of_the_oldest() {
    let mut world = shop_with(&["backup.pointInTime.keepBases=1"]);
    add(&world, ZERO, 2);
    sql(&world, ZERO, "SELECT pg_switch_wal()");
    let two = moment(&world, ZERO);
    archived(&mut world, &two);
    restores(&mut world, &two, &[1, 2]);
    let old = segments(&world);
    assert!(!old.is_empty());

    // A day passes for the base backup.
    world.kill(&[ARCHIVE]);
    let base = newest(&newest(&world.volume(ARCHIVE, "archive")).join("bases"));
    fs::rename(&base, base.with_file_name("2026-01-01T00:00:00.000000Z")).unwrap();
    world.clear_log(ARCHIVE);
    world.start(&[ARCHIVE]);
    world.until_logged(ARCHIVE, "removing the base backup of 2026-01-01T00:00:00.000000Z: the 1 newest are kept");
    world.until_ready(&[ARCHIVE]);
    world.until("log from before the new one is gone", |world| old.is_disjoint(&segments(world)));
    add(&world, ZERO, 3);
    let three = moment(&world, ZERO);
    archived(&mut world, &three);
    restores(&mut world, &three, &[1, 2, 3]);
    refused(&mut world, &two, "cannot be restored, but what was there from");
}
