//! What `keyboss diff` shows on a real cluster, and whether a deploy of its plan bears it out.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::kubectl::eventually;
use crate::shop::Shop;

const HOSTS: [&str; 2] = ["--set", "saleor.allowedHosts=[diff.example]"];

/// Its exit code, and what it told.
fn differs(shop: &Shop, more: &[&str]) -> (Option<i32>, Value) {
    let output = shop.command(&["diff"], more).output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    let told = serde_json::from_str(&line);
    let told = told.unwrap_or_else(|_| panic!("{line}{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), told)
}

/// The names in a list.
fn names(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
#[ignore = "needs a cluster"]
fn what_is_shown_is_what_a_deploy_does_and_a_plan_of_it_is_done_once() {
    let shop = Shop::shared();
    let (code, told) = differs(&shop, &[]);
    assert_eq!((code, &told["objects"]), (Some(0), &json!([])), "{told}");

    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.json");
    let plan = plan.to_str().unwrap();
    let (code, told) = differs(&shop, &[&HOSTS[..], &["--save", plan]].concat());
    assert_eq!(code, Some(1), "{told}");
    let objects = told["objects"].as_array().unwrap();
    // What the server fills in is no difference: only the ConfigMap has lines.
    for one in objects {
        let lines = one["lines"].as_array().unwrap();
        assert_eq!(one["object"] == "ConfigMap keyboss-config", !lines.is_empty(), "{one}");
    }
    let restarting = names(&told["restarting"]);
    assert_eq!(restarting, ["celery-beat", "celery-worker", "saleor-api"].map(str::to_owned).into());

    let follow = || shop.deploy(&[&HOSTS[..], &["--plan", plan]].concat());
    let annotate = |note: &str| shop.namespace.say(&["annotate", "deployment", "saleor-dashboard", note]);
    annotate("diff.example/note=by-hand");
    let run = follow();
    annotate("diff.example/note-");
    assert_eq!(run.code, Some(2), "{}", run.text());
    assert!(run.stderr.contains("  - Deployment saleor-dashboard was changed in the cluster"), "{}", run.text());
    assert!(run.written().is_empty(), "{}", run.text());

    let before = shop.pods();
    let run = follow().succeeded();
    let planned: BTreeSet<&str> = objects.iter().filter_map(|one| one["object"].as_str()).collect();
    assert_eq!(run.written().into_iter().collect::<BTreeSet<_>>(), planned);
    let is_restarted = |pod: &String| restarting.iter().any(|name| pod.starts_with(&format!("{name}-")));
    let stay: BTreeSet<&String> = before.keys().filter(|pod| !is_restarted(pod)).collect();
    eventually(120, "the pods of those workloads, and no others, are new", || {
        let after = shop.pods();
        let same = before.iter().filter(|(pod, (uid, _))| after.get(*pod).is_some_and(|(is, _)| is == uid));
        (same.map(|(pod, _)| pod).collect::<BTreeSet<_>>() == stay).then_some(())
    });

    let run = follow();
    assert_eq!(run.code, Some(2), "{}", run.text());
    assert!(run.stderr.contains("was made since") && run.events.is_empty(), "{}", run.text());
    shop.deploy(&[]).succeeded();
}
