//! Copies of dumps in a store outside the shop's namespace: what is lost with that comes back.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::backup::keyboss;
use crate::kubectl::{Alone, Namespace, eventually};
use crate::shop::Shop;

const SHOP: &str = "keyboss-lost";
const STORE: &str = "keyboss-store";
const KEY: [&str; 2] = ["keyboss", "a-key-that-nobody-sees"];

/// SeaweedFS in a namespace of its own; the program is this machine's.
fn store() -> (Namespace, Alone) {
    let program = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/seaweedfs")).output().unwrap().stdout;
    let program = String::from_utf8(program).unwrap();
    let folder = Path::new(program.trim()).parent().unwrap();
    let namespace = Namespace(STORE.to_owned());
    let alone = namespace.alone();
    namespace.say(&["create", "namespace", STORE]);
    let identities = json!({"identities": [{"name": "keyboss", "actions": ["Admin", "Read", "Write", "List"],
        "credentials": [{"accessKey": KEY[0], "secretKey": KEY[1]}]}]});
    let start = format!(
        "mkdir /tmp/data; echo '{identities}' >/tmp/s3.json; exec /store/weed server -dir=/tmp/data -s3.config=/tmp/s3.json \
         -filer -s3 -volume.max=20 -master.volumeSizeLimitMB=64"
    );
    namespace.create(
        &json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "store", "labels": {"app": "store"}},
        "spec": {"containers": [{"name": "store", "image": "keyboss-test/debian:12", "command": ["sh", "-c", start],
            "volumeMounts": [{"name": "program", "mountPath": "/store", "readOnly": true}]}],
            "volumes": [{"name": "program", "hostPath": {"path": folder}}]}}),
    );
    namespace.create(&json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "store"},
        "spec": {"selector": {"app": "store"}, "ports": [{"port": 8333}]}}));
    let bucket = "curl -sf --aws-sigv4 aws:amz:us-east-1:s3 --user \"$0\" -X PUT http://localhost:8333/dumps";
    let bucket = ["exec", "store", "--", "sh", "-c", bucket, &KEY.join(":")];
    eventually(120, "the store takes a bucket", || namespace.run(&bucket).status.success().then_some(()));
    (namespace, alone)
}

/// Where each dump is, by name, the oldest first: on the volume, off site.
fn places(shop: &Shop) -> Vec<(String, bool, Value)> {
    let output = shop.keyboss(&["backup", "list", "--output=json"]).output().unwrap();
    let catalogue: Value = serde_json::from_slice(&output.stdout).unwrap();
    let place = |backup: &Value| {
        let name = backup["name"].as_str().unwrap().to_owned();
        (name, backup["onVolume"].as_bool().unwrap(), backup["offSite"].clone())
    };
    catalogue["backups"].as_array().unwrap().iter().map(place).collect()
}

#[test]
#[ignore = "needs a cluster"]
fn a_lost_namespace_comes_back_from_the_store() {
    let (store, _store) = store();
    let endpoint = format!("backup.offSite.endpoint=http://store.{STORE}:8333");
    let settings = [endpoint.as_str(), "backup.offSite.bucket=dumps", "backup.offSite.schedule=\"* * * * *\""];
    let alone = Namespace(SHOP.to_owned()).alone();
    let refused = Shop::local(SHOP).with(&settings, &[]).deploy(&[]);
    assert!(
        refused.code == Some(2) && refused.text().contains("KEYBOSS_SECRET_BACKUP_S3_ACCESS_KEY_ID"),
        "{}",
        refused.text()
    );
    let secrets = [("BACKUP_S3_ACCESS_KEY_ID", KEY[0]), ("BACKUP_S3_SECRET_ACCESS_KEY", KEY[1])];
    let shop = Shop::local(SHOP).with(&settings, &secrets);
    shop.deploy(&[]).succeeded();
    shop.create_product("sold before");
    shop.product_arrives("postgres-0", "sold before");
    let (code, said) = keyboss(&shop, &["now"]);
    assert!(code == 0 && said.contains("read back and compared") && !said.contains(KEY[1]), "{said}");

    // The store is away: the dump stays on the volume, and is copied when the store is back.
    store.say(&["patch", "service", "store", "-p", r#"{"spec": {"selector": {"app": "nobody"}}}"#]);
    let (code, said) = keyboss(&shop, &["now"]);
    assert!(code == 1 && said.contains("backup done") && said.contains("look at backup.offSite"), "{said}");
    let unknown = places(&shop);
    assert!(
        unknown.len() == 2 && unknown.iter().all(|(_, on_volume, off_site)| *on_volume && off_site.is_null()),
        "{unknown:?}"
    );
    store.say(&["patch", "service", "store", "-p", r#"{"spec": {"selector": {"app": "store"}}}"#]);
    let both = eventually(180, "both are off site", || {
        let both = places(&shop);
        both.iter().all(|(_, _, off_site)| *off_site == true).then_some(both)
    });
    let name = both[1].0.clone();

    // All is lost.
    drop(alone);
    let _alone = shop.namespace.alone();
    shop.deploy(&[]).succeeded();
    let sold = || {
        let count = "SELECT count(*) FROM product_product WHERE name = 'sold before'";
        shop.namespace.query(&shop.roles("POSTGRES_HOST").0, count).unwrap()
    };
    assert_eq!(sold(), "0");
    assert!(places(&shop).iter().all(|(_, on_volume, off_site)| !on_volume && *off_site == true));
    let (code, said) = keyboss(&shop, &["verify", &both[0].0]);
    assert!(code == 0 && said.contains("is on the volume again") && said.contains("is whole"), "{said}");
    let (code, said) = keyboss(&shop, &["restore", &name, "--yes"]);
    assert!(code == 0 && said.contains(&format!("{name} is off site only")), "{said}");
    assert_eq!(sold(), "1");
    shop.deploy(&[]).succeeded();
}
