//! `keyboss diff` and plans, run as a user runs them: what is shown, the exit codes, and what a plan is refused for.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use keyboss::cluster::LockKind;
use keyboss::pipeline::{Events, Options, Planned, ask, deploy};
use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::kinds::Kind;
use keyboss::rehearsal::store::Key;
use keyboss::release::State;
use serde_json::{Value, json};

use crate::lock::written;
use crate::schema::assert_described;
use crate::served::Served;
use crate::stage::{deployed, face, options, prepared, prepared_with, runtime};
use crate::transaction::{histories, object};

const DIFF: [&str; 2] = ["diff", "--local"];
const DEPLOY: [&str; 2] = ["deploy", "--local"];
/// A change for which no pod restarts, so that nothing has to happen in the cluster.
const SCHEDULE: [&str; 2] = ["--set", "backup.schedule=0 5 * * *"];
/// A change of what the API, the workers and beat read.
const HOSTS: [&str; 2] = ["--set", "saleor.allowedHosts=[a.example]"];

/// A shop that stands.
pub fn standing() -> Face {
    standing_after(&[&[]])
}

/// The same, deployed once with each of these values.
fn standing_after(deploys: &[&[&str]]) -> Face {
    let face = face();
    runtime().block_on(async {
        let _controllers = Controllers::start(&face);
        for sets in deploys {
            deployed(prepared_with(&face, "local", "k3d-x", sets).await).await;
        }
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    });
    face
}

fn version(face: &Face) -> u64 {
    face.server().store().version()
}

/// Runs `keyboss diff`, which writes nothing: its exit code, what it printed, and its errors; and the same as JSON.
fn differs(face: &Face, served: &Served, arguments: &[&str]) -> (i32, String, Value) {
    let before = version(face);
    let (code, printed, error) = served.told(&[&DIFF[..], arguments].concat());
    let (json_code, line, json_error) = served.told(&[&DIFF[..], arguments, &["--output", "json"]].concat());
    assert_eq!(version(face), before, "something was written");
    assert_eq!((code, error.contains("saleor-")), (json_code, json_error.contains("saleor-")), "{printed}{error}");
    let told: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}{json_error}"));
    assert_described("diff", &told);
    (code, printed + &error, told)
}

/// Changes a live object by hand.
pub fn edit(face: &Face, version: &str, kind: &str, name: &str, change: impl FnOnce(&mut Value)) {
    let mut live = object(face, version, kind, name).unwrap_or_else(|| panic!("{kind} {name}"));
    change(&mut live);
    let kind = Kind::named(version, kind).unwrap();
    let key = Key { kind, namespace: "keyboss".to_owned(), name: name.to_owned() };
    face.change(|server| server.adopt(key, live));
}

/// Saves a plan: its path.
fn save(served: &Served, folder: &Path, arguments: &[&str], code: i32) -> PathBuf {
    let file = folder.join("plan.json");
    let (is, printed, error) = served.told(&[&DIFF[..], arguments, &["--save", file.to_str().unwrap()]].concat());
    assert_eq!(is, code, "{printed}{error}");
    file
}

/// Deploys a plan: the exit code, and all that was said.
fn follow(served: &Served, plan: &Path, arguments: &[&str]) -> (i32, String) {
    let (code, printed, error) = served.told(&[&DEPLOY[..], arguments, &["--plan", plan.to_str().unwrap()]].concat());
    (code, printed + &error)
}

/// That a plan is refused for one reason, and that nothing is written.
fn refused(face: &Face, served: &Served, plan: &Path, arguments: &[&str], reason: &str) {
    let before = version(face);
    let (code, told) = follow(served, plan, arguments);
    assert_eq!((code, version(face)), (2, before), "{told}");
    let reasons: Vec<&str> = told.lines().filter(|line| line.starts_with("  - ")).collect();
    assert_eq!(reasons.len(), 1, "{told}");
    assert!(reasons[0].contains(reason), "{reason:?} is not in {told}");
    assert!(told.contains("no longer holds, and nothing was touched; look again with `keyboss diff --save`"), "{told}");
}

