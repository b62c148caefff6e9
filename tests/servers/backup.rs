//! The daily dump of real servers: it says what is in it, it can be restored, and what goes wrong with one costs no other.

mod speed;
mod writers;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::pods::World;
use crate::postgres::{ONE, ZERO, installed, sql, streams};

pub const BACKUP: &str = "postgres-backup";
pub const VERIFY: &str = "postgres-verify";
/// So many tables as Saleor has.
const TABLES: u32 = 140;

/// A shop with data in every table, and room for backups.
pub fn shop() -> World {
    let mut world = installed();
    world.lead("postgres-primary", ZERO);
    [BACKUP, VERIFY].iter().for_each(|pod| world.add(pod, pod));
    let tables = format!(
        "DO $$ BEGIN FOR n IN 1..{TABLES} LOOP
           EXECUTE format('CREATE TABLE shop_%s AS SELECT i, md5(i::text) AS name FROM generate_series(1, %s) i', n, n * 10);
           EXECUTE format('ALTER TABLE shop_%s ADD PRIMARY KEY (i), OWNER TO saleor', n);
         END LOOP; END $$"
    );
    sql(&world, ZERO, &tables);
    sql(&world, ZERO, "ALTER TABLE sale OWNER TO saleor");
    world.until("the standby streams", |world| streams(world, ZERO, ONE));
    world
}

/// The names of the volume's files, hidden ones too, but for the lock.
fn files(world: &World) -> Vec<String> {
    let all = fs::read_dir(world.volume(BACKUP, "backup")).unwrap();
    let names = all.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != ".lock").collect();
    names.sort();
    names
}

/// The newest file that ends so.
fn newest(world: &World, end: &str) -> PathBuf {
    let name = files(world).into_iter().rfind(|name| name.ends_with(end)).unwrap();
    world.volume(BACKUP, "backup").join(name)
}

fn manifest(world: &World) -> Value {
    serde_json::from_str(&fs::read_to_string(newest(world, ".json")).unwrap()).unwrap()
}

/// Runs one of the two Jobs, which has to fail with these words.
fn fails(world: &mut World, job: &str, words: &str) {
    world.clear_log(job);
    assert!(!world.run_job(job), "{}", world.log(job));
    assert!(world.log(job).contains(words), "{words}: {}", world.log(job));
}

pub fn succeeds(world: &mut World, job: &str, words: &str) {
    world.clear_log(job);
    assert!(world.run_job(job), "{}", world.log(job));
    assert!(world.log(job).contains(words), "{words}: {}", world.log(job));
}

/// Every row of every table.
pub fn rows(world: &World) -> Vec<String> {
    rows_of(world, "saleor")
}

