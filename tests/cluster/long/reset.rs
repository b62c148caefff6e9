//! A reset on a cluster whose volumes and finalizers are real: what keyboss manages is new, and nothing else is touched.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use crate::kubectl::{Alone, Namespace, eventually};
use crate::shop::{Run, Shop};

const NAMESPACE: &str = "keyboss-reset";
const BACKUPS: &str = "PersistentVolumeClaim postgres-backup";

/// The uid of every object of these kinds, by kind and name.
fn uids(namespace: &Namespace) -> BTreeMap<String, String> {
    let kinds = "configmap,secret,service,serviceaccount,persistentvolumeclaim,deployment,statefulset,job,cronjob,\
                 horizontalpodautoscaler,poddisruptionbudget,ingress,role,rolebinding";
    let named = |item: serde_json::Value| {
        let text = |pointer: &str| item.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        (format!("{} {}", text("/kind"), text("/metadata/name")), text("/metadata/uid"))
    };
    namespace.items(&[kinds]).into_iter().map(named).collect()
}

/// A shop beside what is somebody else's.
fn shop() -> (Shop, Alone) {
    let shop = Shop::local(NAMESPACE);
    let alone = shop.namespace.alone();
    shop.deploy(&[]).succeeded();
    shop.namespace.say(&["create", "deployment", "their-api", "--image=postgres:15.18", "--replicas=0"]);
    for secret in ["their-secret", "ksm-kubeconfig"] {
        shop.namespace.say(&["create", "secret", "generic", secret, "--from-literal=a=1"]);
    }
    (shop, alone)
}

/// What a reset and the deploy after it leave behind.
fn assert_renewed(shop: &Shop, before: &BTreeMap<String, String>) {
    let after = uids(&shop.namespace);
    for object in ["Deployment their-api", "Secret their-secret", "Secret ksm-kubeconfig", BACKUPS] {
        assert!(before.contains_key(object), "{object}: {before:?}");
        assert_eq!(after.get(object), before.get(object), "{object} is another one");
    }
    let ours = ["Deployment saleor-api", "StatefulSet postgres", "Secret keyboss-secrets", "ConfigMap keyboss-config"];
    let data = ["data-postgres-0", "data-postgres-1", "data-redis-0", "saleor-media"];
    let data = data.map(|name| format!("PersistentVolumeClaim {name}"));
    for object in ours.iter().map(ToString::to_string).chain(data) {
        assert!(before.contains_key(&object) && after.contains_key(&object), "{object}: {after:?}");
        assert_ne!(after.get(&object), before.get(&object), "{object} is the old one");
    }
    assert!(after.contains_key("ConfigMap keyboss-release-1"), "the records stay: {after:?}");
    assert!(shop.deploy(&[]).succeeded().written().is_empty(), "nothing is left to do");
}

/// Whether a run was refused because of a reset that was broken off.
fn is_refused(run: &Run) -> bool {
    run.code == Some(2) && run.stderr.contains("a reset that was broken off") && run.events.is_empty()
}

#[test]
#[ignore = "needs a cluster"]
fn a_reset_renews_the_shop_and_leaves_others_alone() {
    let (shop, _alone) = shop();
    let before = uids(&shop.namespace);
    shop.create_product("of before");
    shop.product_arrives("postgres-0", "of before");

    // Without a terminal nobody can agree, and what would go is only told.
    let refused = shop.deploy(&["--reset"]);
    assert_eq!(refused.code, Some(2), "{}", refused.text());
    assert!(refused.stderr.contains("--yes"), "{}", refused.text());
    let told = shop.deploy(&["--reset", "--dry-run"]).succeeded();
    let planned = &told.of("reset-planned")[0];
    let sizes = planned["data"].as_array().unwrap();
    assert!(sizes.contains(&json!({"object": "PersistentVolumeClaim data-postgres-0", "size": "5Gi"})), "{planned}");
    assert_eq!(planned["kept"][0]["object"], BACKUPS);
    assert_eq!(uids(&shop.namespace), before);
    shop.rehearse(&["--reset"]).succeeded();
    assert_eq!(uids(&shop.namespace), before);

    let volumes = |of: &Namespace| {
        let claims = of.items(&["persistentvolumeclaims"]);
        let data = claims.into_iter().filter(|claim| claim["metadata"]["name"] != "postgres-backup");
        data.map(|claim| claim["spec"]["volumeName"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let old = volumes(&shop.namespace);
    // No backup, no loss.
    shop.namespace.say(&["scale", "statefulset", "postgres", "--replicas=0"]);
    let saved = ["--reset", "--yes", "--backup-first"];
    let refused = shop.deploy(&saved);
    assert!(refused.code == Some(2) && refused.stderr.contains("nothing is deleted"), "{}", refused.text());
    shop.namespace.say(&["scale", "statefulset", "postgres", "--replicas=2"]);
    shop.namespace.say(&["rollout", "status", "statefulset", "postgres", "--timeout=180s"]);
    let renewed = shop.deploy(&saved).succeeded();
    assert!(renewed.stderr.contains("backup done: 1 kept"), "{}", renewed.text());
    assert_renewed(&shop, &before);
    let left = shop.namespace.items(&["persistentvolumes"]);
    let is_old = |volume: &&serde_json::Value| old.iter().any(|name| volume["metadata"]["name"] == name.as_str());
    assert_eq!(left.iter().find(is_old), None, "a volume with the old data");
    let count = "select count(*) from product_product where name = 'of before'";
    assert_eq!(shop.namespace.query("postgres-0", count).as_deref(), Some("0"));

    let backups = uids(&shop.namespace)[BACKUPS].clone();
    shop.deploy(&["--reset", "--with-backups", "--yes"]).succeeded();
    assert_ne!(uids(&shop.namespace)[BACKUPS], backups);
}

#[test]
#[ignore = "needs a cluster"]
fn a_reset_that_is_killed_is_refused_to_deploy_and_finished_by_another() {
    let (shop, _alone) = shop();
    // It cannot end before it is killed.
    let hold = r#"{"metadata":{"finalizers":["kubernetes.io/pvc-protection","example.com/archive"]}}"#;
    shop.namespace.say(&["patch", "pvc", "data-redis-0", "-p", hold]);
    let before = uids(&shop.namespace);
    let mut command = shop.command(&["deploy"], &["--reset", "--yes"]);
    let mut keyboss = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually(180, "a claim is gone", || {
        (!uids(&shop.namespace).contains_key("PersistentVolumeClaim data-postgres-0")).then_some(())
    });
    keyboss.kill().unwrap();
    keyboss.wait().unwrap();
    // Its lock has to expire.
    sleep(Duration::from_secs(61));
    let refused = shop.deploy(&[]);
    assert!(is_refused(&refused), "{}", refused.text());
    assert!(uids(&shop.namespace).contains_key("Secret keyboss-secrets"), "secrets outlive the data");

    shop.namespace.say(&["patch", "pvc", "data-redis-0", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]);
    shop.deploy(&["--reset", "--yes"]).succeeded();
    assert_renewed(&shop, &before);
}
