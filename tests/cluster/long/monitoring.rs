//! The alerts' whole way, from a fault to Alertmanager and back; that everything is scraped, and every panel has data.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::Value;

use super::backup::job;
use crate::kubectl::eventually;
use crate::monitors::{is, query, targets, told};
use crate::shop::Shop;

/// By a Job of such a name the rules know the newest backup, where the CronJob of an old Kubernetes does not say it.
const BACKUP: &str = "postgres-backup-for-the-dashboard";

/// Scales a workload to nothing and back, and prints how long each station of its alert took.
fn goes_and_comes_back(shop: &Shop, workload: &str, replicas: u32, alert: &str) {
    let scale = |to: u32| shop.namespace.say(&["scale", workload, &format!("--replicas={to}")]);
    let began = Instant::now();
    scale(0);
    eventually(90, &format!("{alert} is pending"), || is(shop, alert, "pending").or_else(|| is(shop, alert, "firing")));
    let pending = began.elapsed().as_secs();
    eventually(240, &format!("{alert} fires"), || is(shop, alert, "firing"));
    let firing = began.elapsed().as_secs();
    eventually(60, &format!("Alertmanager has {alert}"), || told(shop, alert).filter(|told| !told.is_null()));
    let told_at = began.elapsed().as_secs();
    let back = Instant::now();
    scale(replicas);
    eventually(600, &format!("{alert} is resolved"), || told(shop, alert).filter(Value::is_null));
    println!(
        "{alert}: pending {pending} s, firing {firing} s, Alertmanager {told_at} s, resolved {} s",
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
        targets(&shop)?.iter().all(|target| target["health"] == "up").then_some(())
    });
    let version = eventually(60, "the exporter's build", || {
        query(&shop, "keyboss_build_info")?.first()?["metric"]["version"].as_str().map(str::to_owned)
    });
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
}

#[test]
#[ignore = "needs a cluster"]
fn every_panel_of_the_dashboards_has_data() {
    let shop = Shop::shared();
    // The age of the newest backup is a panel.
    assert!(job(&shop, BACKUP, "bash /scripts/backup.sh", &[]));
    let mut expressions = BTreeSet::new();
    for (file, text) in shop.namespace.get(&["configmap", "keyboss-dashboards"])["data"].as_object().unwrap() {
        let dashboard: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                expressions
                    .insert((format!("{file}: {}", panel["title"]), target["expr"].as_str().unwrap().to_owned()));
            }
        }
    }
    assert!(expressions.len() > 20, "{expressions:?}");
    for (panel, expression) in &expressions {
        // A rate needs two scrapes, and what is recorded an evaluation more.
        eventually(180, &format!("{panel} shows something: {expression}"), || {
            let series = query(&shop, expression)?;
            let values = series.iter().filter_map(|one| one["value"][1].as_str());
            values.into_iter().any(|value| value != "NaN").then_some(())
        });
    }
    shop.namespace.say(&["delete", "job", BACKUP]);
}
