//! `keyboss history` and `keyboss unlock`, run as a user runs them.

use std::io::Read;
use std::process::Stdio;

use jiff::{SignedDuration, Timestamp};
use keyboss::cluster::LockKind;
use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::kinds::Kind;
use keyboss::rehearsal::rights::Denial;
use keyboss::rehearsal::store::Key;
use serde_json::{Value, json};

use crate::lock::written;
use crate::schema::assert_described;
use crate::served::Served;
use crate::stage::{create_namespace, deployed, face, prepared, prepared_with};

/// A cluster to which two releases were deployed, and the secret values that live in it.
fn with_two_releases() -> (Face, Vec<String>) {
    let face = face();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let secrets = runtime.block_on(async {
        let _controllers = Controllers::start(&face);
        deployed(prepared(&face, "local", "k3d-x").await).await;
        let changed = prepared_with(&face, "local", "k3d-x", &["saleor.allowedHosts=[a.example]"]).await;
        let secrets = changed.secrets.iter().filter(|secret| secret.len() > 6).cloned().collect();
        deployed(changed).await;
        secrets
    });
    (face, secrets)
}

fn empty(namespace: &str) -> Face {
    let face = face();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(create_namespace(&face, namespace));
    face
}

#[test]
fn what_was_released_is_told() {
    let (face, secrets) = with_two_releases();
    // Nothing but the list of ConfigMaps is needed.
    for (verb, resource) in [("*", "secrets"), ("*", "leases"), ("*", "deployments"), ("create", "configmaps")] {
        face.rights().deny(Denial { verb: verb.to_owned(), resource: resource.to_owned() });
    }
    let requests = face.faults().requests();
    let served = Served::new(&face, "k3d-x", "keyboss");

    let (code, list, stderr) = served.told(&["history", "--local"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(face.faults().requests(), requests + 1);
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 3, "{list}");
    assert!(lines[1].starts_with("2 ") && lines[1].ends_with("succeeded (in place)"), "{list}");
    assert!(lines[2].starts_with("1 ") && lines[2].ends_with("succeeded"), "{list}");

    let (code, one, _) = served.told(&["history", "2", "--local"]);
    assert_eq!(code, 0);
    for part in [
        "release 2, deploy of environment local: succeeded (in place)",
        "somebody@here",
        "saleor/saleor:",
        "4 Deployments",
        "changed ConfigMap keyboss-config",
        "message",
    ] {
        assert!(one.contains(part), "{part}: {one}");
    }

    let (code, lines, _) = served.told(&["history", "--local", "--output", "json"]);
    assert_eq!(code, 0);
    let journals: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    journals.iter().for_each(|journal| assert_described("release", journal));
    let numbers: Vec<&Value> = journals.iter().map(|journal| &journal["release"]).collect();
    assert_eq!(numbers, [&json!(2), &json!(1)]);
    let (code, line, _) = served.told(&["history", "1", "--local", "--output", "json"]);
    assert_eq!((code, serde_json::from_str::<Value>(&line).unwrap()), (0, journals[1].clone()));

    assert!(!secrets.is_empty());
    for secret in &secrets {
        assert!(!format!("{list}{one}{lines}").contains(secret.as_str()));
    }

    let (code, stdout, stderr) = served.told(&["history", "7", "--local"]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.contains("there is no release 7 in namespace keyboss; there are: 2, 1"), "{stderr}");
}

#[test]
fn supplied_secrets_are_masked_in_what_was_released() {
    let (face, _) = with_two_releases();
    let served = Served::new(&face, "k3d-x", "keyboss");
    for arguments in [&["history", "--local"][..], &["history", "--local", "--output", "json"]] {
        let output = served.command(arguments).env("KEYBOSS_SECRET_ANY", "somebody").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("[redacted]") && !text.contains("somebody"), "{text}");
    }
}

#[test]
fn where_nothing_was_released_yet() {
    let face = empty("tenant-keyboss");
    let served = Served::new(&face, "deti", "tenant-keyboss");
    let (code, stdout, _) = served.told(&["history", "--deti"]);
    assert_eq!((code, stdout.as_str()), (0, "nothing was released to namespace tenant-keyboss yet\n"));
    assert_eq!(served.told(&["history", "--deti", "--output", "json"]), (0, String::new(), String::new()));
    let (code, _, stderr) = served.told(&["history", "1", "--deti"]);
    assert!(code == 2 && stderr.contains("nothing was released to namespace tenant-keyboss yet"), "{code} {stderr}");
    let (code, stdout, _) = served.told(&["unlock", "--deti"]);
    assert_eq!((code, stdout.as_str()), (0, "nobody holds the lock of namespace tenant-keyboss\n"));
    // A namespace that is not there holds nothing either.
    let (code, stdout, _) = served.told(&["history", "--deti", "--set", "namespace=nowhere"]);
    assert_eq!((code, stdout.as_str()), (0, "nothing was released to namespace nowhere yet\n"));
}

