//! Taking over what `kubectl apply` has deployed.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use rsa::rand_core::OsRng;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::kubectl::{Namespace, eventually};
use crate::shop::Shop;

const NAMESPACE: &str = "keyboss-old";
/// Every value of the old secrets that is no key.
const VALUE: &str = "an-old-password-of-32-characters";

/// `keyboss render` as an old script's manifests: without our labels and checksums, with values in the secrets, and
/// with an environment variable that ours have not.
fn old_manifests() -> Vec<Value> {
    let set = format!("--set=namespace={NAMESPACE}");
    let output = Command::new(env!("CARGO_BIN_EXE_keyboss")).args(["render", "--local", &set]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let documents = serde_yaml::Deserializer::from_slice(&output.stdout);
    let all = documents.map(|document| Value::deserialize(document).unwrap());
    // A Job of the same name would be the same Job; and the cluster has no Prometheus operator.
    let kinds = |object: &Value| !matches!(object["kind"].as_str(), Some("Job" | "ServiceMonitor" | "Namespace"));
    all.filter(kinds).map(aged).collect()
}

fn aged(mut object: Value) -> Value {
    strip(&mut object["metadata"]);
    if let Some(template) = object.pointer_mut("/spec/template") {
        strip(&mut template["metadata"]);
    }
    if let Some(values) = object.pointer_mut("/stringData").and_then(Value::as_object_mut) {
        for (key, value) in values {
            *value = json!(if key == "RSA_PRIVATE_KEY" { rsa_key() } else { VALUE.to_owned() });
        }
    }
    let older = [
        ("HorizontalPodAutoscaler", "autoscaling/v2beta2"),
        ("CronJob", "batch/v1beta1"),
        ("PodDisruptionBudget", "policy/v1beta1"),
    ];
    for (kind, version) in older {
        if object["kind"] == kind {
            object["apiVersion"] = json!(version);
        }
    }
    if object["metadata"]["name"] == "saleor-dashboard" && object["kind"] == "Deployment" {
        let environment = object.pointer_mut("/spec/template/spec/containers/0/env").unwrap().as_array_mut().unwrap();
        environment.push(json!({"name": "OLD", "value": "1"}));
    }
    if object["metadata"]["name"] == "keyboss-config" {
        object["data"]["OLD"] = json!("1");
    }
    object
}

fn rsa_key() -> String {
    RsaPrivateKey::new(&mut OsRng, 2048).unwrap().to_pkcs8_pem(LineEnding::LF).unwrap().to_string()
}

fn strip(metadata: &mut Value) {
    for field in ["labels", "annotations"] {
        let Some(map) = metadata.get_mut(field).and_then(Value::as_object_mut) else { continue };
        map.retain(|key, _| {
            !key.contains("keyboss") && key != "app.kubernetes.io/managed-by" && !key.ends_with("part-of")
        });
    }
}

/// Every object of the old manifests as it is now, by kind and name.
fn living(namespace: &Namespace, manifests: &[Value]) -> BTreeMap<String, Value> {
    let live = |object: &Value| {
        let (kind, name) = (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        (format!("{kind} {name}"), namespace.get(&[kind, name]))
    };
    manifests.iter().map(live).collect()
}

/// A Deployment's template, but for what the watchdog writes when PostgreSQL's StatefulSet rolls.
fn template(deployment: &Value) -> Value {
    let mut template = deployment["spec"]["template"].clone();
    if let Some(notes) = template.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        notes.remove("keyboss.io/postgres-epoch");
        if notes.is_empty() {
            template["metadata"].as_object_mut().unwrap().remove("annotations");
        }
    }
    template
}

#[test]
#[ignore = "needs a cluster"]
fn an_old_installation_is_taken_over_with_its_secrets_and_data() {
    let shop = Shop::local(NAMESPACE);
    let _alone = shop.namespace.alone();
    shop.namespace.say(&["create", "namespace", NAMESPACE]);
    let manifests = old_manifests();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("old.json");
    fs::write(&file, json!({"apiVersion": "v1", "kind": "List", "items": manifests}).to_string()).unwrap();
    shop.namespace.say(&["apply", "-f", file.to_str().unwrap()]);
    for set in ["postgres", "redis"] {
        eventually(300, &format!("{set} is Ready"), || {
            (shop.namespace.get(&["statefulset", set])["status"]["readyReplicas"] == 2).then_some(())
        });
    }
    let table = "create table kept (id int); insert into kept values (7)";
    eventually(60, "the database takes a row", || shop.namespace.query("postgres-0", table));
    let before = living(&shop.namespace, &manifests);

    let run = shop.deploy(&[]);
    assert_eq!(run.code, Some(2), "{}", run.text());
    for name in before.keys() {
        assert!(run.stderr.contains(&format!("{name} exists and is not managed by keyboss")), "{name}: {}", run.stderr);
    }
    assert!(run.stderr.contains("or take it over with --adopt"), "{}", run.stderr);

    // A failed one goes back to the old configuration.
    let image = "images.dashboard.tag=missing";
    let run = shop.deploy(&["--adopt", "--set", image]);
    assert_eq!(run.code, Some(1), "{}", run.text());
    let back = living(&shop.namespace, &manifests);
    for (name, object) in before.iter().filter(|(name, _)| name.starts_with("Deployment ")) {
        assert_eq!(template(&back[name]), template(object), "{name}");
    }

    shop.rehearse(&["--adopt"]).succeeded();
    shop.deploy(&["--adopt"]).succeeded();
    let after = living(&shop.namespace, &manifests);
    for (name, object) in &after {
        let metadata = &object["metadata"];
        assert_eq!(metadata["uid"], before[name]["metadata"]["uid"], "{name}");
        assert_eq!(metadata["labels"]["app.kubernetes.io/managed-by"], "keyboss", "{name}");
        let notes = metadata["annotations"].as_object();
        assert!(notes.is_none_or(|notes| notes.keys().all(|key| !key.contains("last-applied"))), "{name}");
        // Newer kubectl leaves the managers out of JSON.
        let (kind, object) = name.split_once(' ').unwrap();
        let managers =
            shop.namespace.say(&["get", kind, object, "-o", "jsonpath={.metadata.managedFields[*].manager}"]);
        assert!(managers.contains("keyboss") && !managers.contains("kubectl"), "{name}: {managers}");
    }
    assert_eq!(after["Secret keyboss-secrets"]["data"], before["Secret keyboss-secrets"]["data"]);
    assert_eq!(after["ConfigMap keyboss-config"]["data"].get("OLD"), None);
    assert!(!after["Deployment saleor-dashboard"]["spec"]["template"].to_string().contains("OLD"));
    assert_eq!(shop.namespace.query("postgres-0", "select id from kept").as_deref(), Some("7"));

    let pods = shop.pods();
    let run = shop.deploy(&[]).succeeded();
    assert!(run.written().is_empty(), "{:?}", run.written());
    assert_eq!(shop.pods(), pods);
}