#[test]
fn where_nothing_changes_it_says_so_and_exits_with_0() {
    let face = standing();
    let served = Served::new(&face, "k3d-x", "keyboss");
    let (code, told, value) = differs(&face, &served, &[]);
    assert_eq!(code, 0, "{told}");
    let unchanged = value["unchanged"].as_u64().unwrap();
    assert!(unchanged > 90, "{value}");
    assert!(told.contains(&format!("nothing would change: {unchanged} unchanged")), "{told}");
    assert!(told.contains("phase 8 servicemonitors is skipped"), "{told}");
    assert_eq!((&value["objects"], &value["restarting"]), (&json!([]), &json!([])));
    let (code, told, _) = differs(&face, &served, &["--only", "backup"]);
    assert_eq!(code, 0, "{told}");
    assert!(!told.contains("phase 8"), "{told}");
}

#[test]
fn another_image_restarts_its_pods_and_is_coloured_when_asked() {
    let face = standing();
    let served = Served::new(&face, "k3d-x", "keyboss");
    let set = ["--set", "images.dashboard.tag=3.23"];
    let (code, told, value) = differs(&face, &served, &set);
    assert_eq!(code, 1, "{told}");
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "~ Deployment saleor-dashboard (changed; its pods restart)", "{told}");
    assert!(lines[1].starts_with("@@ -") && lines[1].ends_with(" @@ spec.template.spec.containers"), "{told}");
    assert!(told.contains("\n-        image: ghcr.io/saleor/saleor-dashboard:3.22\n"), "{told}");
    assert!(told.contains("+        image: ghcr.io/saleor/saleor-dashboard:3.23"), "{told}");
    let changed = lines.iter().filter(|line| line.starts_with(['+', '-'])).count();
    assert_eq!(changed, 2, "{told}");
    assert!(told.contains("1 changed, ") && told.contains(" unchanged; pods of saleor-dashboard restart\n"), "{told}");
    for noise in ["managedFields", "resourceVersion", "status:", "uid:", "generation", "creationTimestamp"] {
        assert!(!told.contains(noise), "{noise} is in {told}");
    }
    let one = &value["objects"][0];
    assert_eq!((&one["object"], &one["change"]), (&json!("Deployment saleor-dashboard"), &json!("changed")));
    assert_eq!((&one["restarts"], &one["phase"]), (&json!("all"), &json!("deployments")));
    let told_lines = one["lines"].as_array().unwrap();
    assert_eq!((told_lines.len(), told_lines[0].as_str().unwrap()), (9, lines[1]), "{value}\n{told}");

    let (_, plain, _) = served.told(&[&DIFF[..], &set].concat());
    let (code, coloured, _) = served.told(&[&DIFF[..], &set, &["--color", "always"]].concat());
    assert_eq!(code, 1);
    assert!(coloured.contains("\u{1b}[32m+") && coloured.contains("\u{1b}[31m-") && !plain.contains('\u{1b}'));
    assert_eq!(console::strip_ansi_codes(&coloured), plain);
}

