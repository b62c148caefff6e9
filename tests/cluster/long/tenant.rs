//! A tenant: rights in one namespace, and none to Roles, Namespaces or anything of the whole cluster.

use std::fs;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::kubectl::{Namespace, eventually, kubeconfig};

const TENANT: &str = "tenant-keyboss";

/// A kubeconfig of the tenant's account, which leads to the given server.
fn account(namespace: &Namespace, server: &str, authority: &str) -> String {
    let token = eventually(30, "the tenant's token", || {
        let secrets = namespace.items(&["secrets"]);
        let of_account = secrets.iter().find(|secret| {
            secret["metadata"]["annotations"]["kubernetes.io/service-account.name"] == "tenant"
                && secret["data"]["token"].is_string()
        });
        of_account.map(|secret| secret["data"]["token"].as_str().unwrap().to_owned())
    });
    let token = String::from_utf8(STANDARD.decode(token).unwrap()).unwrap();
    serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "deti",
        "clusters": [{"name": "deti", "cluster": {"server": server, "certificate-authority-data": authority}}],
        "users": [{"name": "tenant", "user": {"token": token}}],
        "contexts": [{"name": "deti", "context": {"cluster": "deti", "user": "tenant", "namespace": TENANT}}],
    })
    .to_string()
}

#[test]
#[ignore = "needs a cluster"]
fn a_tenant_deploys_with_rights_in_its_namespace_only() {
    let namespace = Namespace(TENANT.to_owned());
    let _alone = namespace.alone();
    namespace.say(&["create", "namespace", TENANT]);
    namespace.say(&["create", "serviceaccount", "tenant"]);
    let subject = format!("--serviceaccount={TENANT}:tenant");
    namespace.say(&["create", "rolebinding", "tenant", "--clusterrole=edit", &subject]);

    let admin = namespace.say(&["config", "view", "--raw", "--minify", "-o", "json"]);
    let admin: serde_json::Value = serde_json::from_str(&admin).unwrap();
    let cluster = &admin["clusters"][0]["cluster"];
    let authority = cluster["certificate-authority-data"].as_str().map_or_else(
        || STANDARD.encode(fs::read(cluster["certificate-authority"].as_str().unwrap()).unwrap()),
        str::to_owned,
    );
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    fs::write(&outside, account(&namespace, cluster["server"].as_str().unwrap(), &authority)).unwrap();
    let inside = folder.path().join("inside");
    fs::write(&inside, account(&namespace, "https://kubernetes.default.svc", &authority)).unwrap();
    let from_file = format!("--from-file=kubeconfig={}", inside.display());
    namespace.say(&["create", "secret", "generic", "ksm-kubeconfig", &from_file]);

    assert_ne!(kubeconfig(), outside);
    let output = Command::new(env!("CARGO_BIN_EXE_keyboss"))
        .args(["deploy", "--deti", "--kubeconfig"])
        .arg(&outside)
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(namespace.items(&["roles"]).is_empty());
    // It may not use Leases, and its watchdog may not either.
    eventually(30, "a watchdog leads", || {
        let maps = namespace.items(&["configmaps"]);
        let lead = maps.iter().find(|map| map["metadata"]["name"] == "keyboss-watchdog")?;
        lead["data"]["holderIdentity"].as_str().filter(|holder| holder.starts_with("postgres-watchdog-")).map(drop)
    });
    for claim in namespace.items(&["persistentvolumeclaims"]) {
        assert_eq!(claim["spec"]["storageClassName"], "longhorn", "{claim}");
        assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "1Gi", "{claim}");
    }
}
