//! The daily dump: whole or not at all, and a failed one costs no good one.

use serde_json::json;

use crate::kubectl::eventually;
use crate::shop::Shop;

/// Runs a shell command in the CronJob's own pod, with more environment; whether it succeeded, and its log.
fn run(shop: &Shop, name: &str, command: &str, environment: &[(&str, &str)]) -> (bool, String) {
    let succeeded = job(shop, name, command, environment);
    let log = shop.namespace.say(&["logs", &format!("job/{name}")]);
    shop.namespace.say(&["delete", "job", name]);
    (succeeded, log)
}

/// The same, and the Job stays: whether it succeeded.
pub fn job(shop: &Shop, name: &str, command: &str, environment: &[(&str, &str)]) -> bool {
    let cron = shop.namespace.get(&["cronjob", "postgres-backup"]);
    let mut spec = cron["spec"]["jobTemplate"]["spec"].clone();
    spec["backoffLimit"] = json!(0);
    let container = &mut spec["template"]["spec"]["containers"][0];
    container["command"] = json!(["bash", "-c", command]);
    for (name, value) in environment {
        let variables = container["env"].as_array_mut().unwrap();
        variables.retain(|variable| variable["name"] != *name);
        variables.push(json!({"name": name, "value": value}));
    }
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec});
    shop.namespace.run(&["delete", "job", name, "--ignore-not-found", "--wait"]);
    shop.namespace.create(&job);
    eventually(180, &format!("Job {name} ends"), || {
        let status = shop.namespace.get(&["job", name])["status"].clone();
        let ended = |kind: &str| status[kind].as_u64().unwrap_or(0) > 0;
        (ended("succeeded") || ended("failed")).then(|| ended("succeeded"))
    })
}

/// Every file of the volume, hidden ones too, but for the lock.
const LIST: &str = "cd /backup; ls -A | grep -vx -e .lock -e lost+found";

#[test]
#[ignore = "needs a cluster"]
fn backups_are_whole_and_seven_are_kept() {
    let shop = Shop::shared();
    let product = format!("dumped by {}", std::process::id());
    shop.create_product(&product);
    shop.product_arrives("postgres-0", &product);

    let eight = "rm -f /backup/*; for _ in 1 2 3 4 5 6 7 8; do bash /scripts/backup.sh && sleep 1.1 || exit 1; done";
    let (succeeded, log) = run(&shop, "backup-eight", eight, &[]);
    assert!(succeeded && log.contains("the 7 newest are kept"), "{log}");
    let (_, kept) = run(&shop, "backup-list", LIST, &[]);
    assert_eq!(kept.lines().count(), 7, "{kept}");
    assert!(kept.lines().all(|name| name.starts_with("keyboss-") && name.ends_with(".sql.gz")), "{kept}");
    let newest = kept.lines().max().unwrap();
    let (found, _) = run(&shop, "backup-look", &format!("zcat /backup/{newest} | grep -q '{product}'"), &[]);
    assert!(found, "{product} is not in {newest}");

    let backup = "bash /scripts/backup.sh";
    for (what, command, environment, words) in [
        ("no database", backup, [("PGDATABASE", "elsewhere")], "was not written to its end"),
        ("too short", backup, [("BACKUP_MIN_BYTES", "1000000000")], "bytes are no backup of a shop"),
        (
            "no room",
            "ulimit -f 1; bash /scripts/backup.sh",
            [("PGHOST", "postgres-primary")],
            "was not written to its end",
        ),
    ] {
        let (succeeded, log) = run(&shop, "backup-fails", command, &environment);
        assert!(!succeeded && log.contains("backup FAILED") && log.contains(words), "{what}: {log}");
        assert_eq!(run(&shop, "backup-list", LIST, &[]).1, kept, "{what}");
    }
}
