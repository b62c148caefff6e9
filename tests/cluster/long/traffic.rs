//! Under load: the API's autoscaler, and what real requests tell of errors and slowness.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::kubectl::eventually;
use crate::monitors::{is, told};
use crate::shop::Shop;
use crate::traffic::Traffic;

/// Prometheus asks the Ingress controller what it answered.
const SCRAPED: &str = "--set=monitoring.traefik.target=traefik.kube-system:9100";
/// Longer than an alert's `for`, with the window of its rate.
const FIRES: u64 = 660;

fn ready(shop: &Shop) -> u64 {
    shop.namespace.get(&["deployment", "saleor-api"])["status"]["readyReplicas"].as_u64().unwrap_or_default()
}

#[test]
#[ignore = "needs a cluster"]
fn load_adds_pods_of_the_api_and_no_request_fails() {
    let shop = Shop::shared();
    eventually(600, "the autoscaler is at rest", || (ready(&shop) == 2).then_some(()));
    let traffic = Traffic::of(24);
    let began = Instant::now();
    eventually(300, "a third pod of the API is Ready", || (ready(&shop) > 2).then_some(()));
    let third = began.elapsed().as_secs();
    let mut peak = ready(&shop);
    for _ in 0..60 {
        peak = peak.max(ready(&shop));
        thread::sleep(Duration::from_secs(1));
    }
    traffic.become_of(1);
    let calm = Instant::now();
    eventually(900, "two pods of the API are enough again", || (ready(&shop) == 2).then_some(()));
    let fewer = calm.elapsed().as_secs();
    let (sent, failed) = traffic.end();
    println!("API: 2 pods, a third after {third} s, {peak} at most, 2 again {fewer} s after the load");
    println!("requests: {sent} sent, {} failed", failed.len());
    assert!(sent > 1000, "{sent}");
    assert_eq!(failed, [""; 0]);
}

#[test]
#[ignore = "needs a cluster"]
fn what_real_requests_suffer_is_told_and_a_cause_hides_its_effect() {
    let shop = Shop::shared();
    shop.deploy(&[SCRAPED]).succeeded();
    let traffic = Traffic::of(4);
    let (primary, _) = shop.roles("POSTGRES_HOST");
    let slow = AtomicBool::new(true);
    thread::scope(|scope| {
        scope.spawn(|| {
            let hold = "BEGIN; LOCK TABLE product_product; SELECT pg_sleep(4); COMMIT";
            while slow.load(Ordering::Relaxed) {
                shop.namespace.query(&primary, hold);
            }
        });
        let began = Instant::now();
        eventually(FIRES, "slow answers are told", || {
            told(&shop, "HighAPILatency").filter(|alert| alert["status"]["state"] == "active")
        });
        println!("HighAPILatency: in Alertmanager after {} s", began.elapsed().as_secs());
        slow.store(false, Ordering::Relaxed);
    });

    let began = Instant::now();
    shop.namespace.say(&["scale", "deployment/saleor-api", "--replicas=0"]);
    eventually(FIRES, "errors fire", || is(&shop, "HighAPIErrorRate", "firing"));
    println!("HighAPIErrorRate: firing after {} s", began.elapsed().as_secs());
    let effect = eventually(60, "Alertmanager has errors", || {
        told(&shop, "HighAPIErrorRate").filter(|alert| alert["status"]["state"].is_string())
    });
    assert_eq!(effect["status"]["state"], "suppressed", "{effect}");
    let cause = told(&shop, "SaleorAPIDown").unwrap();
    assert_eq!(effect["status"]["inhibitedBy"][0], cause["fingerprint"], "{effect} {cause}");
    shop.namespace.say(&["scale", "deployment/saleor-api", "--replicas=2"]);
    eventually(300, "the API is back", || (ready(&shop) >= 2).then_some(()));
    let (sent, failed) = traffic.end();
    assert!(failed.iter().all(|error| error.starts_with("50")), "{failed:?}");
    println!("requests: {sent} sent, {} answered with an error while there was no API", failed.len());
    shop.deploy(&[]).succeeded();
}
