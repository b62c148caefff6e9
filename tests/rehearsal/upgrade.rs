//! A shop that was deployed before there was a watchdog, and one whose watchdog has failed over.

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use keyboss::pipeline::{Events, preview};
use keyboss::rehearsal::controllers::Controllers;
use keyboss::watchdog::FIELD_MANAGER;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::stage::{deployed, face, message, prepared, told};

const RECORD: [&str; 4] = ["POSTGRES_HOST", "POSTGRES_SYNCHRONOUS_STANDBY", "POSTGRES_TIMELINE", "POSTGRES_EPOCH"];

#[tokio::test(start_paused = true)]
async fn what_the_watchdog_needs_is_added_and_what_it_records_is_left_alone() {
    let face = face();
    let _controllers = Controllers::start(&face);
    let client = face.within().client("keyboss");
    let (configs, secrets): (Api<ConfigMap>, Api<Secret>) =
        (Api::namespaced(client.clone(), "keyboss"), Api::namespaced(client.clone(), "keyboss"));
    let deployments: Api<Deployment> = Api::namespaced(client, "keyboss");
    let record = async || {
        let data = configs.get("keyboss-config").await.unwrap().data.unwrap();
        RECORD.map(|key| data.get(key).cloned())
    };
    let write = async |values: [Value; 4]| {
        let data: serde_json::Map<String, Value> = RECORD.into_iter().map(str::to_owned).zip(values).collect();
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        configs.patch("keyboss-config", &params, &Patch::Merge(json!({"data": data}))).await.unwrap();
    };
    let secret = async || secrets.get("keyboss-secrets").await.unwrap().data.unwrap();
    let templates = async || {
        let all = deployments.list(&kube::api::ListParams::default()).await.unwrap();
        all.items.into_iter().map(|one| one.spec.template).collect::<Vec<_>>()
    };
    let some = |values: [&str; 4]| values.map(|value| Some(value.to_owned()));

    deployed(prepared(&face, "local", "k3d-x").await).await;
    assert_eq!(record().await, some(["postgres-0.postgres", "", "1", "0"]));
    let (first_secret, first_templates) = (secret().await, templates().await);

    // As keyboss left it when it knew POSTGRES_HOST alone.
    write([json!("postgres-1.postgres"), Value::Null, Value::Null, Value::Null]).await;
    let gone = Patch::Merge(json!({"data": {"WATCHDOG_PASSWORD": null}}));
    secrets.patch("keyboss-secrets", &PatchParams::default(), &gone).await.unwrap();
    sleep(Duration::from_secs(30)).await;
    deployed(prepared(&face, "local", "k3d-x").await).await;
    assert_eq!(record().await, some(["postgres-1.postgres", "", "1", "0"]));
    let mut second_secret = secret().await;
    let password = second_secret.insert("WATCHDOG_PASSWORD".to_owned(), first_secret["WATCHDOG_PASSWORD"].clone());
    assert_eq!(password.unwrap().0.len(), 32);
    assert_eq!(second_secret, first_secret, "the others stay");

    let failed_over = ["postgres-0.postgres", "postgres-1", "3", "2"];
    write(failed_over.map(Value::from)).await;
    let before = templates().await;
    let changed = before.iter().zip(&first_templates).filter(|(now, first)| now != first).count();
    assert_eq!(changed, 1, "the new password restarts its reader, and the record nobody");
    sleep(Duration::from_secs(30)).await;
    let again = prepared(&face, "local", "k3d-x").await;
    let (events, receiver) = Events::channel();
    assert!(preview(&again, &events).await);
    assert_eq!(message(&told(receiver)), "dry run: nothing would change");
    deployed(again).await;
    assert_eq!(record().await, some(failed_over));
    assert_eq!(templates().await, before);
}
