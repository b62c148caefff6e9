//! Clocks that jump, and clocks that are wrong: every time that decides something is measured by a clock that only runs.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use jiff::Timestamp;

use super::shop::{ONE, QUICK, Shop, ZERO};
use crate::pods::World;

/// Debian's package `libfaketime`: changes what a program is told that the time is, each time anew by a file.
const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
/// A day and more: no time-out is as long.
const FAR: i64 = 100_000;

/// The clock of a watchdog, off by some seconds.
struct Clock(PathBuf);

impl Clock {
    /// Starts a watchdog whose clock is another.
    fn start(world: &mut World, watchdog: &str, off: i64) -> Self {
        let clock = Self(world.volume(watchdog, "clock"));
        clock.set(off);
        let file = clock.0.display().to_string();
        // The clock that only runs is not changed by whoever sets the time.
        let variables = [
            ("LD_PRELOAD", LIBRARY),
            ("FAKETIME_TIMESTAMP_FILE", file.as_str()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
        ];
        world.start_watchdog_in(watchdog, &QUICK, &variables);
        clock
    }

    fn set(&self, off: i64) {
        // By renaming: nobody reads half of it.
        let new = self.0.with_extension("new");
        fs::write(&new, format!("{off:+}")).unwrap();
        fs::rename(new, &self.0).unwrap();
    }
}

/// How far the clock of the log's last line is off, in seconds.
fn told(world: &World, watchdog: &str) -> i64 {
    let log = world.log(watchdog);
    let mut times = log.lines().filter_map(|line| line.split(' ').find_map(|word| word.parse::<Timestamp>().ok()));
    times.next_back().expect("it says when").as_second() - Timestamp::now().as_second()
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn a_clock_that_jumps_moves_nobody() {
    // HA.md, rule 5.
    let mut shop = Shop::with(&[]);
    let clock = Clock::start(&mut shop.world, "watchdog-0", 0);
    shop.until_recorded(ZERO, ONE);
    // A watchdog that waits, and whose clock is a day ahead.
    let _ahead = Clock::start(&mut shop.world, "watchdog-1", FAR);
    shop.world.until_logged("watchdog-1", "serves /healthz");
    assert!(told(&shop.world, "watchdog-1") > FAR / 2, "{}", shop.world.log("watchdog-1"));
    shop.write();
    for off in [FAR, -FAR, 0] {
        clock.set(off);
        // Longer than the Lease is good for.
        sleep(Duration::from_secs(7));
        shop.until_written(20);
        assert_eq!(shop.world.api().leader(), "watchdog-0");
        assert_eq!([shop.recorded("POSTGRES_EPOCH"), shop.recorded("POSTGRES_SYNCHRONOUS_STANDBY")], ["0", ONE]);
    }
    assert!(!shop.world.log("watchdog-1").contains("watchdog-1 leads"));
    assert!(!shop.world.log("watchdog-0").contains("leads no longer"));
    let gap = shop.verify(ZERO);
    assert!(gap < Duration::from_secs(1), "{gap:?}");
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn a_clock_that_jumps_in_the_midst_of_a_failover_is_nothing_to_it() {
    let mut shop = Shop::with(&[]);
    let clock = Clock::start(&mut shop.world, "watchdog-0", 0);
    shop.until_recorded(ZERO, ONE);
    shop.write();
    shop.world.kill(&[ZERO]);
    clock.set(-FAR);
    shop.failed_over("primary killed, and the watchdog's clock set back");
    assert!(told(&shop.world, "watchdog-0") < -FAR / 2, "{}", shop.world.log("watchdog-0"));
    clock.set(FAR);
    shop.world.start(&[ZERO]);
    shop.until_whole(ONE, ZERO);
    assert!(told(&shop.world, "watchdog-0") > FAR / 2, "{}", shop.world.log("watchdog-0"));
    assert_eq!(shop.recorded("POSTGRES_EPOCH"), "1");
    let took = shop.world.metrics("watchdog-0");
    let took =
        took.lines().find_map(|line| line.strip_prefix("keyboss_watchdog_last_failover_seconds{system=\"postgres\"} "));
    let took: f32 = took.expect("it is measured").parse().unwrap();
    assert!((0.0..120.0).contains(&took), "{took}");
}
