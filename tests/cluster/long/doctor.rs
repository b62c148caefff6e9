//! What `keyboss doctor` says of a real cluster, and whether a deploy bears it out.

use serde_json::{Value, json};

use crate::kubectl::{Namespace, eventually};
use crate::shop::Shop;

/// Its exit code, and what it found.
fn examined(shop: &Shop) -> (Option<i32>, Vec<Value>) {
    let output = shop.command(&["doctor"], &[]).output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    let told: Value =
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), told["findings"].as_array().unwrap().clone())
}

/// The findings of one check.
fn of<'a>(findings: &'a [Value], check: &str) -> Vec<&'a Value> {
    findings.iter().filter(|finding| finding["check"] == check).collect()
}

/// A ResourceQuota as long as one test runs.
struct Quota<'a>(&'a Namespace);

impl<'a> Quota<'a> {
    const NAME: &'static str = "keyboss-test-quota";

    /// Waits until the server counts against it.
    fn new(namespace: &'a Namespace, hard: &Value) -> Self {
        let name = Self::NAME;
        namespace.create(&json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name,
            "namespace": namespace.0}, "spec": {"hard": hard}}));
        let quota = Self(namespace);
        eventually(60, "the quota is counted", || quota.used());
        quota
    }

    /// What is used of it.
    fn used(&self) -> Option<Value> {
        let quota = self.0.get(&["resourcequota", Self::NAME]);
        let used = &quota["status"]["used"];
        (quota["status"]["hard"] == quota["spec"]["hard"] && used.is_object()).then(|| used.clone())
    }
}

impl Drop for Quota<'_> {
    fn drop(&mut self) {
        self.0.run(&["delete", "resourcequota", Self::NAME, "--ignore-not-found"]);
    }
}

#[test]
#[ignore = "needs a cluster"]
fn where_a_shop_stands_nothing_fails_and_a_quota_that_it_fills_holds_nobody_up() {
    let shop = Shop::shared();
    let (code, findings) = examined(&shop);
    assert_eq!(code, Some(0), "{findings:?}");
    for check in [
        "manifests",
        "context",
        "server",
        "clock",
        "namespace",
        "rights",
        "objects",
        "secrets",
        "releases",
        "lock",
        "storage",
    ] {
        let all = of(&findings, check);
        assert!(!all.is_empty() && all.iter().all(|finding| finding["verdict"] == "ok"), "{check}: {all:?}");
    }

    let resources =
        ["pods", "requests.cpu", "requests.memory", "limits.memory", "persistentvolumeclaims", "requests.storage"];
    let plenty: Value = resources.map(|resource| (resource.to_owned(), json!("1000Gi"))).into_iter().collect();
    let used = Quota::new(&shop.namespace, &plenty).used().unwrap();
    let full = Quota::new(&shop.namespace, &used);
    let (code, findings) = examined(&shop);
    assert_eq!(code, Some(0), "{used}: {:?}", of(&findings, "quota"));
    // A rolling update has a pod more for a while.
    let told = of(&findings, "quota");
    let pods = told.iter().find(|finding| finding["found"].as_str().unwrap().contains(": pods: 0 of ")).expect("pods");
    assert_eq!(pods["verdict"], "warn", "{told:?}");
    // Claims are there, and no more of them are asked for.
    assert!(!told.iter().any(|finding| finding["found"].as_str().unwrap().contains("storage")), "{told:?}");
    assert!(shop.deploy(&[]).succeeded().written().is_empty());
    drop(full);
}

#[test]
#[ignore = "needs a cluster"]
fn a_tight_quota_is_told_before_a_deploy_and_then_refuses_it() {
    let shop = Shop::local("keyboss-quota");
    let _alone = shop.namespace.alone();
    shop.namespace.say(&["create", "namespace", "keyboss-quota"]);
    let fails = |words: &str| {
        let (code, findings) = examined(&shop);
        let quota = of(&findings, "quota");
        assert_eq!(code, Some(1), "{findings:?}");
        let is_told =
            |finding: &&&Value| finding["verdict"] == "fail" && finding["found"].as_str().unwrap().contains(words);
        assert!(quota.iter().any(|finding| is_told(&finding)), "{words:?}: {quota:?}");
        let others = findings.iter().filter(|finding| finding["verdict"] == "fail" && finding["check"] != "quota");
        assert_eq!(others.count(), 0, "{findings:?}");
    };

    // What one object is too many for, the server refuses before anything is written.
    let quota = Quota::new(&shop.namespace, &json!({"configmaps": "0"}));
    fails("configmaps: 0 of 0 free: a deploy needs ");
    let run = shop.deploy(&[]);
    assert_eq!(run.code, Some(2), "{}", run.text());
    assert!(run.stderr.contains("exceeded quota") && run.events.is_empty(), "{}", run.text());
    drop(quota);

    // What their pods are too many for shows only when controllers make them.
    let quota = Quota::new(&shop.namespace, &json!({"pods": "1"}));
    fails("pods: 1 of 1 free: a deploy needs ");
    let run = shop.deploy(&["--timeout", "60s"]);
    assert_eq!(run.code, Some(1), "{}", run.text());
    assert!(run.text().contains("exceeded quota"), "{}", run.text());
    drop(quota);
}
