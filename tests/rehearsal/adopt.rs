//! Taking over what an older script has deployed by `kubectl apply`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use keyboss::pipeline::{Ending, Event, Events, Outcome, RestoreOutcome, begin, deploy, prepare};
use keyboss::rehearsal::ailments::{Ailment, Ailments};
use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::faults::Fault;
use keyboss::rehearsal::kinds::Kind;
use keyboss::rehearsal::store::Key;
use kube::api::{Api, ApiResource, DynamicObject, PostParams};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::stage::{create_namespace, face, message, options, rendered, request, sent, told};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const SERVER_MANAGERS: [&str; 2] = ["kube-controller-manager", "kubelet"];

/// An object as the old script's manifest has it: that of ours, by other hands, and changed.
fn old(kind: &str, name: &str, patch: Value) -> Value {
    let (_, plan) = rendered("local", &[]);
    let object = plan.objects().map(|(_, object)| object).find(|of| of.id.kind == kind && of.id.name == name).unwrap();
    let mut value = object.value.clone();
    value["metadata"]["labels"] = json!({"app": name, "app.kubernetes.io/name": name});
    value["metadata"]["annotations"] = json!({LAST_APPLIED: "{}"});
    for field in &object.initial {
        json_patch::merge(&mut value, &at(&field.pointer, field.value.clone()));
    }
    json_patch::merge(&mut value, &patch);
    value
}

/// A merge patch that sets one field.
fn at(pointer: &str, value: Value) -> Value {
    pointer.split('/').skip(1).collect::<Vec<_>>().into_iter().rev().fold(value, |inner, key| json!({key: inner}))
}

/// A Deployment with an environment variable and a container image of old.
fn old_deployment(name: &str) -> Value {
    let containers = json!([{"name": name, "image": "old/shop:1", "env": [{"name": "OLD", "value": "1"}],
                             "envFrom": [{"configMapRef": {"name": "keyboss-config"}}]}]);
    let labels = json!({"app.kubernetes.io/name": name, "tier": "old"});
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": containers}});
    let mut deployment = old("Deployment", name, json!({"spec": {"template": null, "replicas": 3}}));
    deployment["spec"]["template"] = template;
    deployment
}

fn old_installation() -> Vec<Value> {
    let secrets =
        ["POSTGRES_PASSWORD", "REPLICATION_PASSWORD", "SECRET_KEY", "RSA_PRIVATE_KEY", "GRAFANA_ADMIN_PASSWORD"];
    let values: BTreeMap<&str, &str> = secrets.into_iter().map(|key| (key, "b2xkLXZhbHVl")).collect();
    let mut secret = old("Secret", "keyboss-secrets", json!({"data": values, "type": "Opaque"}));
    secret["data"]["OLD"] = json!("b2xkLXZhbHVl");
    vec![
        old("ConfigMap", "keyboss-config", json!({"data": {"POSTGRES_HOST": "postgres-1.postgres", "OLD": "1"}})),
        secret,
        old("Service", "postgres", json!({})),
        old(
            "Service",
            "postgres-primary",
            json!({"spec": {"selector": {"statefulset.kubernetes.io/pod-name": "postgres-1"}}}),
        ),
        old("Service", "saleor-dashboard", json!({"spec": {"sessionAffinity": "ClientIP"}})),
        old("StatefulSet", "postgres", json!({})),
        old_deployment("saleor-api"),
        old_deployment("saleor-dashboard"),
    ]
}

/// Creates objects as `kubectl apply` does.
async fn install(face: &Face, objects: Vec<Value>) {
    create_namespace(face, "keyboss").await;
    for object in objects {
        let kind = Kind::named(object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap()).unwrap();
        let (group, version) = kind.api_version.split_once('/').unwrap_or(("", kind.api_version));
        let resource = ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: kind.api_version.to_owned(),
            kind: kind.kind.to_owned(),
            plural: kind.plural.to_owned(),
        };
        let api: Api<DynamicObject> = Api::namespaced_with(face.client("keyboss"), "keyboss", &resource);
        let params = PostParams { field_manager: Some("kubectl-client-side-apply".to_owned()), ..Default::default() };
        api.create(&params, &serde_json::from_value(object).unwrap()).await.unwrap();
    }
}

