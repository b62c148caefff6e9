//! How a shop stands: before and after a deploy, and with a pod that does not start.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use keyboss::cluster::{Cluster, Served};
use keyboss::pipeline::{watchdogs, workloads, world};
use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::rights::Denial;
use keyboss::watchdog::roles;
use kube::api::{Api, DeleteParams};
use tokio::time::sleep;

use crate::schema::assert_described;
use crate::served;
use crate::stage::{create_namespace, deployed, face, prepared, runtime};

#[tokio::test(start_paused = true)]
async fn what_lives_is_told_and_what_cannot_be_asked_is_named() {
    let face = face();
    let _controllers = Controllers::start(&face);
    let cluster = Cluster::new(face.client("keyboss"), "keyboss", Served::default());
    create_namespace(&face, "keyboss").await;
    assert!(workloads(&world(&cluster).await.unwrap()).is_empty());

    deployed(prepared(&face, "local", "k3d-x").await).await;
    sleep(Duration::from_secs(60)).await;
    let seen = world(&cluster).await.unwrap();
    let found = workloads(&seen);
    for name in ["postgres", "redis", "redis-sentinel", "saleor-api", "celery-worker", "postgres-watchdog"] {
        let workload =
            found.iter().find(|workload| workload.name == name).unwrap_or_else(|| panic!("{name}: {found:?}"));
        assert_eq!((workload.ready, &workload.why), (workload.wanted, &None), "{workload:?}");
    }
    let pods = watchdogs(&seen);
    assert_eq!(pods.len(), 2, "{pods:?}");
    // No pod of a rehearsal serves pages.
    let roles = roles(&cluster, &pods).await.unwrap();
    assert_eq!((roles.postgres.primary.as_str(), roles.redis.master.as_str()), ("postgres-0", "redis-0"));
    assert_eq!((roles.watchdog, roles.postgres.lag_bytes), (None, None));
    let unknown = roles.unknown.unwrap();
    assert!(pods.iter().any(|pod| unknown.starts_with(&format!("{pod} cannot be asked: "))), "{unknown}");

    let api: Api<Pod> = Api::namespaced(face.client("keyboss"), "keyboss");
    api.delete("postgres-1", &DeleteParams::default().grace_period(0)).await.unwrap();
    let found = workloads(&world(&cluster).await.unwrap());
    let postgres = found.iter().find(|workload| workload.name == "postgres").unwrap();
    assert!(postgres.why.is_some() && postgres.ready <= 2, "{postgres:?}");
}

#[test]
fn without_the_record_of_who_leads_the_rest_is_told() {
    let face = face();
    runtime().block_on(async {
        let _controllers = Controllers::start(&face);
        deployed(prepared(&face, "local", "k3d-x").await).await;
    });
    face.rights().deny(Denial { verb: "get".to_owned(), resource: "configmaps".to_owned() });
    let served = served::Served::new(&face, "k3d-x", "keyboss");
    let (code, told, error) = served.told(&["status", "--local"]);
    assert_eq!(code, 2, "{told}{error}");
    assert!(told.contains("release 1 of environment local") && told.contains("Deployment saleor-api"), "{told}{error}");
    assert!(error.contains("the record of who leads cannot be read") && error.contains("configmaps"), "{error}");
    let (code, line, _) = served.told(&["status", "--local", "--output", "json"]);
    let status: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_described("status", &status);
    assert_eq!((code, status["release"].as_u64(), status["roles"].is_null()), (2, Some(1), true), "{status}");
}
