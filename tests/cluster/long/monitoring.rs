//! The alerts' whole way, from a fault to Alertmanager and back, and that everything is scraped.

use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use crate::kubectl::eventually;
use crate::shop::Shop;

/// What a Service of the shop answers to a GET.
fn get(shop: &Shop, service: &str, port: u16, path: &str) -> Option<Value> {
    let service = shop.namespace.get(&["service", service]);
    let address = service["spec"]["clusterIP"].as_str()?.to_owned();
    let output =
        Command::new("curl").args(["-sS", "-m", "5", &format!("http://{address}:{port}{path}")]).output().ok()?;
    serde_json::from_slice(&output.stdout).ok()
}

/// Whether Prometheus has the alert in that state.
fn is(shop: &Shop, alert: &str, state: &str) -> Option<()> {
    let answer = get(shop, "prometheus", 9090, "/api/v1/alerts")?;
    let alerts = answer["data"]["alerts"].as_array()?;
    alerts.iter().any(|found| found["labels"]["alertname"] == alert && found["state"] == state).then_some(())
}

/// Whether Alertmanager has it.
fn is_told(shop: &Shop, alert: &str) -> Option<bool> {
    let answer = get(shop, "alertmanager", 9093, "/api/v2/alerts")?;
    Some(answer.as_array()?.iter().any(|found| found["labels"]["alertname"] == alert))
}

/// Scales a workload to nothing and back, and prints how long each station of its alert took.
fn goes_and_comes_back(shop: &Shop, workload: &str, replicas: u32, alert: &str) {
    let scale = |to: u32| shop.namespace.run(&["scale", workload, &format!("--replicas={to}")]);
    let began = Instant::now();
    scale(0);
    eventually(90, &format!("{alert} is pending"), || is(shop, alert, "pending").or_else(|| is(shop, alert, "firing")));
    let pending = began.elapsed().as_secs();
    eventually(240, &format!("{alert} fires"), || is(shop, alert, "firing"));
    let firing = began.elapsed().as_secs();
    eventually(60, &format!("Alertmanager has {alert}"), || is_told(shop, alert).filter(|told| *told));
    let told = began.elapsed().as_secs();
    let back = Instant::now();
    scale(replicas);
    eventually(600, &format!("{alert} is resolved"), || is_told(shop, alert).filter(|told| !told));
    println!(
        "{alert}: pending {pending} s, firing {firing} s, Alertmanager {told} s, resolved {} s",
        back.elapsed().as_secs()
    );
}

#[test]
#[ignore = "needs a cluster"]
fn what_is_down_is_told_and_what_is_back_is_resolved() {
    let shop = Shop::shared();
    goes_and_comes_back(&shop, "deployment/saleor-api", 2, "SaleorAPIDown");
    goes_and_comes_back(&shop, "deployment/celery-worker", 2, "CeleryWorkerDown");
    goes_and_comes_back(&shop, "statefulset/redis", 2, "RedisDown");
    goes_and_comes_back(&shop, "statefulset/postgres", 2, "PostgreSQLDown");
}

#[test]
#[ignore = "needs a cluster"]
fn every_target_is_scraped_and_the_exporter_is_this_build() {
    let shop = Shop::shared();
    eventually(120, "every target is up", || {
        let answer = get(&shop, "prometheus", 9090, "/api/v1/targets?state=active")?;
        let targets = answer["data"]["activeTargets"].as_array()?;
        targets.iter().all(|target| target["health"] == "up").then_some(())
    });
    let query = "/api/v1/query?query=keyboss_build_info";
    let answer = eventually(60, "the exporter's build", || {
        let answer = get(&shop, "prometheus", 9090, query)?;
        answer["data"]["result"][0]["metric"]["version"].as_str().map(str::to_owned)
    });
    assert_eq!(answer, env!("CARGO_PKG_VERSION"));
}