/// The page that README shows.
#[test]
fn a_changed_value_is_shown_with_the_pods_that_read_it_as_the_page_has_it() {
    let face = standing();
    let served = Served::new(&face, "k3d-x", "keyboss");
    let (code, printed, error) = served.told(&[&DIFF[..], &HOSTS].concat());
    let told =
        format!("$ keyboss diff --local --set 'saleor.allowedHosts=[a.example]'\n{error}{printed}$ echo $?\n{code}\n");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/screens/diff.txt");
    assert_eq!(fs::read_to_string(&page).unwrap_or_default(), told, "{} is to be\n{told}", page.display());
    // And that is what a deploy does.
    let (_, _, value) = differs(&face, &served, &HOSTS);
    let restarting: Vec<&str> = value["restarting"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(restarting, ["celery-beat", "celery-worker", "saleor-api"]);
}

#[test]
fn before_the_first_install_everything_is_new_and_a_plan_of_it_can_be_done() {
    let face = face();
    let served = Served::new(&face, "k3d-x", "keyboss");
    let (code, told, value) = differs(&face, &served, &[]);
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("namespace keyboss does not exist yet"), "{told}");
    let objects = value["objects"].as_array().unwrap();
    assert!(objects.len() > 90 && objects.iter().all(|one| one["change"] == "created"), "{value}");
    assert_eq!((&value["unchanged"], &value["restarting"]), (&json!(0), &json!([])));
    assert!(
        told.contains("+ Secret keyboss-secrets (new)\n") && told.contains("+  POSTGRES_PASSWORD: •••• (new)"),
        "{told}"
    );
    assert!(told.contains("+  POSTGRES_HOST: postgres-0.postgres\n"), "initial fields are shown: {told}");
    // Values that are generated anew by each run are no part of a plan.
    let folder = tempfile::tempdir().unwrap();
    let plan = save(&served, folder.path(), &["--only", "config"], 1);
    let (code, told) = follow(&served, &plan, &["--only", "config"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(histories(&face), [(1, State::Succeeded)]);
}

#[test]
fn no_value_of_a_secret_is_shown_or_kept() {
    let face = standing();
    let served = Served::new(&face, "k3d-x", "keyboss");
    let live = object(&face, "v1", "Secret", "keyboss-secrets").unwrap()["data"].clone();
    let encoded = live.as_object().unwrap().values().map(|value| value.as_str().unwrap().to_owned());
    let decoded = encoded.clone().map(|value| String::from_utf8(STANDARD.decode(value).unwrap()).unwrap());
    let mut values: Vec<String> = encoded.chain(decoded).filter(|value| value.len() >= 6).collect();
    let supplied = "smtp://me:hunter22@mail.example";
    values.extend([supplied.to_owned(), "hunter22".to_owned(), STANDARD.encode(supplied)]);
    // A password that somebody has put where it does not belong.
    let leaked = String::from_utf8(STANDARD.decode(live["POSTGRES_PASSWORD"].as_str().unwrap()).unwrap()).unwrap();
    edit(&face, "v1", "ConfigMap", "keyboss-config", |map| map["data"]["PUBLIC_URL"] = json!(leaked));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.json");
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    for more in [&["-vv"][..], &["--output", "json"]] {
        let arguments = [&DIFF[..], more, &["--save", file.to_str().unwrap()]].concat();
        let output = served.command(&arguments).env("KEYBOSS_SECRET_EMAIL_URL", supplied).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        for words in ["+  EMAIL_URL: •••• (new)", ": •••• (unchanged)", "-  PUBLIC_URL: [redacted]"] {
            assert!(told.contains(words), "{words:?} is not in {told}");
        }
        assert!(told.contains("it reads ConfigMap keyboss-config, Secret keyboss-secrets"), "{told}");
        let kept = fs::read_to_string(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(kept.contains("EMAIL_URL"), "{kept}");
        for value in &values {
            assert!(!told.contains(value.as_str()), "{value} is shown");
            assert!(!kept.contains(value.as_str()), "{value} is kept");
        }
    }
    // The plan wants the same secret, by its name.
    let (code, told) = follow(&served, &file, &[]);
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("Secret keyboss-secrets would get other keys: [EMAIL_URL] were planned, now []"), "{told}");
}

#[test]
fn a_plan_is_done_once() {
    let face = standing();
    let served = Served::new(&face, "k3d-x", "keyboss");
    let folder = tempfile::tempdir().unwrap();
    let plan = save(&served, folder.path(), &SCHEDULE, 1);
    assert_eq!(fs::metadata(&plan).unwrap().permissions().mode() & 0o777, 0o600);
    // A status is nobody's change.
    edit(&face, "apps/v1", "Deployment", "saleor-api", |live| live["status"]["collisionCount"] = json!(1));
    let (code, told) = follow(&served, &plan, &SCHEDULE);
    assert_eq!(code, 0, "{told}");
    assert_eq!(histories(&face), [(1, State::Succeeded), (2, State::Succeeded)]);
    let job = object(&face, "batch/v1beta1", "CronJob", "postgres-backup").unwrap();
    assert_eq!(job["spec"]["schedule"], "0 5 * * *");

    let before = version(&face);
    let (code, told) = follow(&served, &plan, &SCHEDULE);
    assert_eq!((code, version(&face)), (2, before), "{told}");
    assert!(told.contains("  - release 2 was made since"), "{told}");
    assert!(told.contains("  - CronJob postgres-backup was changed in the cluster"), "{told}");

    // One that changes nothing is done as well.
    let plan = save(&served, folder.path(), &SCHEDULE, 0);
    let (code, told) = follow(&served, &plan, &SCHEDULE);
    assert!(code == 0 && told.contains("nothing changed"), "{told}");
    assert_eq!(histories(&face).len(), 2);
}

#[test]
fn a_plan_is_refused_for_what_has_changed_since() {
    let face = standing();
    let served = Served::new(&face, "k3d-x", "keyboss");
    let folder = tempfile::tempdir().unwrap();
    let plan = save(&served, folder.path(), &SCHEDULE, 1);
    let is = |arguments: &[&str], reason: &str| refused(&face, &served, &plan, arguments, reason);

    // Other files: what is rendered.
    let other = ["--set", "backup.schedule=0 6 * * *"];
    is(&other, "CronJob postgres-backup (manifests/6-backup/");
    is(&[&SCHEDULE[..], &["--only", "backup"]].concat(), "for phases config, stateful");
    is(&[&SCHEDULE[..], &["--prune"]].concat(), "it was made without --prune");
    let elsewhere = Served::new(&face, "k3d-x", "keyboss");
    refused(&face, &elsewhere, &plan, &SCHEDULE, "it was made for the API server http://127.0.0.1:");

    // A live object that the plan would not even change.
    let annotate = |value: Option<&str>| {
        edit(&face, "apps/v1", "Deployment", "saleor-dashboard", |live| {
            let notes = live["metadata"]["annotations"].as_object_mut().unwrap();
            match value {
                Some(value) => drop(notes.insert("note".to_owned(), json!(value))),
                None => drop(notes.shift_remove("note")),
            }
        });
    };
    annotate(Some("by hand"));
    is(&SCHEDULE, "Deployment saleor-dashboard was changed in the cluster");
    annotate(None);
    edit(&face, "v1", "Service", "saleor-api", |live| live["metadata"]["uid"] = json!("another"));
    is(&SCHEDULE, "Service saleor-api was deleted and made again in the cluster");

    // Another release, of which nothing is left.
    let folder = tempfile::tempdir().unwrap();
    let plan = save(&served, folder.path(), &SCHEDULE, 1);
    for schedule in ["backup.schedule=0 7 * * *", "backup.schedule=0 2 * * *"] {
        let (code, told, error) = served.told(&[&DEPLOY[..], &["--set", schedule]].concat());
        assert_eq!(code, 0, "{told}{error}");
    }
    refused(&face, &served, &plan, &SCHEDULE, "release 3 was made since");
}

#[test]
fn what_is_no_plan_is_refused_before_the_cluster_is_asked() {
    let face = face();
    let served = Served::new(&face, "k3d-x", "keyboss");
    let folder = tempfile::tempdir().unwrap();
    let requests = face.faults().requests();
    let file = folder.path().join("plan.json");
    let (code, told) = follow(&served, &file, &[]);
    assert!(code == 2 && told.contains("--plan") && told.contains("No such file"), "{told}");
    fs::write(&file, "{}").unwrap();
    let (code, told) = follow(&served, &file, &[]);
    assert!(code == 2 && told.contains("it is no plan of keyboss; make one with `keyboss diff --save`"), "{told}");
    for with in ["--reset", "--adopt", "--resume", "--dry-run", "--diff"] {
        let (code, told) = follow(&served, &file, &[with]);
        assert!(code == 2 && told.contains("cannot be used with"), "{with}: {told}");
    }
    assert_eq!(face.faults().requests(), requests);
}

/// Between the look and the lock anything may happen.
#[tokio::test(start_paused = true)]
async fn a_plan_is_looked_at_again_under_the_lock() {
    let face = face();
    let _controllers = Controllers::start(&face);
    deployed(prepared(&face, "local", "k3d-x").await).await;
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    let schedule = ["backup.schedule=0 5 * * *"];
    let prepared = prepared_with(&face, "local", "k3d-x", &schedule).await;
    let (survey, refused) = ask(&prepared).await;
    assert!(refused.is_empty(), "{refused:?}");
    let planned = Planned::of(&prepared, &survey, &prepared.live, false).await.unwrap();

    // No dry run is made of a Job that is there, so only another look finds this.
    let job = prepared.request.plan.objects().find(|(_, object)| object.id.kind == "Job").unwrap().1.id.name.clone();
    edit(&face, "batch/v1", "Job", &job, |live| live["metadata"]["annotations"] = json!({"note": "by hand"}));
    let (events, _receiver) = Events::channel();
    let options = Options { planned: Some(planned), ..options() };
    let refused = deploy(prepared, &options, &events).await.unwrap_err().to_string();
    assert!(refused.contains(&format!("  - Job {job} was changed in the cluster")), "{refused}");
    assert_eq!(refused.matches("  - ").count(), 1, "{refused}");
    assert_eq!(histories(&face), [(1, State::Succeeded)]);
    // The lock is free again.
    deployed(prepared_with(&face, "local", "k3d-x", &schedule).await).await;
}

#[test]
fn who_deploys_at_the_moment_is_told_and_no_plan_is_saved() {
    let face = standing();
    let served = Served::new(&face, "k3d-x", "keyboss");
    let key = written(&face, LockKind::Lease, "ana@laptop", Timestamp::now());
    let (code, told, value) = differs(&face, &served, &SCHEDULE);
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("another deploy holds the lock: ana@laptop"), "{told}");
    assert!(value["notices"].to_string().contains("ana@laptop"), "{value}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.json");
    let (code, _, error) = served.told(&[&DIFF[..], &SCHEDULE, &["--save", file.to_str().unwrap()]].concat());
    assert!(code == 2 && error.contains("no plan can be saved now: another deploy"), "{error}");
    assert!(!file.exists());
    face.change(|server| server.end(&key));

    // A release that was broken off is rolled back first, and what is there by then is not known yet.
    let plan = save(&served, folder.path(), &SCHEDULE, 1);
    edit(&face, "v1", "ConfigMap", "keyboss-release-1", |map| {
        let journal = map["data"]["journal"].as_str().unwrap().replace("\"succeeded\"", "\"running\"");
        map["data"]["journal"] = json!(journal);
    });
    let words = "release 1 was broken off, and the next deploy rolls it back first: run `keyboss rollback`";
    let (code, told, _) = differs(&face, &served, &SCHEDULE);
    assert!(code == 1 && told.contains(words), "{told}");
    let before = version(&face);
    let (code, _, error) = served.told(&[&DIFF[..], &SCHEDULE, &["--save", plan.to_str().unwrap()]].concat());
    assert!(code == 2 && error.contains(&format!("no plan can be saved now: {words}")), "{error}");
    let (code, told) = follow(&served, &plan, &SCHEDULE);
    assert!(code == 2 && told.contains(words), "{told}");
    let (code, _, error) = served.told(&[&DEPLOY[..], &SCHEDULE, &["--diff", "--yes"]].concat());
    assert!(code == 2 && error.contains(words), "{error}");
    assert_eq!(version(&face), before);
}

#[test]
fn a_deploy_shows_it_and_asks() {
    let face = standing();
    let served = Served::new(&face, "k3d-x", "keyboss");
    let deploy = |more: &[&str]| {
        let output = served.command(&[&DEPLOY[..], &["--diff"], more].concat()).stdin(Stdio::null()).output().unwrap();
        let [printed, error] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code().unwrap(), printed, error)
    };
    // Nobody to ask.
    let before = version(&face);
    let (code, printed, error) = deploy(&SCHEDULE);
    assert_eq!((code, version(&face)), (2, before), "{printed}{error}");
    assert!(printed.contains("~ CronJob postgres-backup (changed)\n"), "{printed}");
    assert!(printed.contains("-  schedule: 0 2 * * *\n+  schedule: 0 5 * * *\n"), "{printed}");
    assert!(error.contains("all this is to be changed in namespace keyboss") && error.contains("add --yes"), "{error}");

    let (code, printed, error) = deploy(&[&SCHEDULE[..], &["--output", "json"]].concat());
    assert_eq!(code, 2, "{printed}{error}");
    assert_described("line", &serde_json::from_str(&printed).unwrap());

    let (code, printed, error) = deploy(&[&SCHEDULE[..], &["--yes"]].concat());
    assert_eq!(code, 0, "{printed}{error}");
    let shown = printed.find("~ CronJob postgres-backup (changed)").unwrap();
    assert!(shown < printed.find("deploying local").unwrap(), "{printed}");
    assert_eq!(histories(&face), [(1, State::Succeeded), (2, State::Succeeded)]);

    // Nothing to ask about.
    let (code, printed, error) = deploy(&SCHEDULE);
    assert_eq!(code, 0, "{printed}{error}");
    assert!(printed.contains("nothing would change: ") && printed.contains("nothing changed"), "{printed}");

    // For a program the difference is the first event.
    let (code, printed, error) = deploy(&["--yes", "--output", "json"]);
    assert_eq!(code, 0, "{printed}{error}");
    let events: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&events[0]["event"], &events[0]["changed"]), (&json!("diff"), &json!(1)));
    assert!(events[0]["time"].is_string() && events[1]["event"] == "deploy-started", "{printed}");
}