#[test]
fn what_cannot_be_read_and_other_contexts_are_refused() {
    let face = empty("keyboss");
    let served = Served::new(&face, "production", "keyboss");
    for command in ["history", "unlock"] {
        let (code, _, stderr) = served.told(&[command, "--local"]);
        assert!(code == 2 && stderr.contains("context production"), "{code} {stderr}");
        let (code, _, stderr) = served.told(&[command]);
        assert!(code == 2 && stderr.contains("--local"), "{code} {stderr}");
    }
    face.rights().deny(Denial { verb: "*".to_owned(), resource: "configmaps".to_owned() });
    let served = Served::new(&face, "k3d-x", "keyboss");
    for command in ["history", "unlock"] {
        let (code, _, stderr) = served.told(&[command, "--local"]);
        assert!(code == 2 && stderr.contains("k3d-x") && stderr.contains("Forbidden"), "{code} {stderr}");
    }
    let elsewhere = ["unlock", "--local", "--set", "expect.server=https://elsewhere.example"];
    let (code, _, stderr) = served.told(&elsewhere);
    assert!(code == 2 && stderr.contains("is not what environment local expects"), "{code} {stderr}");
}

#[test]
fn nobody_reads_to_the_end() {
    let (face, _) = with_two_releases();
    let served = Served::new(&face, "k3d-x", "keyboss");
    let mut running =
        served.command(&["history", "--local"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(running.stdout.take());
    assert!(running.wait().unwrap().success());
    let mut stderr = String::new();
    running.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(stderr, "");
}

#[test]
fn a_lock_is_shown_and_broken() {
    let (face, _) = with_two_releases();
    let unfinished = Key {
        kind: Kind::named("v1", "ConfigMap").unwrap(),
        namespace: "keyboss".to_owned(),
        name: "keyboss-release-2".to_owned(),
    };
    face.change(|server| {
        let mut record = Value::clone(&server.get(&unfinished).unwrap());
        let journal = record["data"]["journal"].as_str().unwrap().replace("succeeded", "running");
        record["data"]["journal"] = json!(journal);
        server.adopt(unfinished.clone(), record);
    });
    let lease = written(&face, LockKind::Lease, "ana@laptop (run 1)", Timestamp::now() - SignedDuration::from_secs(5));
    let map = written(&face, LockKind::ConfigMap, "bob@ci (run 2)", Timestamp::now() - SignedDuration::from_secs(100));
    let holders = || {
        let server = face.server();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let lease = server.get(&lease).unwrap();
        let map = server.get(&map).unwrap();
        [text(&lease["spec"]["holderIdentity"]), text(&map["data"]["holderIdentity"])]
    };
    let served = Served::new(&face, "k3d-x", "keyboss");

    let (code, stdout, stderr) = served.told(&["unlock", "--local"]);
    assert_eq!(code, 2, "{stdout}{stderr}");
    for part in [
        "ana@laptop (run 1) holds the lock (a Lease)",
        "may well be alive",
        "bob@ci (run 2)",
        "(a ConfigMap)",
        "it has expired",
        "release 2 is unfinished: the next deploy rolls it back first",
    ] {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
    assert!(stderr.contains("no terminal") && stderr.contains("--yes"), "{stderr}");
    assert_eq!(holders(), ["ana@laptop (run 1)", "bob@ci (run 2)"]);

    let (code, stdout, stderr) = served.told(&["unlock", "--local", "--yes"]);
    assert_eq!((code, stderr.as_str()), (0, "this breaks the lock\n"), "{stdout}");
    assert!(stdout.ends_with("the lock of namespace keyboss is broken\n"), "{stdout}");
    assert_eq!(holders(), ["", ""]);
    let (code, stdout, _) = served.told(&["unlock", "--local"]);
    assert_eq!((code, stdout.as_str()), (0, "nobody holds the lock of namespace keyboss\n"));
}

#[test]
fn who_may_not_use_leases_unlocks_a_config_map() {
    let face = empty("keyboss");
    written(&face, LockKind::Lease, "somebody else", Timestamp::now() - SignedDuration::from_secs(5));
    written(&face, LockKind::ConfigMap, "bob@ci", Timestamp::now() - SignedDuration::from_secs(100));
    face.rights().deny(Denial { verb: "*".to_owned(), resource: "leases".to_owned() });
    let served = Served::new(&face, "k3d-x", "keyboss");
    let (code, stdout, stderr) = served.told(&["unlock", "--local", "--yes"]);
    assert_eq!((code, stderr.as_str()), (0, "this breaks the lock\n"), "{stdout}");
    assert!(stdout.contains("bob@ci") && !stdout.contains("somebody else"), "{stdout}");
}
