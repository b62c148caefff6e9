//! The main job: a first deploy, a second one that changes nothing, a changed value, a failure. Tests run in the
//! order of their names, so that the first deploy is not made twice.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::kubectl::eventually;
use crate::shop::{Run, Shop};

const PHASES: [&str; 7] = ["config", "stateful", "migration", "deployments", "availability", "backup", "monitoring"];

#[test]
#[ignore = "needs a cluster"]
fn a_first_deploy_ends_with_a_shop_that_sells() {
    let shop = Shop::local("keyboss");
    shop.namespace.forget();
    let run = shop.deploy(&[]).succeeded();
    for phase in PHASES {
        assert_eq!(run.phase(phase)["outcome"], "done", "{}", run.text());
    }
    let last = run.phase("servicemonitors");
    assert_eq!(last["outcome"], "skipped", "{last}");
    assert!(last["reason"].as_str().unwrap().contains("ServiceMonitor"), "{last}");

    // An autoscaler that rules since phase 5 may have added one, which is on its way.
    eventually(120, "every pod is Ready", || {
        let pods = shop.namespace.items(&["pods"]);
        pods.iter().all(|pod| is_going(pod) || is_ready_or_completed(pod)).then_some(())
    });
    // With the rights of its own Role, which allow it this one Lease.
    eventually(30, "a watchdog leads", || {
        let leases = shop.namespace.items(&["leases"]);
        let lead = leases.iter().find(|lease| lease["metadata"]["name"] == "keyboss-watchdog")?;
        lead["spec"]["holderIdentity"].as_str().filter(|holder| holder.starts_with("postgres-watchdog-")).map(drop)
    });
    let products = shop.graphql("{products(first:1,channel:\"default-channel\"){totalCount}}").unwrap();
    assert_eq!(products["products"]["totalCount"], 10);
    shop.create_product("on both");
    shop.product_arrives("postgres-0", "on both");
    shop.product_arrives("postgres-1", "on both");

    let record = eventually(60, "a replica follows the master", || {
        shop.namespace.redis("redis-1", "info replication").filter(|text| text.contains("master_link_status:up"))
    });
    assert!(record.contains("role:slave"), "{record}");
    // Line by line: in JSON a key of several lines does not look like itself.
    let said = run.text();
    for (key, value) in shop.namespace.get(&["secret", "keyboss-secrets"])["data"].as_object().unwrap() {
        let value = String::from_utf8(STANDARD.decode(value.as_str().unwrap()).unwrap()).unwrap();
        assert!(!value.lines().any(|line| said.contains(line)), "{key} was printed");
    }
}

fn is_going(pod: &Value) -> bool {
    !pod["metadata"]["deletionTimestamp"].is_null()
}

fn is_ready_or_completed(pod: &Value) -> bool {
    pod["status"]["conditions"].as_array().into_iter().flatten().any(|condition| {
        condition["type"] == "Ready" && (condition["status"] == "True" || condition["reason"] == "PodCompleted")
    })
}

#[test]
#[ignore = "needs a cluster"]
fn second_deploy_changes_nothing() {
    let shop = Shop::shared();
    let (objects, pods) = (shop.objects(), shop.pods());
    let run = shop.deploy(&[]).succeeded();
    assert!(run.written().is_empty(), "{:?}", run.written());
    assert!(run.of("deploy-finished")[0]["message"].as_str().unwrap().contains("nothing changed"), "{}", run.text());
    assert_eq!(shop.pods(), pods);
    let now = shop.objects();
    assert_eq!(now.keys().collect::<Vec<_>>(), objects.keys().collect::<Vec<_>>());
    for (name, object) in &objects {
        assert_eq!(&now[name], object, "{name}");
    }
}

#[test]
#[ignore = "needs a cluster"]
fn status_says_who_leads_and_what_is_ready() {
    let shop = Shop::shared();
    let status = eventually(60, "everything is ready and known", || {
        let output = shop.command(&["status"], &[]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        let is_ready = status["workloads"].as_array().unwrap().iter().all(|workload| workload["why"].is_null());
        (is_ready && status["roles"]["redis"]["replica_attached"] == true).then_some(status)
    });
    let (primary, standby) = shop.roles("POSTGRES_HOST");
    let postgres = &status["roles"]["postgres"];
    assert_eq!(
        (&postgres["primary"], &postgres["synchronous_standby"]),
        (&primary.into(), &standby.into()),
        "{status}"
    );
    assert!(postgres["lag_bytes"].as_i64().is_some() && status["roles"]["redis"]["lag_bytes"].is_i64(), "{status}");
    assert!(status["roles"]["watchdog"].as_str().unwrap().starts_with("postgres-watchdog-"), "{status}");
    assert!(status["release"].is_u64() && status["locks"] == serde_json::json!([]), "{status}");
}

#[test]
#[ignore = "needs a cluster"]
fn changed_value_restarts_exactly_its_readers() {
    let shop = Shop::shared();
    let before = shop.pods();
    // ALLOWED_HOSTS, which everything of Saleor reads and nothing else.
    shop.deploy(&["--set", "saleor.allowedHosts=[shop.example.com]"]).succeeded();
    assert_eq!(shop.replaced(&before), ["celery-beat", "celery-worker", "saleor-api"]);
    shop.deploy(&[]).succeeded();
}

#[test]
#[ignore = "needs a cluster"]
fn rehearsed_upgrade_foretells_the_deploy() {
    let shop = Shop::shared();
    let (objects, pods) = (shop.objects(), shop.pods());
    let run = shop.rehearse(&[]).succeeded();
    assert!(run.text().contains("rehearsal: nothing changed"), "{}", run.text());

    let change = ["--set", "saleor.allowedHosts=[rehearsed.example.com]", "--set", "replicas.dashboard=2"];
    let rehearsed = shop.rehearse(&change).succeeded();
    assert_eq!((shop.objects(), shop.pods()), (objects, pods), "a rehearsal only looks");

    let deployed = shop.deploy(&change).succeeded();
    assert!(!deployed.written().is_empty());
    let sorted = |run: &Run| {
        let mut written: Vec<String> = run.written().into_iter().map(str::to_owned).collect();
        written.sort();
        written
    };
    assert_eq!(sorted(&rehearsed), sorted(&deployed));
    shop.deploy(&[]).succeeded();
}

#[test]
#[ignore = "needs a cluster"]
fn missing_image_fails_at_once_and_is_named() {
    let shop = Shop::shared();
    let run = shop.deploy(&["--set", "images.storefront.tag=missing"]);
    assert_eq!(run.code, Some(1), "{}", run.text());
    let phase = run.phase("deployments");
    assert_eq!(phase["outcome"], "failed", "{phase}");
    assert!(phase["seconds"].as_f64().unwrap() < 30.0, "{phase}");
    let diagnosis = run.diagnosis();
    assert_eq!(diagnosis["object"], "Deployment saleor-storefront");
    assert_eq!(diagnosis["image"], "keyboss/storefront:missing");
    assert!(diagnosis["pod"].as_str().unwrap().starts_with("saleor-storefront-"), "{diagnosis}");
    assert!(diagnosis["reason"].as_str().unwrap().contains("ImagePull"), "{diagnosis}");
    assert!(diagnosis["message"].as_str().unwrap().contains("not found"), "{diagnosis}");
    shop.deploy(&[]).succeeded();

    let rehearsed = shop.rehearse(&["--set", "images.storefront.tag=missing", "--fail", "image:saleor-storefront"]);
    assert_eq!(rehearsed.code, Some(1), "{}", rehearsed.text());
    assert_eq!(rehearsed.failure(), run.failure());
}
