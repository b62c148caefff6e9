//! Any moment of the archived write-ahead log: what was deleted comes back as it was just before.

use serde_json::Value;

use super::backup::keyboss;
use crate::kubectl::{Namespace, eventually};
use crate::monitors::query;
use crate::shop::Shop;

const NAMESPACE: &str = "keyboss-moments";

#[test]
#[ignore = "needs a cluster"]
fn a_bad_migration_is_undone_to_the_moment_before_it() {
    let _alone = Namespace(NAMESPACE.to_owned()).alone();
    let shop = Shop::local(NAMESPACE);
    shop.deploy(&[]).succeeded();
    let (code, said) = keyboss(&shop, &["span"]);
    assert!(code == 2 && said.contains("set backup.pointInTime.enabled=true"), "{said}");

    let shop = shop.with(&["backup.pointInTime.enabled=true"], &[]);
    shop.deploy(&[]).succeeded();
    shop.until_guarded();
    let primary = shop.roles("POSTGRES_HOST").0;
    shop.create_product("sold before");
    shop.product_arrives(&primary, "sold before");
    let ask = |question: &str| shop.namespace.query(&primary, question).unwrap();
    let before = ask("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
    ask("DROP TABLE product_product CASCADE");
    let span = eventually(180, "the moment is archived", || {
        let (code, said) = keyboss(&shop, &["span", "--output=json"]);
        assert_eq!(code, 0, "{said}");
        let spans: Value = serde_json::from_str(&said).unwrap();
        let last = spans["spans"].as_array().unwrap().last()?.clone();
        (last["until"].as_str().unwrap() > before.as_str()).then_some(last)
    });
    assert!(span["from"].as_str().unwrap() < before.as_str(), "{span}");

    // Nobody is made to wait by it, and Prometheus sees it.
    assert_eq!(ask("SHOW synchronous_standby_names"), format!("\"{}\"", shop.roles("POSTGRES_HOST").1));
    eventually(90, "Prometheus counts the archive", || {
        let found = query(&shop, r#"kube_deployment_status_replicas_available{deployment="postgres-archive"}"#)?;
        (found.first()?["value"][1] == "1").then_some(())
    });

    let at = format!("--at={before}");
    let (code, said) = keyboss(&shop, &["restore", &at]);
    assert!(code == 2 && said.contains("add --yes"), "{said}");
    let (code, said) = keyboss(&shop, &["restore", "--at=2026-01-01T00:00:00Z", "--yes"]);
    assert!(code == 1 && said.contains("cannot be restored, but what was there from"), "{said}");
    let (code, said) = keyboss(&shop, &["restore", &at, "--to=old_shop"]);
    assert!(code == 0 && said.contains("restored: database old_shop"), "{said}");
    let (code, said) = keyboss(&shop, &["restore", &at, "--yes"]);
    assert_eq!(code, 0, "{said}");
    let primary = shop.roles("POSTGRES_HOST").0;
    let sold = "SELECT count(*) FROM product_product WHERE name = 'sold before'";
    assert_eq!(shop.namespace.query(&primary, sold).as_deref(), Some("1"), "{said}");
    shop.create_product("sold after");
    shop.product_arrives(&primary, "sold after");
    shop.deploy(&[]).succeeded();

    // Switched off, it goes, and its volume stays.
    Shop::local(NAMESPACE).deploy(&["--prune"]).succeeded();
    let (code, said) = keyboss(&shop, &["span"]);
    assert!(code == 2 && said.contains("set backup.pointInTime.enabled=true"), "{said}");
    assert_eq!(shop.namespace.get(&["pvc", "postgres-archive"])["status"]["phase"], "Bound");
}
