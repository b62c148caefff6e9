//! Backups, restores and exchanges of databases while clients write: a dump is of one moment, and no acknowledged commit is
//! lost but those in a database that is given up.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use super::{BACKUP, VERIFY, newest, shop, succeeds};
use crate::failover::writer::{Ack, Writer, lost};
use crate::pods::World;
use crate::postgres::{ONE, ZERO, sql};

const WRITERS: i64 = 4;
/// The writer of a row is the row divided by it.
const ROWS: i64 = 1_000_000;
/// So many commits of each writer show that it writes.
const SOME: usize = 20;
const NONE: [i64; 0] = [];

/// A bill and its entry, with the balances of the writer and of the shop. Between the two rows others commit.
fn bill(id: i64) -> String {
    let (amount, writer) = (id % 97 + 1, id / ROWS);
    format!(
        "BEGIN; INSERT INTO bill VALUES ({id}, {amount}); SELECT pg_sleep(0.002);
         INSERT INTO entry VALUES ({id}, {amount});
         UPDATE account SET balance = balance + {amount} WHERE writer IN (0, {writer}); COMMIT"
    )
}

/// What every transaction upholds, between three tables.
fn is_consistent(world: &World, database: &str) -> bool {
    let rule = format!(
        "SELECT NOT EXISTS (SELECT FROM bill b FULL JOIN entry e USING (id) WHERE b.amount IS DISTINCT FROM e.amount)
           AND NOT EXISTS (SELECT FROM account a WHERE balance <>
             (SELECT coalesce(sum(amount), 0) FROM entry WHERE a.writer IN (0, id / {ROWS})))"
    );
    ask(world, database, &rule) == "t"
}

fn bills(world: &World, database: &str) -> BTreeSet<i64> {
    let ids = ask(world, database, "SELECT string_agg(id::text, ' ') FROM bill");
    ids.split_whitespace().map(|id| id.parse().unwrap()).collect()
}

fn ask(world: &World, database: &str, statement: &str) -> String {
    world.ask(ZERO, &["psql", "-XAtq", "-U", "postgres", "-d", database, "-c", statement])
}

/// Some that write to the shop's database, and connect again when they are refused.
struct Crowd(Vec<Writer>);

impl Crowd {
    fn start(world: &mut World) -> Self {
        world.add("client", "");
        let begin = |number: i64| {
            let leads = Arc::new(|| ZERO.to_owned());
            Writer::committing(world.sandbox("client"), leads, world.addresses("postgres"), number * ROWS, bill)
        };
        let crowd = Self((1..=WRITERS).map(begin).collect());
        crowd.until_written(world);
        crowd
    }

    /// Each has committed more.
    fn until_written(&self, world: &mut World) {
        let counts: Vec<usize> = self.0.iter().map(|writer| writer.acks().len() + SOME).collect();
        world
            .until("all have written", |_| self.0.iter().zip(&counts).all(|(each, count)| each.acks().len() >= *count));
    }

    fn acks(&self) -> Vec<Ack> {
        self.0.iter().flat_map(Writer::acks).collect()
    }

    fn finish(self) -> Vec<Ack> {
        self.0.into_iter().flat_map(Writer::finish).collect()
    }
}

/// Runs one of the scripts beside the writers, each of which commits before it and after it: when it began and ended.
fn script(world: &mut World, crowd: &Crowd, words: &[&str]) -> (Instant, Instant) {
    let path = format!("/scripts/{}", words[0]);
    let command: Vec<String> = ["bash", &path].iter().chain(&words[1..]).map(|word| (*word).to_owned()).collect();
    let began = Instant::now();
    assert!(world.run_job_as(BACKUP, &command), "{words:?}: {}", world.log(BACKUP));
    let ended = Instant::now();
    crowd.until_written(world);
    (began, ended)
}

/// Dumps and restores beside the shop's database: the copy's bills, which are those of one moment during the dump.
fn copied(world: &mut World, crowd: &Crowd, source: &str) -> BTreeSet<i64> {
    world.clear_log(BACKUP);
    let (began, ended) = script(world, crowd, &["backup.sh"]);
    assert!(world.log(BACKUP).contains(&format!("144 tables, from {source}")), "{}", world.log(BACKUP));
    let dump = newest(world, ".json").file_stem().unwrap().to_str().unwrap().to_owned();
    script(world, crowd, &["restore.sh", &dump, "old_shop"]);
    succeeds(world, VERIFY, "is whole: 144 tables");

    assert!(is_consistent(world, "old_shop"));
    let copy = bills(world, "old_shop");
    let acks = crowd.acks();
    let during = acks.iter().filter(|ack| ack.at > began && ack.at < ended).count();
    assert!(during > SOME, "{during} commits while the dump was written");
    let is_copied = |ack: &&Ack| copy.contains(&ack.id);
    let late: Vec<&Ack> = acks.iter().filter(|ack| ack.at > ended).filter(is_copied).collect();
    assert!(late.is_empty(), "{late:?} came after the dump");
    let before: Vec<Ack> = acks.iter().filter(|ack| ack.at < began).cloned().collect();
    assert_eq!(lost(&before, &copy), NONE, "came before the dump");
    for writer in 1..=WRITERS {
        // One commit of a writer is there only with all that it was acknowledged before.
        let last = *copy.range(..(writer + 1) * ROWS).next_back().unwrap();
        let until: Vec<Ack> = acks.iter().filter(|ack| ack.id / ROWS == writer && ack.id <= last).cloned().collect();
        assert_eq!(lost(&until, &copy), NONE, "writer {writer}, until {last}");
    }
    copy
}

