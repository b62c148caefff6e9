//! What `keyboss failover` asks of a watchdog, and what it says when none does it.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use keyboss::cluster::{Cluster, Served};
use keyboss::rehearsal::face::Face;
use keyboss::watchdog::{System, switch_over};
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::stage::{create_namespace, face};

const NOTE: &str = "keyboss.io/switchover-postgres";

fn cluster(face: &Face) -> Cluster {
    Cluster::new(face.client("keyboss"), "keyboss", Served::default())
}

async fn recorded(face: &Face) -> (Cluster, Api<ConfigMap>) {
    create_namespace(face, "keyboss").await;
    let configs: Api<ConfigMap> = Api::namespaced(face.client("keyboss"), "keyboss");
    let config = json!({"metadata": {"name": "keyboss-config"}, "data": {"POSTGRES_HOST": "postgres-0.postgres"}});
    configs.create(&PostParams::default(), &serde_json::from_value(config).unwrap()).await.unwrap();
    (cluster(face), configs)
}

/// A watchdog that answers after a second.
async fn answer(configs: &Api<ConfigMap>, data: Value) {
    sleep(Duration::from_secs(1)).await;
    let is_asked = configs.get("keyboss-config").await.unwrap().metadata.annotations.unwrap().contains_key(NOTE);
    assert!(is_asked);
    let patch = Patch::Merge(json!({"metadata": {"annotations": {NOTE: null}}, "data": data}));
    configs.patch("keyboss-config", &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_switchover_is_done_or_refused_by_the_watchdog() {
    for (data, said) in [
        (json!({"POSTGRES_HOST": "postgres-1.postgres"}), Ok("postgres-1")),
        (json!({}), Err("the watchdog refused, and postgres-0 leads on")),
    ] {
        let (cluster, configs) = recorded(&face()).await;
        let (told, ()) = tokio::join!(switch_over(&cluster, System::postgres), answer(&configs, data));
        match (told, said) {
            (Ok(pod), Ok(expected)) => assert_eq!(pod, expected),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_no_watchdog_takes_is_taken_back() {
    let (cluster, configs) = recorded(&face()).await;
    let error = switch_over(&cluster, System::postgres).await.unwrap_err().to_string();
    assert!(error.contains("no watchdog did it within 60 s") && error.contains("postgres-0 leads on"), "{error}");
    let notes = configs.get("keyboss-config").await.unwrap().metadata.annotations.unwrap_or_default();
    assert!(!notes.contains_key(NOTE), "{notes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_namespace_without_a_shop_is_named() {
    let error = switch_over(&cluster(&face()), System::redis).await.unwrap_err();
    assert!(format!("{error:#}").contains("ConfigMap keyboss-config of namespace keyboss"), "{error:#}");
}