fn live(face: &Face, version: &str, kind: &str, name: &str) -> Arc<Value> {
    let kind = Kind::named(version, kind).unwrap();
    face.server().get(&Key { kind, namespace: "keyboss".to_owned(), name: name.to_owned() }).unwrap()
}

/// The old installation as it is now, by kind and name.
fn all(face: &Face) -> BTreeMap<String, Arc<Value>> {
    let of = |object: Value| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
        (format!("{kind} {name}"), live(face, object["apiVersion"].as_str().unwrap(), &kind, &name))
    };
    old_installation().into_iter().map(of).collect()
}

/// Every old value is there, and the one that no old installation has is added.
fn secret_values_are_kept(before: &BTreeMap<String, Arc<Value>>, after: &BTreeMap<String, Arc<Value>>) {
    let mut data = after["Secret keyboss-secrets"]["data"].clone();
    assert!(
        data.as_object_mut().unwrap().remove("WATCHDOG_PASSWORD").is_some(),
        "{:?}",
        data.as_object().unwrap().keys()
    );
    assert_eq!(data, before["Secret keyboss-secrets"]["data"]);
}

/// The uids of the pods of a Deployment.
fn pods(face: &Face, name: &str) -> Vec<String> {
    let server = face.server();
    let pods = server.store().list(Kind::named("v1", "Pod").unwrap(), "keyboss");
    let of = pods.filter(|pod| pod["metadata"]["labels"]["app.kubernetes.io/name"] == name);
    of.map(|pod| pod["metadata"]["uid"].as_str().unwrap().to_owned()).collect()
}

/// `keyboss deploy`, with `--adopt` or without: how it ended, and what it told.
async fn run(face: &Face, adopts: bool) -> (Result<Ending, String>, Vec<Event>) {
    let (events, receiver) = Events::channel();
    let (mut options, mask) = (options(), |_: &str| {});
    let mut request = request(face, "local", "k3d-x", &[]);
    request.adopts = adopts;
    let prepared = begin(request, &mut options, false, &mask, &events).await;
    let ending = match prepared {
        Ok(prepared) => deploy(prepared, &options, &events).await,
        Err(refused) => Err(refused),
    };
    (ending.map_err(|refused| refused.to_string()), told(receiver))
}

fn notices(events: &[Event]) -> String {
    let words = events.iter().filter_map(|event| match event {
        Event::Notice { message, .. } => Some(message.as_str()),
        _ => None,
    });
    words.collect::<Vec<_>>().join("\n")
}

