//! The same faults under the watchdog and under Patroni, one after the other, as a table.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::patroni;
use super::shop::{QUICK, Shop, Writers, is_recorded, service, switch_over};
use super::writer::{Ack, Leads, longest_gap};
use crate::pods::World;
use crate::postgres::{is_primary, streams};

/// A pair of servers, and who cares for it.
struct Pair {
    set: &'static str,
    world: World,
    leads: Leads,
    switch_over: fn(&World, &str, &str),
    kill_agent: fn(&mut World, &str),
    start_agent: fn(&mut World, &str),
    data: &'static str,
    is_whole: fn(&World, &str, &str) -> bool,
}

#[derive(Clone, Copy)]
enum Fault {
    Killed,
    Hung,
    Isolated,
    PostmasterKilled,
    AgentKilled,
    SwitchedOver,
}

const FAULTS: [(Fault, &str); 6] = [
    (Fault::Killed, "kill -9 of the primary's node, started again"),
    (Fault::Hung, "SIGSTOP of the primary's node, later SIGCONT"),
    (Fault::Isolated, "primary cut off from everything, later healed"),
    (Fault::PostmasterKilled, "kill -9 of the postmaster only"),
    (Fault::AgentKilled, "kill -9 of what cares for the primary (watchdog, Patroni), 25 s later started again"),
    (Fault::SwitchedOver, "planned switchover"),
];
/// How long nobody cares: longer than Patroni's lease is good for.
const CARELESS: Duration = Duration::from_secs(25);
/// By then what is acknowledged was not on its way when the fault came.
const SETTLED: Duration = Duration::from_secs(1);

/// What one fault has done.
struct Outcome {
    outage: Duration,
    lost: usize,
    overlap: usize,
    rejoin: Duration,
}

