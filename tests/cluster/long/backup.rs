//! The daily dump: whole or not at all, and a failed one costs no good one. By hand it is taken, listed, verified, fetched.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Instant;

use serde_json::{Value, json};

use crate::kubectl::eventually;
use crate::monitors::query;
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

    let eight = "rm -f /backup/*; for _ in 1 2 3 4 5 6 7 8; do bash /scripts/backup.sh || exit 1; done";
    let (succeeded, log) = run(&shop, "backup-eight", eight, &[]);
    assert!(succeeded && log.contains("the 7 newest are kept"), "{log}");
    let (_, kept) = run(&shop, "backup-list", LIST, &[]);
    let dumps: Vec<&str> = kept.lines().filter_map(|name| name.strip_suffix(".sql.gz")).collect();
    let manifests: Vec<&str> = kept.lines().filter_map(|name| name.strip_suffix(".json")).collect();
    assert_eq!((dumps.len(), kept.lines().count()), (7, 14), "{kept}");
    assert_eq!(dumps, manifests);
    assert!(dumps.iter().all(|name| name.starts_with("keyboss-")), "{kept}");
    let newest = kept.lines().filter(|name| name.ends_with(".sql.gz")).max().unwrap();
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

/// Runs `keyboss backup`: its exit code, and what it said.
pub fn keyboss(shop: &Shop, arguments: &[&str]) -> (i32, String) {
    let output = shop.keyboss(&[&["backup"], arguments].concat()).output().unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    (output.status.code().unwrap(), said)
}

#[test]
#[ignore = "needs a cluster"]
fn a_backup_by_hand_is_listed_verified_and_fetched() {
    let shop = Shop::shared();
    let (code, said) = keyboss(&shop, &["now"]);
    assert!(code == 0 && said.contains("backup done"), "{said}");
    let (_, said) = keyboss(&shop, &["list", "--output=json"]);
    let catalogue: Value = serde_json::from_str(&said).unwrap();
    let newest = catalogue["backups"].as_array().unwrap().last().unwrap();
    let name = newest["name"].as_str().unwrap();
    let standby = shop.roles("POSTGRES_HOST").1;
    assert_eq!(newest["manifest"]["source"], format!("{standby}.postgres"));
    let (code, said) = keyboss(&shop, &["verify", name]);
    assert!(code == 0 && said.contains(&format!("{name} is whole")), "{said}");
    let (code, said) = keyboss(&shop, &["verify", "keyboss-of-last-year"]);
    assert!(code == 1 && said.contains("there is no backup keyboss-of-last-year"), "{said}");

    let database = format!("old_shop_{}", std::process::id());
    let (code, said) = keyboss(&shop, &["restore", name, "--to", &database]);
    assert!(code == 0 && said.contains(&format!("restored: database {database}")), "{said}");
    let primary = shop.roles("POSTGRES_HOST").0;
    shop.namespace.query(&primary, &format!("DROP DATABASE {database}"));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.sql.gz");
    let (code, said) = keyboss(&shop, &["fetch", name, file.to_str().unwrap()]);
    assert!(code == 0 && said.contains("as its manifest says"), "{said}");
    assert_eq!(file.metadata().unwrap().len(), newest["bytes"].as_u64().unwrap());
    let (code, said) = keyboss(&shop, &["fetch", name, file.to_str().unwrap()]);
    assert!(code == 2 && said.contains("is there already"), "{said}");
    let published = eventually(90, "Prometheus knows the backup", || {
        query(&shop, "keyboss_backup_size_bytes")?.first()?["value"][1].as_str().map(str::to_owned)
    });
    assert_eq!(published, newest["bytes"].to_string());
}

#[test]
#[ignore = "needs a cluster"]
fn a_backup_replaces_the_database_and_what_is_broken_off_is_undone() {
    let shop = Shop::shared();
    let [kept, lost] = ["kept", "lost"].map(|what| format!("{what} by a restore of {}", std::process::id()));
    let sold = |product: &str| {
        let count = format!("SELECT count(*) FROM product_product WHERE name = '{product}'");
        shop.namespace.query(&shop.roles("POSTGRES_HOST").0, &count).unwrap()
    };
    shop.create_product(&kept);
    eventually(60, "the product is stored", || (sold(&kept) == "1").then_some(()));
    let (code, said) = keyboss(&shop, &["now"]);
    assert_eq!(code, 0, "{said}");
    let (_, said) = keyboss(&shop, &["list", "--output=json"]);
    let catalogue: Value = serde_json::from_str(&said).unwrap();
    let name = catalogue["backups"].as_array().unwrap().last().unwrap()["name"].as_str().unwrap().to_owned();
    shop.create_product(&lost);
    eventually(60, "the other product is stored", || (sold(&lost) == "1").then_some(()));
    let (code, said) = keyboss(&shop, &["restore", &name]);
    assert!(code == 2 && said.contains("add --yes"), "{said}");

    // Killed while the shop stands still.
    let mut child = shop.keyboss(&["backup", "restore", &name, "--yes"]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.into_iter().any(|line| line.contains("dumping what there is now")));
    child.kill().unwrap();
    child.wait().unwrap();
    let pods = || shop.namespace.get(&["deployment", "saleor-api"])["status"]["readyReplicas"].as_u64().unwrap_or(0);
    assert_eq!(pods(), 0);
    // Its lock lives on for a minute; afterwards a deploy is refused.
    let refused = eventually(150, "the lock expires", || {
        let run = shop.deploy(&[]);
        (run.code != Some(4)).then_some(run)
    });
    assert!(refused.code == Some(2) && refused.text().contains("keyboss backup undo"), "{}", refused.text());
    let said = eventually(150, "it is undone", || {
        let (code, said) = keyboss(&shop, &["undo"]);
        assert!(code == 0 || code == 4, "{said}");
        (code == 0).then_some(said)
    });
    assert!(said.contains("everything is as it was"), "{said}");
    assert_eq!((sold(&kept), sold(&lost)), ("1".to_owned(), "1".to_owned()));
    eventually(300, "the API is back", || (pods() > 0).then_some(()));

    let began = Instant::now();
    let (code, said) = keyboss(&shop, &["restore", &name, "--yes"]);
    assert_eq!(code, 0, "{said}");
    println!("restored in {} s", began.elapsed().as_secs());
    assert_eq!((sold(&kept), sold(&lost)), ("1".to_owned(), "0".to_owned()), "{said}");
    assert!(pods() > 0);
    let databases = "SELECT count(*) FROM pg_database WHERE datname LIKE 'saleor%'";
    assert_eq!(shop.namespace.query(&shop.roles("POSTGRES_HOST").0, databases).as_deref(), Some("1"));
    shop.create_product(&lost);
    shop.deploy(&[]).succeeded();
}