#[tokio::test(start_paused = true)]
async fn an_old_installation_is_refused_and_with_adopt_taken_over() {
    let face = face();
    let _controllers = Controllers::start(&face);
    install(&face, old_installation()).await;
    sleep(Duration::from_secs(60)).await;
    let before = all(&face);
    let version = face.server().store().version();

    let (ending, _) = run(&face, false).await;
    let words = ending.unwrap_err();
    assert!(words.starts_with(&format!("{} reasons not to deploy", before.len())), "{words}");
    for name in before.keys() {
        assert!(words.contains(&format!("{name} exists and is not managed by keyboss")), "{name}: {words}");
    }
    assert!(words.contains("or take it over with --adopt"), "{words}");
    assert_eq!(face.server().store().version(), version, "nothing is written");

    let (ending, events) = run(&face, true).await;
    assert_eq!(ending, Ok(Ending::Done), "{}", message(&events));
    let told = notices(&events);
    assert!(told.contains("to be taken over (--adopt): ConfigMap keyboss-config, Secret keyboss-secrets, "), "{told}");
    assert!(told.contains("take over with --set networkPolicies.enabled=false"), "{told}");
    let kept = "ConfigMap keyboss-config /data/POSTGRES_HOST, Service postgres-primary /spec/selector, Deployment saleor-api \
                /spec/replicas";
    assert!(told.contains(kept), "{told}");

    let after = all(&face);
    let config = "ConfigMap keyboss-config";
    secret_values_are_kept(&before, &after);
    assert_eq!(after[config]["data"]["POSTGRES_HOST"], "postgres-1.postgres");
    assert_eq!(after[config]["data"].get("OLD"), None);
    let selector = &after["Service postgres-primary"]["spec"]["selector"];
    assert_eq!(*selector, json!({"statefulset.kubernetes.io/pod-name": "postgres-1"}));
    assert_eq!(after["Service saleor-dashboard"]["spec"].get("sessionAffinity"), None);
    for (name, object) in &after {
        let metadata = &object["metadata"];
        assert_eq!(metadata["uid"], before[name]["metadata"]["uid"], "{name}");
        assert_eq!(metadata["labels"]["app.kubernetes.io/managed-by"], "keyboss", "{name}");
        assert_eq!(metadata["labels"].get("app"), None, "{name}");
        assert!(metadata["annotations"].get(LAST_APPLIED).is_none(), "{name}");
        for entry in metadata["managedFields"].as_array().unwrap() {
            let manager = entry["manager"].as_str().unwrap();
            let ours = manager.starts_with("keyboss");
            assert!(ours || SERVER_MANAGERS.contains(&manager), "{name}: {entry}");
        }
    }
    for name in ["saleor-api", "saleor-dashboard"] {
        let template = &after[&format!("Deployment {name}")]["spec"]["template"];
        assert!(!template.to_string().contains("OLD"), "{template}");
        assert_eq!(template["metadata"]["labels"].get("tier"), None);
    }

    let (ending, events) = run(&face, false).await;
    assert_eq!((ending, message(&events).as_str()), (Ok(Ending::Done), "nothing changed"), "{events:#?}");
    assert_eq!(all(&face), after);
    let version = face.server().store().version();
    let (ending, _) = run(&face, true).await;
    assert_eq!((ending, face.server().store().version()), (Ok(Ending::Done), version), "nothing is left to adopt");
}

#[tokio::test(start_paused = true)]
async fn immutable_differences_are_listed_before_anything_is_written() {
    let face = face();
    let labels = json!({"app": "saleor-dashboard"});
    let mut dashboard = old_deployment("saleor-dashboard");
    dashboard["spec"]["selector"] = json!({"matchLabels": labels});
    install(
        &face,
        vec![
            old(
                "StatefulSet",
                "postgres",
                json!({"spec": {"serviceName": "pg", "podManagementPolicy": "OrderedReady"}}),
            ),
            old("Service", "postgres", json!({"spec": {"clusterIP": "10.43.0.7"}})),
            old("Service", "redis-master", json!({"spec": {"clusterIP": "None"}})),
            old("PersistentVolumeClaim", "postgres-backup", json!({"spec": {"storageClassName": "slow"}})),
            dashboard,
        ],
    )
    .await;
    let version = face.server().store().version();
    let (ending, _) = run(&face, true).await;
    let words = ending.unwrap_err();
    for part in [
        "5 reasons not to deploy",
        "StatefulSet postgres: spec.serviceName is pg and is to be postgres, spec.podManagementPolicy is OrderedReady",
        "take a dump (the CronJob postgres-backup), then `keyboss deploy --reset` and restore it",
        "Service postgres: spec.clusterIP is 10.43.0.7 and is to be None",
        "Service redis-master: spec.clusterIP is None and is to be an address",
        "delete the Service and deploy again",
        "PersistentVolumeClaim postgres-backup: asks for storage class local-path and has slow",
        "Deployment saleor-dashboard: spec.selector is {\"matchLabels\":{\"app\":\"saleor-dashboard\"}}",
        "delete the Deployment and deploy again",
    ] {
        assert!(words.contains(part), "{part:?} is not in {words}");
    }
    assert_eq!(face.server().store().version(), version, "nothing is written");
}