#[test]
fn what_a_deploy_deletes_is_shown_and_planned() {
    let face = standing_after(&[&["monitoring.alertmanager.host=alertmanager.example"], &[]]);
    let served = Served::new(&face, "k3d-x", "keyboss");
    let is_there = || object(&face, "networking.k8s.io/v1", "Ingress", "alertmanager").is_some();
    let (code, told, _) = differs(&face, &served, &[]);
    assert_eq!(code, 0, "{told}");
    let words = "earlier releases had what this one has not; --prune deletes it: Ingress alertmanager";
    assert!(told.contains(words) && !told.contains("- Ingress"), "{told}");
    let prunes = ["--prune"];
    let (code, told, value) = differs(&face, &served, &prunes);
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("- Ingress alertmanager (deleted; no release needs it any more)\n"), "{told}");
    assert!(told.contains("1 deleted, ") && value["deleted"] == 1, "{told}");
    let last = value["objects"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["object"], &last["change"], &last["phase"]),
        (&json!("Ingress alertmanager"), &json!("deleted"), &json!(null))
    );

    let folder = tempfile::tempdir().unwrap();
    let plan = save(&served, folder.path(), &prunes, 1);
    assert!(is_there());
    let (code, told) = follow(&served, &plan, &prunes);
    assert!(code == 0 && !is_there(), "{told}");
    let (code, told, _) = differs(&face, &served, &prunes);
    assert_eq!(code, 0, "{told}");
}