/// A pair, by name.
type Install = (&'static str, fn() -> Pair);

const PAIRS: [Install; 2] = [("keyboss", keyboss), ("Patroni", patroni)];

fn keyboss() -> Pair {
    let world = Shop::new().world;
    Pair {
        set: "postgres",
        leads: service(&world),
        world,
        switch_over: |world, _, _| switch_over(world),
        kill_agent: |world, _| world.signal_watchdog("watchdog-0", "KILL"),
        start_agent: |world, _| world.start_watchdog("watchdog-0", &QUICK),
        data: "/var/lib/postgresql/data/pgdata",
        is_whole: |world, primary, standby| is_recorded(world, primary, standby) && streams(world, primary, standby),
    }
}

fn patroni() -> Pair {
    let world = patroni::installed();
    Pair {
        set: patroni::SET,
        leads: patroni::leads(&world),
        world,
        switch_over: patroni::switch_over,
        kill_agent: patroni::kill_agent,
        start_agent: patroni::start_agent,
        data: patroni::DATA,
        is_whole: patroni::is_whole,
    }
}

impl Pair {
    /// Strikes the primary, and heals what was struck once the shop's writer goes on: for most faults, with the other.
    fn suffer(&mut self, fault: Fault, first: i64) -> Outcome {
        let pods: Vec<String> = self.world.addresses(self.set).into_iter().map(|(pod, _)| pod).collect();
        let (old, new) = match is_primary(&self.world, &pods[0]) {
            true => (pods[0].as_str(), pods[1].as_str()),
            false => (pods[1].as_str(), pods[0].as_str()),
        };
        let writers = Writers::start(&mut self.world, &self.leads, self.set, first);
        let began = Instant::now();
        match fault {
            Fault::Killed => self.world.kill(&[old]),
            Fault::Hung => self.world.signal_all(old, "STOP"),
            Fault::Isolated => self.world.isolate(old, true),
            Fault::PostmasterKilled => {
                let kill = format!("kill -KILL $(head -1 {}/postmaster.pid)", self.data);
                assert!(self.world.exec(old, &["bash", "-c", &kill]).status.success());
            }
            Fault::AgentKilled => (self.kill_agent)(&mut self.world, old),
            Fault::SwitchedOver => (self.switch_over)(&self.world, old, new),
        }
        let may_stay = matches!(fault, Fault::PostmasterKilled | Fault::AgentKilled);
        self.world.until("the shop writes again", |_| {
            let counts = |ack: &&Ack| ack.pod == new || (may_stay && ack.at > began + SETTLED);
            writers.shop().iter().filter(counts).count() >= 50
        });
        if matches!(fault, Fault::AgentKilled) {
            self.world.until("nobody has cared for long", |_| began.elapsed() > CARELESS);
        }
        let mut returned = Instant::now();
        match fault {
            Fault::Killed => self.world.start(&[old]),
            Fault::Hung => self.world.signal_all(old, "CONT"),
            Fault::Isolated => self.world.isolate(old, false),
            Fault::AgentKilled => (self.start_agent)(&mut self.world, old),
            // It has been on its way back ever since.
            Fault::SwitchedOver | Fault::PostmasterKilled => returned = began,
        }
        let primary = writers.shop().pop().map(|ack| ack.pod).unwrap_or_default();
        let standby = if primary == new { old } else { new };
        let is_whole = self.is_whole;
        self.world.until(&format!("{standby} is a synchronous standby"), |world| is_whole(world, &primary, standby));
        let rejoin = returned.elapsed();
        let written = writers.finish();
        let (lost, overlap) = written.tally(&self.world, &primary);
        let before = written.shop.iter().rposition(|ack| ack.at < began).unwrap_or(0);
        let outage = longest_gap(&written.shop[before..]);
        Outcome { outage, lost: lost.len(), overlap: overlap.len(), rejoin }
    }
}

/// Each fault once, to a pair that is made anew after one that failed: None.
fn run((who, install): Install, run: usize) -> Vec<Option<Outcome>> {
    let mut pair = None;
    let faults = FAULTS.into_iter().zip(1..);
    let suffered = faults.map(|((fault, what), number)| {
        // What failed has said so, and why.
        let outcome =
            catch_unwind(AssertUnwindSafe(|| pair.get_or_insert_with(install).suffer(fault, 10_000_000 * number)));
        match outcome {
            Ok(outcome) => {
                let Outcome { outage, lost, overlap, rejoin } = &outcome;
                eprintln!(
                    "run {run}: {what}: {who}: {outage:.2?}, {lost} lost, {overlap} overlap, back in {rejoin:.1?}"
                );
                Some(outcome)
            }
            Err(_) => {
                eprintln!("run {run}: {what}: {who}: FAILED");
                pair = None;
                None
            }
        }
    });
    suffered.collect()
}

#[test]
#[ignore = "needs Patroni: tests/servers/compare"]
fn with_patroni() {
    let runs: usize = env::var("RUNS").map_or(1, |runs| runs.parse().expect("RUNS is a number"));
    let mut outcomes: [Vec<Vec<Option<Outcome>>>; 2] = Default::default();
    for number in 1..=runs {
        for (install, outcomes) in PAIRS.into_iter().zip(&mut outcomes) {
            outcomes.push(run(install, number));
        }
    }
    println!(
        "| fault | who | RTO min/median/max s | lost | overlap | rejoin median s | failed |\n|---|---|---|---|---|---|---|"
    );
    let mut failed = 0;
    for (index, (_, what)) in FAULTS.iter().enumerate() {
        for ((who, _), outcomes) in PAIRS.iter().zip(&outcomes) {
            let of: Vec<&Outcome> = outcomes.iter().filter_map(|run| run[index].as_ref()).collect();
            let outages = spread(of.iter().map(|outcome| outcome.outage));
            let outages = outages.map_or("-".to_owned(), |[min, median, max]| format!("{min:.2}/{median:.2}/{max:.2}"));
            let (lost, overlap) = of.iter().fold((0, 0), |sum, each| (sum.0 + each.lost, sum.1 + each.overlap));
            let rejoin = spread(of.iter().map(|outcome| outcome.rejoin));
            let rejoin = rejoin.map_or("-".to_owned(), |[_, median, _]| format!("{median:.1}"));
            let failures = runs - of.len();
            failed += failures;
            println!("| {what} | {who} | {outages} | {lost} | {overlap} | {rejoin} | {failures} |");
        }
    }
    assert_eq!(failed, 0, "runs that failed");
}

/// The shortest, the median and the longest, in seconds; None of none.
pub fn spread(times: impl Iterator<Item = Duration>) -> Option<[f32; 3]> {
    let mut times: Vec<f32> = times.map(|time| time.as_secs_f32()).collect();
    times.sort_by(f32::total_cmp);
    let (min, max) = (*times.first()?, *times.last()?);
    Some([min, (times[(times.len() - 1) / 2] + times[times.len() / 2]) / 2.0, max])
}
