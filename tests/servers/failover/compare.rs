//! The same faults under the watchdog and under Patroni, one after the other, as a table.

use std::env;
use std::time::{Duration, Instant};

use super::patroni;
use super::shop::{Shop, Writers, is_recorded, service, switch_over};
use super::writer::{Leads, longest_gap};
use crate::pods::World;
use crate::postgres::{is_primary, streams};

/// A pair of servers, and who cares for it.
struct Pair {
    who: &'static str,
    set: &'static str,
    world: World,
    leads: Leads,
    switch_over: fn(&World, &str, &str),
    is_whole: fn(&World, &str, &str) -> bool,
}

#[derive(Clone, Copy)]
enum Fault {
    Killed,
    Hung,
    Isolated,
    SwitchedOver,
}

const FAULTS: [(Fault, &str); 4] = [
    (Fault::Killed, "kill -9 of the primary's node, started again"),
    (Fault::Hung, "SIGSTOP of the primary's node, later SIGCONT"),
    (Fault::Isolated, "primary cut off from everything, later healed"),
    (Fault::SwitchedOver, "planned switchover"),
];

/// What one fault has done.
struct Outcome {
    who: &'static str,
    outage: Duration,
    lost: usize,
    overlap: usize,
    rejoin: Duration,
}

fn keyboss() -> Pair {
    let world = Shop::new().world;
    let leads = service(&world);
    let switch_over = |world: &World, _: &str, _: &str| switch_over(world);
    let is_whole = |world: &World, primary: &str, standby: &str| {
        is_recorded(world, primary, standby) && streams(world, primary, standby)
    };
    Pair { who: "keyboss", set: "postgres", world, leads, switch_over, is_whole }
}

fn patroni() -> Pair {
    let world = patroni::installed();
    let leads = patroni::leads(&world);
    let (switch_over, is_whole) = (patroni::switch_over, patroni::is_whole);
    Pair { who: "Patroni", set: patroni::SET, world, leads, switch_over, is_whole }
}

impl Pair {
    /// Strikes the primary, and heals what was struck once the other has acknowledged 50 rows.
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
            Fault::SwitchedOver => (self.switch_over)(&self.world, old, new),
        }
        self.world.until(&format!("{new} acknowledges"), |_| {
            writers.shop().iter().filter(|ack| ack.pod == new).count() >= 50
        });
        let mut returned = Instant::now();
        match fault {
            Fault::Killed => self.world.start(&[old]),
            Fault::Hung => self.world.signal_all(old, "CONT"),
            Fault::Isolated => self.world.isolate(old, false),
            // It was asked to leave, and has been on its way back ever since.
            Fault::SwitchedOver => returned = began,
        }
        let is_whole = self.is_whole;
        self.world.until(&format!("{old} is a synchronous standby"), |world| is_whole(world, new, old));
        let rejoin = returned.elapsed();
        let written = writers.finish();
        let (lost, overlap) = written.tally(&self.world, new);
        let before = written.shop.iter().rposition(|ack| ack.at < began).unwrap_or(0);
        let outage = longest_gap(&written.shop[before..]);
        Outcome { who: self.who, outage, lost: lost.len(), overlap: overlap.len(), rejoin }
    }
}

#[test]
#[ignore = "needs Patroni: tests/servers/compare"]
fn with_patroni() {
    let runs: usize = env::var("RUNS").map_or(1, |runs| runs.parse().expect("RUNS is a number"));
    let mut outcomes: Vec<Vec<Outcome>> = FAULTS.iter().map(|_| Vec::new()).collect();
    for run in 1..=runs {
        for install in [keyboss, patroni] {
            let mut pair = install();
            for (index, (fault, what)) in FAULTS.into_iter().enumerate() {
                let outcome = pair.suffer(fault, 10_000_000 * (1 + i64::try_from(index).unwrap()));
                let Outcome { who, outage, lost, overlap, rejoin } = &outcome;
                eprintln!(
                    "run {run}: {what}: {who}: {outage:.2?}, {lost} lost, {overlap} overlap, back in {rejoin:.1?}"
                );
                outcomes[index].push(outcome);
            }
        }
    }
    println!("| fault | who | RTO min/median/max s | lost | overlap | rejoin median s |\n|---|---|---|---|---|---|");
    for ((_, what), outcomes) in FAULTS.iter().zip(&outcomes) {
        for who in ["keyboss", "Patroni"] {
            let of: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.who == who).collect();
            let [min, median, max] = spread(of.iter().map(|outcome| outcome.outage));
            let (lost, overlap) = of.iter().fold((0, 0), |sum, each| (sum.0 + each.lost, sum.1 + each.overlap));
            let [_, rejoin, _] = spread(of.iter().map(|outcome| outcome.rejoin));
            println!("| {what} | {who} | {min:.2}/{median:.2}/{max:.2} | {lost} | {overlap} | {rejoin:.1} |");
        }
    }
}

/// The shortest, the median and the longest, in seconds.
fn spread(times: impl Iterator<Item = Duration>) -> [f32; 3] {
    let mut times: Vec<f32> = times.map(|time| time.as_secs_f32()).collect();
    times.sort_by(f32::total_cmp);
    let middle = (times[(times.len() - 1) / 2] + times[times.len() / 2]) / 2.0;
    [times[0], middle, times[times.len() - 1]]
}