#[test]
fn what_the_server_would_not_take_is_told_beside_the_rest() {
    let face = standing();
    let served = Served::new(&face, "k3d-x", "keyboss");
    // A Job that failed is made anew.
    let jobs = face
        .server()
        .store()
        .list(Kind::named("batch/v1", "Job").unwrap(), "keyboss")
        .map(|job| Value::clone(job))
        .collect::<Vec<_>>();
    let job = jobs.iter().find(|job| job["metadata"]["name"].as_str().unwrap().starts_with("migrate-")).unwrap();
    let name = job["metadata"]["name"].as_str().unwrap().to_owned();
    edit(&face, "batch/v1", "Job", &name, |job| {
        job["status"] = json!({"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]});
    });
    let (code, told, value) = differs(&face, &served, &[]);
    assert_eq!(code, 1, "{told}");
    assert!(told.contains(&format!("~ Job {name} (made anew; it failed, and is deleted and run again)\n")), "{told}");
    assert!(told.contains("1 made anew, ") && told.contains("; no pods restart"), "{told}");
    assert_eq!(value["objects"][0]["change"], "recreated");

    // A selector cannot change.
    edit(&face, "apps/v1", "Deployment", "saleor-dashboard", |live| {
        live["spec"]["selector"]["matchLabels"]["other"] = json!("x");
    });
    let (code, printed, error) = served.told(&DIFF);
    assert_eq!(code, 2, "{printed}{error}");
    assert!(error.contains("Deployment saleor-dashboard") && error.contains("spec.selector"), "{error}");
    assert!(error.contains("a selector cannot be changed in place: delete the Deployment"), "{error}");
}