#[tokio::test(start_paused = true)]
async fn what_another_tool_manages_or_nobody_knows_is_never_adopted() {
    let face = face();
    let mut helm = old("Service", "postgres", json!({}));
    helm["metadata"]["labels"]["app.kubernetes.io/managed-by"] = json!("Helm");
    let mut owned = old_deployment("saleor-api");
    owned["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "x/v1", "kind": "Shop", "name": "mine", "uid": "u", "controller": true}]);
    install(&face, vec![helm, owned]).await;
    let map = Kind::named("v1", "ConfigMap").unwrap();
    let key = Key { kind: map, namespace: "keyboss".to_owned(), name: "keyboss-config".to_owned() };
    face.change(|server| server.adopt(key, old("ConfigMap", "keyboss-config", json!({}))));
    let mut request = request(&face, "local", "k3d-x", &[]);
    request.adopts = true;
    let words = prepare(request).await.err().unwrap().to_string();
    for part in [
        "Service postgres exists and is not managed by keyboss, but by Helm (label",
        "Deployment saleor-api exists and is not managed by keyboss, but by Shop mine",
        "ConfigMap keyboss-config was not written by kubectl",
    ] {
        assert!(words.contains(part), "{part:?} is not in {words}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_adoption_goes_back_to_the_old_configuration_however_often() {
    let face = face();
    let mut ailments = Ailments::default();
    ailments.add(Ailment::Unready, "saleor-storefront");
    let controllers = Controllers::with(&face, ailments);
    install(&face, old_installation()).await;
    sleep(Duration::from_secs(60)).await;
    let before = all(&face);
    let running = pods(&face, "saleor-dashboard");
    assert_eq!(running.len(), 3);

    for attempt in 1..=2 {
        let (ending, events) = run(&face, true).await;
        assert_eq!(ending, Ok(Ending::Failed), "{}", message(&events));
        let Some(Event::DeployFinished(finished)) = events.last() else { panic!("{events:?}") };
        let outcomes = finished.phases.iter().map(|phase| phase.outcome).collect::<Vec<_>>();
        assert!(matches!(outcomes[3], Outcome::Failed | Outcome::TimedOut), "{outcomes:?}");
        for name in ["saleor-api", "saleor-dashboard"] {
            let object = format!("Deployment {name}");
            let restored = finished.restored.iter().find(|restored| restored.object == object).unwrap();
            assert_eq!(restored.outcome, RestoreOutcome::RolledBack, "attempt {attempt}: {restored:?}");
        }
        sleep(Duration::from_secs(60)).await;
        let after = all(&face);
        for name in [
            "Deployment saleor-api",
            "Deployment saleor-dashboard",
            "ConfigMap keyboss-config",
            "Service saleor-dashboard",
        ] {
            let (mut is, mut was) = (Value::clone(&after[name]), Value::clone(&before[name]));
            assert_eq!(is["spec"], was["spec"], "attempt {attempt}: {name}");
            for object in [&mut is, &mut was] {
                // The deploy added keys that a StatefulSet may already read.
                object["data"] =
                    json!({"OLD": object["data"]["OLD"], "POSTGRES_HOST": object["data"]["POSTGRES_HOST"]});
            }
            assert_eq!(is["data"], was["data"], "attempt {attempt}: {name}");
            assert_eq!(is["metadata"]["labels"], was["metadata"]["labels"], "attempt {attempt}: {name}");
        }
        secret_values_are_kept(&before, &after);
        assert_eq!(pods(&face, "saleor-dashboard").len(), 3, "attempt {attempt}");
        let old = live(&face, "apps/v1", "Deployment", "saleor-dashboard");
        assert_eq!(old["status"]["updatedReplicas"], 3, "attempt {attempt}");
        assert_eq!(old["status"]["availableReplicas"], 3, "attempt {attempt}");
    }

    drop(controllers);
    let _controllers = Controllers::start(&face);
    let (ending, events) = run(&face, true).await;
    assert_eq!(ending, Ok(Ending::Done), "{}", message(&events));
}

#[tokio::test(start_paused = true)]
async fn an_adoption_that_is_killed_is_rolled_back_and_made_by_the_next() {
    let clean = face();
    let controllers = Controllers::start(&clean);
    install(&clean, old_installation()).await;
    sleep(Duration::from_secs(60)).await;
    let installed = clean.faults().requests();
    assert_eq!(run(&clean, true).await.0, Ok(Ending::Done));
    let requests = clean.faults().requests() - installed;
    drop(controllers);
    for part in 1..=6 {
        let face = face();
        let _controllers = Controllers::start(&face);
        install(&face, old_installation()).await;
        sleep(Duration::from_secs(60)).await;
        let before = all(&face);
        let killed_at = face.faults().requests() + requests * part / 7;
        tokio::select! {
            ending = run(&face, true) => panic!("{part}: it ended: {ending:?}"),
            () = sent(&face, killed_at) => {}
        }
        sleep(Duration::from_secs(61)).await;
        let (ending, events) = run(&face, true).await;
        assert_eq!(ending, Ok(Ending::Done), "{part}: {}", notices(&events));
        let after = all(&face);
        secret_values_are_kept(&before, &after);
        assert_eq!(after["ConfigMap keyboss-config"]["data"]["POSTGRES_HOST"], "postgres-1.postgres", "{part}");
        let (_, events) = run(&face, false).await;
        assert_eq!(message(&events), "nothing changed", "{part}");
    }
}

/// The managers of every object of the old installation, less when they wrote.
fn managers(face: &Face) -> Vec<Value> {
    let managers = all(face).into_values().flat_map(|object| {
        let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        let manager = |entry: &Value| json!([entry["manager"], entry["operation"], entry["fieldsV1"]]);
        entries.iter().map(manager).collect::<Vec<_>>()
    });
    managers.collect()
}

#[tokio::test(start_paused = true)]
async fn a_half_of_an_adoption_harms_nothing_and_the_next_run_does_the_rest() {
    let begun = async |face: &Face| {
        let (events, _receiver) = Events::channel();
        let (mut options, mask) = (options(), |_: &str| {});
        let mut request = request(face, "local", "k3d-x", &[]);
        request.adopts = true;
        begin(request, &mut options, false, &mask, &events).await.map(drop)
    };
    let clean = face();
    install(&clean, old_installation()).await;
    begun(&clean).await.unwrap();
    let (requests, expected) = (clean.faults().requests(), managers(&clean));
    let faults = [Fault::Refused(500), Fault::Refused(409), Fault::Refused(403), Fault::Reset, Fault::ReplyLost];
    let installed = old_installation().len() as u64 + 1;
    // Each request once: with another fault than the next one's.
    for (n, fault) in (1..=requests - installed).zip(faults.into_iter().cycle()) {
        let face = face();
        install(&face, old_installation()).await;
        let before = all(&face);
        face.faults().at(n, fault);
        let _ = begun(&face).await;
        for (name, object) in all(&face) {
            for part in ["spec", "data", "type"] {
                assert_eq!(object.get(part), before[&name].get(part), "{fault:?} at {n}: {name}");
            }
        }
        face.faults().clear();
        sleep(Duration::from_secs(61)).await;
        begun(&face).await.unwrap_or_else(|refused| panic!("{fault:?} at {n}: {refused}"));
        assert_eq!(managers(&face), expected, "{fault:?} at {n}");
    }
}
