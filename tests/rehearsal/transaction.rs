//! What a transaction promises, case by case: the faults of `kubectl rollout undo` (RULES.md D), what moves by itself, two
//! at once.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use keyboss::cluster::{Cluster, journals, serve};
use keyboss::pipeline::{
    Ending, Event, Events, Options, Refused, Request, RestoreOutcome, Selection, begin, deploy, plan_back,
};
use keyboss::rehearsal::ailments::{Ailment, Ailments};
use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::kinds::Kind;
use keyboss::release::{Action, Journal, State, rollback_target};
use keyboss::render::{ObjectId, Phase};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::served::Served;
use crate::sim::Scene;
use crate::stage::{deployed, face, options, prepared_with, request, runtime, told};

const IMAGE: [[&str; 1]; 4] = [
    ["images.storefront.tag=1.0.0"],
    ["images.storefront.tag=2.0.0"],
    ["images.storefront.tag=3.0.0"],
    ["images.storefront.tag=4.0.0"],
];

/// Runs a deploy with these values.
pub async fn run(face: &Face, sets: &[&str], options: &Options) -> (Result<Ending, Refused>, Vec<Event>) {
    act(request(face, "local", "k3d-x", sets), options).await
}

pub async fn act(request: Request, options: &Options) -> (Result<Ending, Refused>, Vec<Event>) {
    let (events, receiver) = Events::channel();
    let mut options = options.clone();
    let ended = async {
        let prepared = begin(request, &mut options, false, &|_: &str| {}, &events).await?;
        deploy(prepared, &options, &events).await
    };
    let ended = ended.await;
    (ended, told(receiver))
}

/// What `keyboss rollback` does: the release that it goes to.
async fn roll_back(face: &Face) -> Option<u64> {
    roll_back_to(face, None).await
}

/// What `keyboss rollback --to` does.
pub async fn roll_back_to(face: &Face, asked: Option<u64>) -> Option<u64> {
    let request = request(face, "local", "k3d-x", &[]);
    let client = request.connection.client.clone();
    let kinds = [("v1", "ConfigMap"), ("apps/v1", "StatefulSet")].map(|(v, k)| (v.to_owned(), k.to_owned()));
    let cluster = Cluster::new(client.clone(), "keyboss", serve(&client, &kinds.clone().into()).await.unwrap());
    let ids = kinds.map(|(api_version, kind)| ObjectId { api_version, kind, name: String::new() });
    let live = cluster.live(&ids).await.unwrap();
    let journals = journals(&live);
    let target = rollback_target(&journals, asked).ok()?;
    let plan = plan_back(&cluster, &live, &journals, target).await.unwrap();
    let to = journals.iter().find(|journal| journal.release == target).unwrap().origin();
    let options = Options { action: Action::Rollback { to }, prunes: true, ..options() };
    let (ended, events) = act(Request { plan, supplied: BTreeMap::new(), ..request }, &options).await;
    assert!(matches!(ended, Ok(Ending::Done)), "{ended:?} {events:?}");
    Some(to)
}

pub fn object(face: &Face, version: &str, kind: &str, name: &str) -> Option<Value> {
    let server = face.server();
    let mut of = server.store().list(Kind::named(version, kind).unwrap(), "keyboss");
    of.find(|object| object["metadata"]["name"] == name).map(|object| Value::clone(object))
}

/// The tag of the storefront's image.
fn tag(face: &Face) -> String {
    let deployment = object(face, "apps/v1", "Deployment", "saleor-storefront").unwrap();
    let image = deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap();
    image.rsplit_once(':').unwrap().1.to_owned()
}

pub fn histories(face: &Face) -> Vec<(u64, State)> {
    let server = face.server();
    let maps = server.store().list(Kind::named("v1", "ConfigMap").unwrap(), "keyboss");
    let texts = maps.filter_map(|map| map["data"]["journal"].as_str());
    let mut all: Vec<(u64, State)> = texts
        .map(|text| serde_json::from_str::<Journal>(text).unwrap())
        .map(|journal| (journal.release, journal.state))
        .collect();
    all.sort_by_key(|(release, _)| *release);
    all
}