/// The ranges of a writer's rows, as the first and the last one; None of none.
fn range(bills: &BTreeSet<i64>, writer: i64) -> Option<(i64, i64)> {
    let mut own = bills.range(writer * ROWS..(writer + 1) * ROWS);
    let first = *own.next()?;
    Some((first, own.next_back().copied().unwrap_or(first)))
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn writers_lose_nothing_to_a_dump_a_restore_and_exchanges_of_databases() {
    let mut world = shop();
    sql(
        &world,
        ZERO,
        &format!(
            "CREATE TABLE bill (id bigint PRIMARY KEY, amount int); CREATE TABLE entry (id bigint PRIMARY KEY, amount int);
             CREATE TABLE account AS SELECT writer, 0 AS balance FROM generate_series(0, {WRITERS}) writer;
             ALTER TABLE bill OWNER TO saleor; ALTER TABLE entry OWNER TO saleor; ALTER TABLE account OWNER TO saleor"
        ),
    );
    let crowd = Crowd::start(&mut world);
    copied(&mut world, &crowd, "postgres-1.postgres");
    script(&mut world, &crowd, &["swap.sh", "clear", "old_shop"]);
    world.kill(&[ONE]);
    let copy = copied(&mut world, &crowd, "postgres-primary");
    let all = bills(&world, "saleor");
    assert!(is_consistent(&world, "saleor"));

    // In the place of the shop's: the copy, and what was written since then.
    let (forward, exchanged) = script(&mut world, &crowd, &["swap.sh", "forward", "old_shop"]);
    let replaced = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'saleor_replaced'";
    assert_eq!(sql(&world, ZERO, replaced), "0");
    assert_eq!(ask(&world, "saleor_replaced", "SELECT 1"), "", "it is closed");
    let known = crowd.acks();
    let restored = bills(&world, "saleor");
    assert!(is_consistent(&world, "saleor"));
    assert!(restored.is_superset(&copy), "the copy is there");
    let since: BTreeSet<i64> = restored.difference(&copy).copied().collect();
    let first_since = |writer| range(&since, writer).expect("each writes since").0;
    let old: Vec<i64> = known.iter().filter(|ack| ack.at < forward).map(|ack| ack.id).collect();
    assert!(
        old.iter().all(|id| *id < first_since(id / ROWS)),
        "what was written before the exchange is not in the copy"
    );
    let new: Vec<Ack> = known.iter().filter(|ack| ack.at > exchanged).cloned().collect();
    assert_eq!(lost(&new, &since), NONE, "what was written since the exchange");

    // Back: what was written before the exchange, and what is written now. What the copy was given is given up with it.
    let (_, back) = script(&mut world, &crowd, &["swap.sh", "back", "old_shop"]);
    assert_eq!(ask(&world, "postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE '%old%'"), "0");
    let acks = crowd.finish();
    let present = bills(&world, "saleor");
    assert!(is_consistent(&world, "saleor"));
    assert!(present.is_superset(&all) && present.is_disjoint(&since));
    let known: Vec<Ack> = known.into_iter().filter(|ack| !since.contains(&ack.id)).collect();
    assert_eq!(lost(&known, &present), NONE, "acknowledged before the exchange");
    let kept: Vec<Ack> = acks.iter().filter(|ack| ack.at > back).cloned().collect();
    assert!(kept.len() >= SOME);
    assert_eq!(lost(&kept, &present), NONE, "acknowledged after back");
    // Each writer wrote to the one, the other, and the one again.
    let given_up: BTreeSet<i64> = lost(&acks, &present).into_iter().collect();
    for writer in 1..=WRITERS {
        let (first, last) = range(&given_up, writer).expect("each writes to the copy");
        assert_eq!(first, first_since(writer));
        assert_eq!(present.range(first..=last).next(), None, "writer {writer}: both were the shop's at once");
    }
}
