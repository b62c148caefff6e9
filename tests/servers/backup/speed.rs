//! How long a dump, a restore and a check of a dump take beside plain `pg_dump | gzip` and `gunzip | psql`, as a table.

use std::env;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{BACKUP, TABLES, VERIFY, newest};
use crate::failover::compare::spread;
use crate::pods::World;
use crate::postgres::{ONE, ZERO, installed, sql, streams};

/// A row of [`fill`] in its table and the index.
const ROW: u32 = 341;
/// The server that backup.sh asks too: the standby.
const PLAIN_DUMP: &str = "PGHOST=postgres-1.postgres pg_dump --format=plain | gzip >plain.gz";
const PLAIN_RESTORE: &str = "psql -Xqd postgres -c 'CREATE DATABASE beside TEMPLATE template0' &&
    gunzip <plain.gz | psql -Xqd beside -v ON_ERROR_STOP=1 >/dev/null";

/// Tables of mixed text: numbers, words and what cannot be packed.
fn fill(world: &World, mib: u32) {
    let rows = u64::from(mib) * 1024 * 1024 / u64::from(TABLES * ROW);
    let tables = format!(
        "DO $$ BEGIN FOR n IN 1..{TABLES} LOOP
           EXECUTE format('CREATE TABLE shop_%s AS SELECT i, md5(i::text) AS slug, now() - i * interval ''7 min'' AS at,
             (i %% 9973) / 100.0 AS price, format(''%%s %%s, %%s in %%s: %%s'', w[1 + i %% 7], w[1 + i %% 11],
             w[1 + i %% 5], w[1 + i %% 13], repeat(w[1 + i %% 12] || '' and '' || w[1 + i %% 8] || '' '', 6)) AS text,
             md5(random()::text) || md5(random()::text) AS token
             FROM generate_series(1, {rows}) i, (SELECT string_to_array(''shirt apple juice green large cotton paint '' ||
             ''monospace hoodie black cushion bean carrot'', '' '') AS w) words', n);
           EXECUTE format('ALTER TABLE shop_%s ADD PRIMARY KEY (i), OWNER TO saleor', n);
         END LOOP; END $$"
    );
    sql(world, ZERO, &tables);
    sql(world, ZERO, "ALTER TABLE sale OWNER TO saleor");
}

/// How long a Job's container takes, from its start to its end. A checkpoint before it spares it that of others.
fn time(world: &mut World, pod: &str, command: &[&str]) -> Duration {
    for server in [ZERO, ONE] {
        sql(world, server, "CHECKPOINT");
    }
    let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
    let began = Instant::now();
    assert!(world.run_job_as(pod, &command), "{command:?}: {}", world.log(pod));
    began.elapsed()
}

fn plain(world: &mut World, pipe: &str) -> Duration {
    time(world, BACKUP, &["bash", "-euo", "pipefail", "-c", &format!("cd /backup && {pipe}")])
}

/// Drops the database that was restored, and waits for the standby.
fn drop_beside(world: &mut World) {
    sql(world, ZERO, "DROP DATABASE beside WITH (FORCE)");
    world.until("the standby streams", |world| {
        streams(world, ZERO, ONE) && sql(world, ONE, "SELECT count(*) FROM pg_database WHERE datname = 'beside'") == "0"
    });
}

/// How long each takes.
#[derive(Default)]
struct Times {
    dump: Vec<Duration>,
    restore: Vec<Duration>,
}

fn mib(file: &Path) -> f64 {
    f64::from(u32::try_from(fs::metadata(file).unwrap().len() / 1024).unwrap()) / 1024.0
}

fn number(variable: &str, otherwise: u32) -> u32 {
    env::var(variable).map_or(otherwise, |value| value.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// A line of the table: medians, the shortest and the longest, and how many times as long.
fn line(what: &str, ours: &[Duration], plain: &[Duration]) -> String {
    let [ours, plain] = [ours, plain].map(|times| spread(times.iter().copied()).expect("at least one run"));
    let show = |[min, median, max]: [f32; 3]| format!("{median:.2} ({min:.2}-{max:.2})");
    format!("| {what} | {} s | {} s | {:.2} |", show(ours), show(plain), ours[1] / plain[1])
}

#[test]
#[ignore = "takes minutes: tests/servers/backups"]
fn beside_plain_dumps() {
    let (runs, size) = (number("RUNS", 1), number("MIB", 20));
    let mut world = installed();
    world.lead("postgres-primary", ZERO);
    [BACKUP, VERIFY].iter().for_each(|pod| world.add(pod, pod));
    fill(&world, size);
    sql(&world, ZERO, "VACUUM ANALYZE");
    let bytes = sql(&world, ZERO, "SELECT pg_database_size('saleor') / 1024 / 1024");
    let end = sql(&world, ZERO, "SELECT pg_current_wal_lsn()");
    world.until("the standby has it all", |world| {
        sql(world, ONE, &format!("SELECT pg_last_wal_replay_lsn() >= '{end}'")) == "t"
    });
    let (mut ours, mut others, mut checks) = (Times::default(), Times::default(), Vec::new());
    for run in 1..=runs {
        // Who is first takes turns.
        for turn in [run, run + 1] {
            if turn % 2 == 1 {
                world.clear_log(BACKUP);
                ours.dump.push(time(&mut world, BACKUP, &["bash", "/scripts/backup.sh"]));
                assert!(world.log(BACKUP).contains("tables, from postgres-1.postgres"), "{}", world.log(BACKUP));
                let name = newest(&world, ".json").file_stem().unwrap().to_str().unwrap().to_owned();
                ours.restore.push(time(&mut world, BACKUP, &["bash", "/scripts/restore.sh", &name, "beside"]));
                drop_beside(&mut world);
                checks.push(time(&mut world, VERIFY, &["bash", "/scripts/verify.sh"]));
            } else {
                others.dump.push(plain(&mut world, PLAIN_DUMP));
                others.restore.push(plain(&mut world, PLAIN_RESTORE));
                drop_beside(&mut world);
            }
        }
        eprintln!("run {run} of {runs}: done");
    }
    let [whole, raw] =
        [newest(&world, ".sql.gz"), world.volume(BACKUP, "backup").join("plain.gz")].map(|file| mib(&file));
    println!(
        "| database of {bytes} MiB, {} tables, {runs} runs: median (min-max) | keyboss | plain | ratio |",
        TABLES + 1
    );
    println!("|---|---|---|---|");
    println!("{}", line("dump: backup.sh with its manifest, `pg_dump \\| gzip`", &ours.dump, &others.dump));
    println!("{}", line("restore beside: restore.sh, `gunzip \\| psql`", &ours.restore, &others.restore));
    println!("{}", line("check: verify.sh, `gunzip \\| psql`", &checks, &others.restore));
    println!("| size of the dump | {whole:.1} MiB | {raw:.1} MiB | {:.2} |", whole / raw);
}