#[tokio::test(start_paused = true)]
async fn a_rollback_before_the_controller_has_seen_the_change_goes_back_one_release() {
    let face = face();
    let controllers = Controllers::start(&face);
    for sets in &IMAGE[..2] {
        deployed(prepared_with(&face, "local", "k3d-x", sets).await).await;
        sleep(Duration::from_secs(30)).await;
    }
    // No ReplicaSet of the third release is ever made: `kubectl rollout undo` would go back to the first one.
    drop(controllers);
    let options = Options { timeout: Duration::from_secs(60), ..options() };
    let (ended, _) = run(&face, &IMAGE[2], &options).await;
    // Nor is one of the rollback's: it waits in vain, but what it applied is right.
    assert!(matches!(ended, Ok(Ending::Incomplete)), "{ended:?}");
    assert_eq!(tag(&face), "2.0.0");
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_was_not_touched_keeps_its_generation_and_replica_sets() {
    let face = face();
    let mut ailments = Ailments::default();
    let controllers = Controllers::start(&face);
    for sets in &IMAGE[..2] {
        deployed(prepared_with(&face, "local", "k3d-x", sets).await).await;
        sleep(Duration::from_secs(30)).await;
    }
    drop(controllers);
    let untouched = |face: &Face| {
        let server = face.server();
        let of =
            |kind: &str| server.store().list(Kind::named("apps/v1", kind).unwrap(), "").cloned().collect::<Vec<_>>();
        let is_other = |object: &Value| !object["metadata"]["name"].as_str().unwrap().starts_with("saleor-storefront");
        let mut all: Vec<String> = [of("Deployment"), of("ReplicaSet")]
            .concat()
            .iter()
            .filter(|object| is_other(object))
            .map(|object| {
                let metadata = &object["metadata"];
                format!("{} {} {}", metadata["name"], metadata["uid"], metadata["generation"])
            })
            .collect();
        all.sort();
        all
    };
    let before = untouched(&face);
    ailments.add(Ailment::Image, "saleor-storefront");
    let _controllers = Controllers::with(&face, ailments);
    let (ended, events) = run(&face, &IMAGE[2], &options()).await;
    assert!(matches!(ended, Ok(Ending::Failed)), "{ended:?}");
    assert_eq!(tag(&face), "2.0.0");
    assert_eq!(untouched(&face), before);
    let Some(Event::DeployFinished(finished)) = events.last() else { panic!("{events:?}") };
    let outcome = |name: &str| finished.restored.iter().find(|one| one.object == name).map(|one| one.outcome);
    assert_eq!(outcome("Deployment saleor-storefront"), Some(RestoreOutcome::RolledBack));
    assert_eq!(outcome("Deployment saleor-api"), Some(RestoreOutcome::Unchanged));
}

#[tokio::test(start_paused = true)]
async fn rolling_back_again_goes_further_back_and_never_to_and_fro() {
    let face = face();
    let _controllers = Controllers::start(&face);
    for sets in &IMAGE[..3] {
        deployed(prepared_with(&face, "local", "k3d-x", sets).await).await;
        sleep(Duration::from_secs(30)).await;
    }
    for (to, expected) in [(Some(2), "2.0.0"), (Some(1), "1.0.0"), (None, "1.0.0")] {
        assert_eq!((roll_back(&face).await, tag(&face)), (to, expected.to_owned()));
        sleep(Duration::from_secs(30)).await;
    }
    assert_eq!(histories(&face).len(), 5, "each is a release of its own");
    // A deploy after it is the new present: what was before it is the release in place then.
    deployed(prepared_with(&face, "local", "k3d-x", &IMAGE[3]).await).await;
    assert_eq!(tag(&face), "4.0.0");
    sleep(Duration::from_secs(30)).await;
    assert_eq!(roll_back(&face).await, Some(1));
    assert_eq!(tag(&face), "1.0.0");
}

#[tokio::test(start_paused = true)]
async fn what_an_autoscaler_and_a_failover_moved_survives_deploys_failures_and_rollbacks() {
    let face = face();
    let controllers = Controllers::start(&face);
    for sets in &IMAGE[..2] {
        deployed(prepared_with(&face, "local", "k3d-x", sets).await).await;
        sleep(Duration::from_secs(30)).await;
    }
    let client = face.within().client("keyboss");
    let patch = async |version: &str, kind: &str, plural: &str, name: &str, patch: Value| {
        let (group, number) = version.split_once('/').unwrap_or(("", version));
        let resource = kube::core::ApiResource {
            group: group.to_owned(),
            version: number.to_owned(),
            api_version: version.to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
        };
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), "keyboss", &resource);
        api.patch(
            name,
            &PatchParams { field_manager: Some("keyboss-watchdog".into()), ..PatchParams::default() },
            &Patch::Merge(patch),
        )
        .await
        .unwrap();
    };
    patch("v1", "ConfigMap", "configmaps", "keyboss-config", json!({"data": {"POSTGRES_HOST": "postgres-1.postgres"}}))
        .await;
    let pod = "statefulset.kubernetes.io/pod-name";
    patch("v1", "Service", "services", "postgres-primary", json!({"spec": {"selector": {pod: "postgres-1"}}})).await;
    patch("apps/v1", "Deployment", "deployments", "saleor-api", json!({"spec": {"replicas": 4}})).await;
    sleep(Duration::from_secs(60)).await;
    let moved = |face: &Face| {
        let of = |version: &str, kind: &str, name: &str| object(face, version, kind, name).unwrap();
        (
            of("v1", "ConfigMap", "keyboss-config")["data"]["POSTGRES_HOST"].clone(),
            of("v1", "Service", "postgres-primary")["spec"]["selector"][pod].clone(),
            of("apps/v1", "Deployment", "saleor-api")["spec"]["replicas"].clone(),
        )
    };
    let expected = (json!("postgres-1.postgres"), json!("postgres-1"), json!(4));
    assert_eq!(moved(&face), expected);

    let hosts = "saleor.allowedHosts=[a.example]";
    let (ended, _) = run(&face, &[hosts, IMAGE[2][0]], &options()).await;
    assert!(matches!(ended, Ok(Ending::Done)), "{ended:?}");
    assert_eq!(moved(&face), expected, "after a deploy");
    drop(controllers);
    let mut ailments = Ailments::default();
    ailments.add(Ailment::Image, "saleor-storefront");
    let controllers = Controllers::with(&face, ailments);
    let (ended, _) = run(&face, &[IMAGE[3][0]], &options()).await;
    assert!(matches!(ended, Ok(Ending::Failed)), "{ended:?}");
    assert_eq!(moved(&face), expected, "after a failed deploy");
    drop(controllers);
    let _controllers = Controllers::start(&face);
    assert_eq!(roll_back(&face).await, Some(2));
    assert_eq!(moved(&face), expected, "after a rollback");
}

