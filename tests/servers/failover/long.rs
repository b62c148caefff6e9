//! What takes minutes: `tests/run long`.

use std::time::{Duration, Instant};

use super::shop::{ONE, Shop, ZERO};

#[test]
#[ignore = "takes more than 5 minutes: tests/run long"]
fn five_minutes_without_the_api_server_are_nothing_to_healthy_servers() {
    // HA.md, rule 8.
    let mut shop = Shop::with(&["watchdog-0", "watchdog-1"]);
    shop.write();
    shop.world.isolate("api", true);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(300) {
        shop.until_written(20);
    }
    shop.world.isolate("api", false);
    shop.world.until("somebody leads", |world| {
        ["watchdog-0", "watchdog-1"].iter().any(|name| world.metrics(name).contains("keyboss_watchdog_leader 1"))
    });
    shop.until_written(300);
    assert_eq!(shop.recorded("POSTGRES_EPOCH"), "0");
    shop.until_whole(ZERO, ONE);
    let gap = shop.verify(ZERO);
    println!("API server away for 5 minutes: {:.2} s without an acknowledgement", gap.as_secs_f32());
    assert!(gap < Duration::from_secs(1), "{gap:?}");
}
