//! What a first deploy writes and a later one leaves to whoever moves it.

use crate::project;
use crate::shop::Shop;

#[test]
#[ignore = "needs a cluster"]
fn a_second_initial_path_leaves_the_first_alone() {
    let shop = Shop::shared();
    shop.lead("postgres-1");
    let project = project::copy();
    let manifest = project.path().join("manifests/1-config/config.yaml");
    project::replace(&manifest, "/data/REDIS_MASTER", "/data/REDIS_MASTER, /data/ADDED");
    project::replace(&manifest, "data:\n  POSTGRES_HOST", "data:\n  ADDED: one\n  POSTGRES_HOST");
    let arguments = ["--project", project.path().to_str().unwrap()];
    let data = || shop.namespace.get(&["configmap", "keyboss-config"])["data"].clone();
    shop.deploy(&arguments).succeeded();
    assert_eq!((&data()["ADDED"], &data()["POSTGRES_HOST"]), (&"one".into(), &"postgres-1.postgres".into()));
    // Whoever moves it owns it.
    shop.namespace.say(&["patch", "configmap", "keyboss-config", "-p", r#"{"data":{"ADDED":"two"}}"#]);
    shop.deploy(&arguments).succeeded();
    assert_eq!((&data()["ADDED"], &data()["POSTGRES_HOST"]), (&"two".into(), &"postgres-1.postgres".into()));
    shop.namespace.say(&["patch", "configmap", "keyboss-config", "-p", r#"{"data":{"ADDED":null}}"#]);
}

#[test]
#[ignore = "needs a cluster"]
fn a_deploy_moves_no_selector_back() {
    let shop = Shop::shared();
    shop.lead("postgres-1");
    let run = shop.deploy(&[]).succeeded();
    let selector = shop.namespace.get(&["service", "postgres-primary"])["spec"]["selector"].clone();
    assert_eq!(selector["statefulset.kubernetes.io/pod-name"], "postgres-1");
    assert!(run.written().is_empty(), "{:?}", run.written());
}

#[test]
#[ignore = "needs a cluster"]
fn demo_data_is_loaded_once_whatever_the_image() {
    let shop = Shop::shared();
    let products = || shop.namespace.query("postgres-0", "select count(*) from product_product").unwrap();
    let before = products();
    let run = shop.deploy(&["--set", "images.saleor.tag=next", "--only", "migration"]).succeeded();
    assert!(run.written().iter().any(|object| object.starts_with("Job saleor-seed-")), "{:?}", run.written());
    assert_eq!(products(), before);
    shop.deploy(&[]).succeeded();
}