pub fn rows_of(world: &World, database: &str) -> Vec<String> {
    let dump = world.ask(ZERO, &["pg_dump", "-U", "postgres", "--data-only", database]);
    // pg_dump draws a word for each dump, against psql's own commands in it.
    let rows = dump.lines().filter(|line| !line.contains("restrict ")).map(str::to_owned).collect::<Vec<_>>();
    assert!(rows.len() > 90_000, "{} lines", rows.len());
    rows
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn a_dump_says_what_is_in_it_and_can_be_restored() {
    let mut world = shop();
    succeeds(&mut world, BACKUP, "141 tables, from postgres-1.postgres");
    let manifest = manifest(&world);
    let tables: BTreeMap<String, u64> = serde_json::from_value(manifest["tables"].clone()).unwrap();
    assert_eq!((tables.len(), tables["public.sale"], tables["public.shop_140"]), (141, 1, 1400));
    assert_eq!(manifest["bytes"], newest(&world, ".sql.gz").metadata().unwrap().len());
    assert_eq!((&manifest["database"], &manifest["timeline"]), (&"saleor".into(), &1.into()));
    succeeds(&mut world, VERIFY, "is whole: 141 tables");

    // By hand, as the first lines of backup.sh say.
    let before = rows(&world);
    sql(&world, ZERO, "DROP OWNED BY saleor; CREATE SCHEMA IF NOT EXISTS public");
    assert_eq!(sql(&world, ZERO, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
    let dump = Command::new("zcat").arg(newest(&world, ".sql.gz")).output().unwrap().stdout;
    let copied = world.volume(ZERO, "data").join("restored.sql");
    fs::write(&copied, dump).unwrap();
    let file = "/var/lib/postgresql/data/restored.sql";
    let restore = ["psql", "-Xq", "-U", "postgres", "-d", "saleor", "-v", "ON_ERROR_STOP=1", "-1", "-f", file];
    let restored = world.exec(ZERO, &restore);
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    assert!(rows(&world) == before, "a row is lost");

    // Into a database beside the shop's, as the shop's own user.
    let name = newest(&world, ".json").file_stem().unwrap().to_str().unwrap().to_owned();
    let restore = |database: &str| {
        ["env", "PROGRESS_SECONDS=0.02", "bash", "/scripts/restore.sh", &name, database].map(str::to_owned)
    };
    assert!(world.run_job_as(BACKUP, &restore("old_shop")), "{}", world.log(BACKUP));
    let log = world.log(BACKUP);
    assert!(log.contains("database old_shop has 141 tables") && log.contains("bytes are read"), "{log}");
    assert!(rows_of(&world, "old_shop") == before, "a row is lost");
    assert!(!world.run_job_as(BACKUP, &restore("old_shop")));
    assert!(world.log(BACKUP).contains("there is a database old_shop already"), "{}", world.log(BACKUP));

    // A table that was deleted comes back from there, as docs/disaster-recovery.md says.
    sql(&world, ZERO, "DROP TABLE shop_7");
    let copy = "cd /; pg_dump -U postgres -t shop_7 old_shop | psql -U postgres -v ON_ERROR_STOP=1 saleor";
    let copied = world.exec(ZERO, &["sh", "-c", copy]);
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    assert!(rows(&world) == before, "a row is lost");

    // In the shop's place, back, and for good, though a client is connected each time; all of it may be run again.
    let swap = |words: &[&str]| -> Vec<String> {
        [&["bash", "/scripts/swap.sh"], words].concat().into_iter().map(str::to_owned).collect()
    };
    sql(&world, ZERO, "INSERT INTO sale VALUES (2)");
    let sales = |world: &World| sql(world, ZERO, "SELECT count(*) FROM sale");
    for (words, expected) in [
        (&["forward", "old_shop"][..], "1"),
        (&["clear", "old_shop"], "1"),
        (&["back", "old_shop"], "2"),
        (&["back", "old_shop"], "2"),
    ] {
        assert!(world.run_job_as(BACKUP, &swap(words)), "{words:?}: {}", world.log(BACKUP));
        assert_eq!(sales(&world), expected, "{words:?}");
        // What was replaced keeps the next restore from beginning.
        let is_replaced = words[0] != "back";
        assert_eq!(world.run_job_as(BACKUP, &swap(&["check"])), !is_replaced, "{words:?}: {}", world.log(BACKUP));
    }
    assert!(world.run_job_as(BACKUP, &restore("old_shop")), "{}", world.log(BACKUP));
    for words in [&["check"][..], &["forward", "old_shop"], &["done"], &["done"], &["clear", "old_shop"], &["check"]] {
        assert!(world.run_job_as(BACKUP, &swap(words)), "{words:?}: {}", world.log(BACKUP));
    }
    let databases = "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE datallowconn";
    assert_eq!((sales(&world).as_str(), sql(&world, ZERO, databases).as_str()), ("1", "postgres saleor template1"));

    // It tells how far it is.
    let dump = ["env", "PROGRESS_SECONDS=0.02", "bash", "/scripts/backup.sh"].map(str::to_owned);
    assert!(world.run_job_as(BACKUP, &dump) && world.log(BACKUP).contains("bytes of the dump are written"));

    // A dump that was taken in the same second, or before the clock was set back, stays as it is.
    let moments = r"for n in 0 1 2; do date -u -d $n\ seconds +keyboss-%Y%m%dT%H%M%SZ.sql.gz; done";
    let again =
        format!("cd /backup; for name in $({moments}); do echo taken >$name; done; exec bash /scripts/backup.sh");
    assert!(world.run_job_as(BACKUP, &["bash", "-c", &again].map(str::to_owned)), "{}", world.log(BACKUP));
    let is_taken = |name: &&String| fs::read(world.volume(BACKUP, "backup").join(name)).unwrap() == b"taken\n";
    assert_eq!(files(&world).iter().filter(is_taken).count(), 3, "{:?}", files(&world));

    // Without a standby the primary is asked.
    world.kill(&[ONE]);
    succeeds(&mut world, BACKUP, "141 tables, from postgres-primary");
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn what_goes_wrong_with_a_dump_costs_no_other() {
    let mut world = shop();
    fails(&mut world, VERIFY, "there is no backup");
    succeeds(&mut world, BACKUP, "141 tables");
    let first = files(&world);
    let [dump, manifest] = [newest(&world, ".sql.gz"), newest(&world, ".json")];

    // Killed half-way.
    sql(&world, ZERO, "CREATE TABLE noise AS SELECT md5(i::text) FROM generate_series(1, 2000000) i");
    sql(&world, ZERO, "ALTER TABLE noise OWNER TO saleor");
    world.restarts = false;
    world.start(&[BACKUP]);
    world.until("a half of a dump", |world| files(world).iter().any(|name| name.ends_with(".partial")));
    world.kill(&[BACKUP]);
    assert_ne!(files(&world), first);
    sql(&world, ZERO, "DROP TABLE noise");
    succeeds(&mut world, BACKUP, "of a backup that was killed");
    assert_eq!(files(&world).len(), 4, "{:?}", files(&world));
    assert!(first.iter().all(|name| files(&world).contains(name)));
    succeeds(&mut world, VERIFY, "is whole: 141 tables");

    // A restore that ends otherwise than its manifest says, or is broken off, leaves no database behind.
    let databases = "SELECT count(*) FROM pg_database WHERE datname = 'old_shop'";
    let name = newest(&world, ".json").file_stem().unwrap().to_str().unwrap().to_owned();
    let restore = ["bash", "/scripts/restore.sh", &name, "old_shop"].map(str::to_owned);
    let [newest_dump, newest_manifest] = [newest(&world, ".sql.gz"), newest(&world, ".json")];
    let text = fs::read_to_string(&newest_manifest).unwrap();
    fs::write(&newest_manifest, text.replace("\"public.shop_7\":70", "\"public.shop_7\":71")).unwrap();
    assert!(!world.run_job_as(BACKUP, &restore));
    assert!(world.log(BACKUP).contains("old_shop does not hold what the manifest"), "{}", world.log(BACKUP));
    assert_eq!(sql(&world, ZERO, databases), "0");
    fs::write(&newest_manifest, &text).unwrap();

    // The newest is damaged, or not what its manifest says.
    let whole = fs::read(&newest_dump).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    fs::write(&newest_dump, damaged).unwrap();
    fails(&mut world, VERIFY, "is not what was written");
    fs::write(&newest_dump, &whole).unwrap();
    fs::write(&newest_manifest, text.replace("\"public.shop_7\":70", "\"public.shop_7\":71")).unwrap();
    fails(&mut world, VERIFY, "does not hold what its manifest says");
    fs::remove_file(&newest_manifest).unwrap();
    fails(&mut world, VERIFY, "has no manifest");

    // No room for another one.
    world.confine(BACKUP, "backup", 4);
    world.fill(BACKUP, "backup");
    fails(&mut world, BACKUP, "enlarge backup.storage");
    world.relieve(BACKUP, "backup");
    assert!(dump.exists() && manifest.exists());
}