#[tokio::test(start_paused = true)]
async fn of_two_deploys_at_once_one_waits_for_nobody_and_touches_nothing() {
    let face = face();
    let _controllers = Controllers::start(&face);
    let (one, other) = (options(), options());
    let later = async {
        sleep(Duration::from_secs(5)).await;
        run(&face, &IMAGE[1], &other).await
    };
    let (first, second) = tokio::join!(run(&face, &IMAGE[0], &one), later);
    assert!(matches!(first.0, Ok(Ending::Done)), "{:?}", first.0);
    let Err(refused @ Refused::Locked(_)) = second.0 else { panic!("{:?}", second.0) };
    assert!(refused.to_string().contains("somebody@here"), "{refused}");
    assert_eq!(tag(&face), "1.0.0");
    assert_eq!(histories(&face), [(1, State::Succeeded)]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_state_is_kept_where_that_is_asked_for() {
    let face = face();
    let controllers = Controllers::start(&face);
    deployed(prepared_with(&face, "local", "k3d-x", &IMAGE[0]).await).await;
    drop(controllers);
    let mut ailments = Ailments::default();
    ailments.add(Ailment::Image, "saleor-storefront");
    let controllers = Controllers::with(&face, ailments);
    let (ended, events) = run(&face, &IMAGE[1], &Options { rolls_back: false, ..options() }).await;
    assert!(matches!(ended, Ok(Ending::Failed)), "{ended:?}");
    assert!(!events.iter().any(|event| matches!(event, Event::RollbackStarted { .. })));
    assert_eq!(tag(&face), "2.0.0");
    assert_eq!(histories(&face), [(1, State::Succeeded), (2, State::Kept)]);
    drop(controllers);
    let _controllers = Controllers::start(&face);
    assert_eq!(roll_back(&face).await, Some(1), "to what succeeded, not to what failed");
    assert_eq!(tag(&face), "1.0.0");
}

#[tokio::test(start_paused = true)]
async fn what_a_release_no_longer_has_is_told_and_pruned_only_when_asked() {
    let face = face();
    let _controllers = Controllers::start(&face);
    let host = "monitoring.alertmanager.host=alertmanager.example";
    deployed(prepared_with(&face, "local", "k3d-x", &[host]).await).await;
    let ingress = |face: &Face| object(face, "networking.k8s.io/v1", "Ingress", "alertmanager").is_some();
    assert!(ingress(&face));
    let (ended, events) = run(&face, &[], &options()).await;
    assert!(matches!(ended, Ok(Ending::Done)), "{ended:?}");
    let told = |events: &[Event]| {
        let is = |event: &Event| matches!(event, Event::Notice { message, .. } if message.contains("--prune deletes it: Ingress alertmanager"));
        events.iter().any(is)
    };
    assert!(told(&events) && ingress(&face), "{events:?}");
    let (ended, _) = run(&face, &[], &Options { prunes: true, ..options() }).await;
    assert!(matches!(ended, Ok(Ending::Done)), "{ended:?}");
    assert!(!ingress(&face));
    let (_, events) = run(&face, &[], &options()).await;
    assert!(!told(&events));
    assert_eq!(roll_back(&face).await, Some(1), "its object comes back");
    assert!(ingress(&face));
}

#[tokio::test(start_paused = true)]
async fn evidence_is_gathered_first_then_configuration_goes_back_then_what_reads_it() {
    let face = face();
    let controllers = Controllers::start(&face);
    deployed(prepared_with(&face, "local", "k3d-x", &[]).await).await;
    drop(controllers);
    sleep(Duration::from_secs(30)).await;
    let mut ailments = Ailments::default();
    ailments.add(Ailment::Image, "saleor-storefront");
    let controllers = Controllers::with(&face, ailments);
    face.faults().forget();
    let change = ["saleor.allowedHosts=[a.example]", "images.saleor.tag=3.23", IMAGE[1][0]];
    let (ended, events) = run(&face, &change, &options()).await;
    assert!(matches!(ended, Ok(Ending::Failed)), "{ended:?}");
    let place = |is: &dyn Fn(&Event) -> bool| events.iter().position(is).unwrap();
    let diagnosed = place(&|event| matches!(event, Event::Diagnosis(_)));
    assert!(diagnosed < place(&|event| matches!(event, Event::RollbackStarted { .. })), "RULES.md T5");

    let received: Vec<String> =
        face.faults().received().into_iter().filter(|one| one.is_write).map(|one| one.what).collect();
    let last = |what: &str| received.iter().rposition(|one| one == what).unwrap();
    // Journals are patched too, but not between the two: the last patch of a ConfigMap before Deployments is the shop's.
    let first_back = received
        .iter()
        .enumerate()
        .filter(|(index, one)| *index < last("patch deployments") && *one == "patch configmaps");
    let back: Vec<usize> = first_back.map(|(index, _)| index).collect();
    let deployments: Vec<usize> =
        received.iter().enumerate().filter(|(_, one)| *one == "patch deployments").map(|(index, _)| index).collect();
    // Eight shop Deployments went forward at most; those that came back follow the ConfigMap that came back.
    assert!(back.last().unwrap() < deployments.last().unwrap(), "RULES.md T6: {received:?}");
    let forward = deployments.iter().filter(|index| *index < back.last().unwrap()).count();
    assert_eq!(forward * 2, deployments.len(), "each goes back once, after the configuration: {received:?}");

    let Some(Event::DeployFinished(finished)) = events.last() else { panic!("{events:?}") };
    let job = finished.restored.iter().find(|one| one.object.starts_with("Job migrate-")).unwrap();
    assert_eq!(job.outcome, RestoreOutcome::Stays);
    assert!(job.reason.as_deref().unwrap().contains("the old code runs on the new schema"), "RULES.md T11: {job:?}");
    drop(controllers);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_ready_before_is_not_waited_for() {
    let face = face();
    let controllers = Controllers::start(&face);
    deployed(prepared_with(&face, "local", "k3d-x", &IMAGE[0]).await).await;
    drop(controllers);
    let mut ailments = Ailments::default();
    ailments.add(Ailment::Unready, "saleor-storefront");
    let controllers = Controllers::with(&face, ailments);
    let (ended, _) = run(&face, &IMAGE[1], &Options { rolls_back: false, ..options() }).await;
    assert!(matches!(ended, Ok(Ending::Failed)), "{ended:?}");
    drop(controllers);
    let mut ailments = Ailments::default();
    ailments.add(Ailment::Unready, "saleor-storefront");
    ailments.add(Ailment::Image, "saleor-dashboard");
    let _controllers = Controllers::with(&face, ailments);
    let change = [IMAGE[2][0], "images.dashboard.tag=next"];
    let (ended, events) = run(&face, &change, &options()).await;
    assert!(matches!(ended, Ok(Ending::Failed)), "{ended:?}");
    assert_eq!(tag(&face), "2.0.0");
    let Some(Event::DeployFinished(finished)) = events.last() else { panic!("{events:?}") };
    let of = |name: &str| finished.restored.iter().find(|one| one.object == name).unwrap();
    assert!(of("Deployment saleor-storefront").was_unhealthy, "RULES.md T10: {finished:?}");
    assert!(!of("Deployment saleor-dashboard").was_unhealthy, "{finished:?}");
}

#[tokio::test(start_paused = true)]
async fn jobs_are_collected_after_two_releases() {
    let face = face();
    let _controllers = Controllers::start(&face);
    let jobs = |face: &Face| {
        let server = face.server();
        let all = server.store().list(Kind::named("batch/v1", "Job").unwrap(), "keyboss");
        all.filter(|job| job["metadata"]["labels"]["app.kubernetes.io/name"] == "migrate").count()
    };
    for (tag, expected) in [("3.22", 1), ("3.23", 2), ("3.24", 2)] {
        deployed(prepared_with(&face, "local", "k3d-x", &[&format!("images.saleor.tag={tag}")]).await).await;
        sleep(Duration::from_secs(30)).await;
        assert_eq!(jobs(&face), expected, "RULES.md T14: after {tag}");
    }
}

/// Deploys a first release, and a second one that is killed; then its lock expires.
async fn broken_off(face: &Face) {
    deployed(prepared_with(face, "local", "k3d-x", &IMAGE[0]).await).await;
    sleep(Duration::from_secs(30)).await;
    let killed = async {
        while tag(face) != "2.0.0" {
            sleep(Duration::from_millis(1)).await;
        }
    };
    let undisturbed = options();
    tokio::select! {
        ended = run(face, &IMAGE[1], &undisturbed) => panic!("it ended: {ended:?}"),
        () = killed => {}
    }
    sleep(Duration::from_secs(61)).await;
}

#[test]
fn a_copy_of_the_cluster_has_what_a_broken_off_release_is_rolled_back_with() {
    let face = face();
    runtime().block_on(async {
        let _controllers = Controllers::start(&face);
        broken_off(&face).await;
    });
    let served = Served::new(&face, "k3d-x", "keyboss");
    let (code, told, error) = served.told(&["rehearse", "--local", "--from-cluster"]);
    assert_eq!(code, 0, "{told}{error}");
    assert!(told.contains("release 2: it was broken off, and is rolled back now"), "{told}");
    assert_eq!(tag(&face), "2.0.0", "a rehearsal only reads");
}

#[tokio::test(start_paused = true)]
async fn what_was_broken_off_can_be_gone_on_from_and_a_failure_then_goes_back_before_it() {
    let face = face();
    let controllers = Controllers::start(&face);
    broken_off(&face).await;
    drop(controllers);
    let mut ailments = Ailments::default();
    ailments.add(Ailment::Image, "saleor-dashboard");
    let _controllers = Controllers::with(&face, ailments);
    let (events, receiver) = Events::channel();
    let mut options = options();
    let change = [IMAGE[1][0], "images.dashboard.tag=next"];
    let prepared = begin(request(&face, "local", "k3d-x", &change), &mut options, true, &|_: &str| {}, &events).await;
    assert_eq!(tag(&face), "2.0.0", "nothing is rolled back first");
    let ended = deploy(prepared.unwrap(), &options, &events).await;
    assert!(matches!(ended, Ok(Ending::Failed)), "{ended:?} {:?}", told(receiver).last());
    assert_eq!(tag(&face), "1.0.0", "before the release that was broken off, not after it");
    assert_eq!(histories(&face), [(1, State::Succeeded), (2, State::Kept), (3, State::RolledBack)]);
}

#[tokio::test(start_paused = true)]
async fn a_release_of_some_phases_is_gone_back_to_as_it_was() {
    let face = face();
    let _controllers = Controllers::start(&face);
    deployed(prepared_with(&face, "local", "k3d-x", &IMAGE[0]).await).await;
    sleep(Duration::from_secs(30)).await;
    let keep = |face: &Face| object(face, "batch/v1beta1", "CronJob", "postgres-backup").unwrap()["spec"].to_string();
    let kept = keep(&face);
    let some = request(&face, "local", "k3d-x", &[IMAGE[1][0], "backup.keep=3"]);
    let (ended, _) = act(Request { selection: Selection::Only(Phase::Deployments), ..some }, &options()).await;
    assert!(matches!(ended, Ok(Ending::Done)), "{ended:?}");
    assert_eq!(keep(&face), kept);
    sleep(Duration::from_secs(30)).await;
    deployed(prepared_with(&face, "local", "k3d-x", &[IMAGE[2][0], "backup.keep=5"]).await).await;
    assert_ne!(keep(&face), kept);
    sleep(Duration::from_secs(30)).await;
    assert_eq!(roll_back(&face).await, Some(2));
    assert_eq!((tag(&face), keep(&face)), ("2.0.0".to_owned(), kept), "what was not deployed then is not deployed now");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_read_keeps_a_deploy_from_beginning() {
    let face = face();
    let _controllers = Controllers::start(&face);
    deployed(prepared_with(&face, "local", "k3d-x", &IMAGE[0]).await).await;
    let api: Api<k8s_openapi::api::core::v1::ConfigMap> = Api::namespaced(face.within().client("keyboss"), "keyboss");
    let patch = json!({"data": {"journal": "{\"release\": 1, \"state\": \"half-way\"}"}});
    api.patch("keyboss-release-1", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    let (ended, _) = run(&face, &IMAGE[1], &options()).await;
    let Err(refused) = ended else { panic!("{ended:?}") };
    assert!(
        refused.to_string().contains("ConfigMap keyboss-release-1, the record of a release, cannot be read"),
        "{refused}"
    );
    assert_eq!(tag(&face), "1.0.0");
}

#[tokio::test(start_paused = true)]
async fn a_release_whose_record_is_too_large_does_not_begin() {
    let face = face();
    let _controllers = Controllers::start(&face);
    deployed(prepared_with(&face, "local", "k3d-x", &[]).await).await;
    // What was there before is part of a record; that of a ConfigMap that somebody has added to, too.
    let mut rng = fastrand::Rng::with_seed(1);
    let notes: String = std::iter::repeat_with(|| rng.alphanumeric()).take(1_500_000).collect();
    let api: Api<k8s_openapi::api::core::v1::ConfigMap> = Api::namespaced(face.within().client("keyboss"), "keyboss");
    let patch = Patch::Merge(json!({"data": {"notes": notes}}));
    api.patch("keyboss-config", &PatchParams::default(), &patch).await.unwrap();
    let before = object(&face, "v1", "ConfigMap", "keyboss-config");
    let (ended, _) = run(&face, &["saleor.allowedHosts=[a.example]"], &options()).await;
    let Err(refused) = ended else { panic!("{ended:?}") };
    let why = "a Secret holds 1 MiB; the largest object in it is ConfigMap keyboss-config";
    assert!(refused.to_string().contains(why), "{refused}");
    assert_eq!(object(&face, "v1", "ConfigMap", "keyboss-config"), before);
    assert_eq!(histories(&face), [(1, State::Succeeded)]);
    assert!(crate::sim::lock_is_free(&face));
}

#[test]
fn a_second_signal_ends_it_at_once_and_leaves_the_lock_and_the_record_to_the_next() {
    // The last line of a log of CI closes what is open in it.
    for (output, last) in [("plain", ""), ("github", "::endgroup::"), ("gitlab", "section_end:")] {
        // Nothing lives in it, so that a rollback waits.
        let face = Scene::Upgrade.cluster();
        let served = Served::new(&face, "k3d-x", "keyboss");
        let deploy = ["deploy", "--local", "--output", output, "--set", IMAGE[1][0]];
        let mut child = served.command(&deploy).stdout(Stdio::piped()).spawn().unwrap();
        let pid = child.id().to_string();
        let signal = || assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let mut log = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap) {
            if line.contains("changed Deployment saleor-storefront") || line.contains("Z rolling back") {
                signal();
            }
            log.push(line);
        }
        let text = log.join("\n");
        assert_eq!(child.wait().unwrap().code(), Some(130), "{output}: {text}");
        assert!(log.last().unwrap().contains(last), "{output}: {text}");
        let lease = object(&face, "coordination.k8s.io/v1", "Lease", "keyboss-deploy").unwrap();
        assert!(!lease["spec"]["holderIdentity"].as_str().unwrap().is_empty(), "{lease}");
        assert_eq!(histories(&face).last(), Some(&(2, State::Running)));
    }
}
