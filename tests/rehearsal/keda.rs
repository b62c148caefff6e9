//! A ScaledObject in the place of celery-worker's HorizontalPodAutoscaler, there and back: two never steer it at once.

mod kills;
mod watched;

use std::time::Duration;

use keyboss::pipeline::{Change, Ending, Event, Events, Outcome, Reset, RestoreOutcome, begin, deploy, preview};
use keyboss::rehearsal::ailments::{Ailment, Ailments};
use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::faults::{Fault, Rule};
use keyboss::rehearsal::kinds::Kind;
use keyboss::rehearsal::rights::Denial;
use keyboss::rehearsal::store::Key;
use keyboss::release::State;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::stage::{create_namespace, face, message, options, prepared_with, request, told};
use crate::transaction::{histories, object, roll_back_to, run};
use watched::{HPA, KEDAS, OWN, Watched, scalers};

const OFF: [&str; 0] = [];
const ON: [&str; 1] = ["autoscaling.keda.enabled=true"];
/// A value of a phase that comes after the autoscalers.
const BACKUP: &str = "backup.keep=3";

fn scaled_object() -> &'static Kind {
    Kind::named("keda.sh/v1alpha1", "ScaledObject").unwrap()
}

/// A cluster that has KEDA.
fn with_keda() -> Face {
    let face = face();
    face.change(|server| server.install(scaled_object()));
    face
}

/// Deploys that to it, and lets the dust settle.
async fn succeeds(face: &Face, sets: &[&str]) -> Vec<Event> {
    let (ended, events) = run(face, sets, &options()).await;
    assert!(matches!(ended, Ok(Ending::Done)), "{sets:?}: {ended:?} {:?}", events.last());
    sleep(Duration::from_secs(30)).await;
    events
}

/// Deploys the same once more, which writes nothing.
async fn is_unchanged(face: &Face, sets: &[&str]) {
    face.faults().forget();
    let events = succeeds(face, sets).await;
    assert_eq!(message(&events), "nothing changed", "{sets:?}");
    let writes: Vec<String> =
        face.faults().received().into_iter().filter(|one| one.is_write).map(|one| one.what).collect();
    assert_eq!(writes, [""; 0], "{sets:?}");
}

/// What was written.
fn touched(events: &[Event]) -> Vec<String> {
    let object = |event: &Event| match event {
        Event::Applied { object, change, .. } if *change != Change::Unchanged => Some(object.clone()),
        _ => None,
    };
    events.iter().filter_map(object).collect()
}

fn notices(events: &[Event]) -> String {
    let said = events.iter().filter_map(|event| match event {
        Event::Notice { message, .. } => Some(message.as_str()),
        _ => None,
    });
    said.collect::<Vec<_>>().join("\n")
}

fn deleted(events: &[Event]) -> Vec<&str> {
    let gone = events.iter().filter_map(|event| match event {
        Event::Deleted { object } => Some(object.as_str()),
        _ => None,
    });
    gone.collect()
}

fn replicas(face: &Face) -> Value {
    object(face, "apps/v1", "Deployment", "celery-worker").unwrap()["spec"]["replicas"].clone()
}

#[tokio::test(start_paused = true)]
async fn the_scaled_object_takes_the_autoscalers_place_and_gives_it_back() {
    let face = with_keda();
    let _controllers = Controllers::start(&face);
    let watched = Watched::begin(&face);
    succeeds(&face, &OFF).await;
    assert_eq!(scalers(&face), [HPA]);
    let api: Api<k8s_openapi::api::apps::v1::Deployment> = Api::namespaced(face.within().client("keyboss"), "keyboss");
    let patch = Patch::Merge(json!({"spec": {"replicas": 4}}));
    api.patch("celery-worker", &PatchParams::default(), &patch).await.unwrap();
    sleep(Duration::from_secs(60)).await;

    let events = succeeds(&face, &ON).await;
    assert_eq!(scalers(&face), [KEDAS, OWN]);
    assert_eq!(deleted(&events), [HPA]);
    let said = format!("{HPA} is deleted: {OWN} steers Deployment celery-worker");
    assert!(notices(&events).contains(&said), "{}", notices(&events));
    assert!(!notices(&events).contains("--prune"), "{}", notices(&events));
    assert_eq!(replicas(&face), json!(4));
    let hpa = object(&face, "autoscaling/v2beta2", "HorizontalPodAutoscaler", "keda-hpa-celery-worker").unwrap();
    let metrics: Vec<&Value> =
        hpa["spec"]["metrics"].as_array().unwrap().iter().map(|metric| &metric["type"]).collect();
    assert_eq!(metrics, ["External", "Resource", "Resource"]);
    assert_eq!((&hpa["spec"]["minReplicas"], &hpa["spec"]["maxReplicas"]), (&json!(2), &json!(4)));
    is_unchanged(&face, &ON).await;
    let events = succeeds(&face, &[ON[0], "autoscaling.worker.maxReplicas=5"]).await;
    assert_eq!(deleted(&events), [""; 0], "a change of it is no change of who steers");
    assert_eq!(scalers(&face), [KEDAS, OWN]);

    let events = succeeds(&face, &OFF).await;
    assert_eq!(scalers(&face), [HPA]);
    assert_eq!(deleted(&events), [OWN]);
    assert_eq!(replicas(&face), json!(4));
    is_unchanged(&face, &OFF).await;
    watched.check("there and back");
}

#[tokio::test(start_paused = true)]
async fn where_keda_is_not_there_or_goes_away_the_autoscaler_steers() {
    let face = face();
    let _controllers = Controllers::start(&face);
    let watched = Watched::begin(&face);
    let events = succeeds(&face, &ON).await;
    assert_eq!(scalers(&face), [HPA]);
    let said = format!(
        "{OWN} is not used, for the cluster does not serve keda.sh/v1alpha1 ScaledObject: {HPA} steers Deployment \
         celery-worker instead"
    );
    assert!(notices(&events).contains(&said), "{}", notices(&events));
    is_unchanged(&face, &ON).await;

    face.change(|server| server.install(scaled_object()));
    succeeds(&face, &ON).await;
    assert_eq!(scalers(&face), [KEDAS, OWN]);

    face.change(|server| server.uninstall(scaled_object()));
    sleep(Duration::from_secs(60)).await;
    assert_eq!(scalers(&face), [KEDAS], "nobody collects it");
    let events = succeeds(&face, &ON).await;
    assert_eq!(scalers(&face), [HPA]);
    assert_eq!(deleted(&events), [KEDAS]);
    is_unchanged(&face, &ON).await;
    watched.check("without, with and without KEDA");
}

#[tokio::test(start_paused = true)]
async fn a_right_that_is_missing_decides_before_anything_is_written() {
    for verb in ["get", "list", "create", "patch", "delete"] {
        let face = with_keda();
        let _controllers = Controllers::start(&face);
        let denial = Denial { verb: verb.to_owned(), resource: "scaledobjects".to_owned() };
        face.rights().deny(denial.clone());
        let events = succeeds(&face, &ON).await;
        assert_eq!(scalers(&face), [HPA], "{verb}");
        let said = format!("you may not {verb} scaledobjects.keda.sh in namespace keyboss: {HPA} steers");
        assert!(notices(&events).contains(&said), "{}", notices(&events));
        is_unchanged(&face, &ON).await;
        // Redis is not open to KEDA any more; the autoscaler stays.
        let events = succeeds(&face, &OFF).await;
        assert_eq!(touched(&events), ["NetworkPolicy redis"], "{verb}");
        assert_eq!(scalers(&face), [HPA], "{verb}");
    }
    let face = with_keda();
    let _controllers = Controllers::start(&face);
    succeeds(&face, &ON).await;
    face.rights().deny(Denial { verb: "delete".to_owned(), resource: "scaledobjects".to_owned() });
    for sets in [&OFF[..], &ON] {
        let (ended, _) = run(&face, sets, &options()).await;
        let refused = ended.unwrap_err().to_string();
        let said =
            "you may not delete scaledobjects.keda.sh in namespace keyboss; an earlier release has made a ScaledObject";
        assert!(refused.contains(said), "{refused}");
        assert_eq!(scalers(&face), [KEDAS, OWN]);
    }

    let face = with_keda();
    let _controllers = Controllers::start(&face);
    succeeds(&face, &ON).await;
    succeeds(&face, &OFF).await;
    face.rights().deny(Denial { verb: "*".to_owned(), resource: "scaledobjects".to_owned() });
    is_unchanged(&face, &OFF).await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_deploy_gives_the_workload_back_to_the_one_before() {
    for (before, after, steer, steers) in [(&OFF[..], &ON[..], &[HPA][..], OWN), (&ON, &OFF, &[KEDAS, OWN], HPA)] {
        let face = with_keda();
        let _controllers = Controllers::start(&face);
        succeeds(&face, before).await;
        let watched = Watched::begin(&face);
        // The first two are dry runs.
        let (verb, resource) = ("patch".to_owned(), "cronjobs".to_owned());
        face.faults().add(Rule { verb, resource, fault: Fault::Refused(422), at: Some(3) });
        let (ended, events) = run(&face, &[after, &[BACKUP]].concat(), &options()).await;
        assert!(matches!(ended, Ok(Ending::Failed)), "{ended:?} {:?}", events.last());
        sleep(Duration::from_secs(30)).await;
        watched.check("rolled back");
        assert_eq!(scalers(&face), steer);
        let Some(Event::DeployFinished(finished)) = events.last() else { panic!("{events:?}") };
        let outcome = |name: &str| finished.restored.iter().find(|one| one.object == name).map(|one| one.outcome);
        assert_eq!(outcome(steers), Some(RestoreOutcome::Deleted));
        let own = steer.last().unwrap();
        assert_eq!(outcome(own), Some(RestoreOutcome::RolledBack));
        assert_eq!(histories(&face).last(), Some(&(2, State::RolledBack)));
        is_unchanged(&face, before).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollback_goes_across_the_switch_and_knows_what_is_served() {
    let face = with_keda();
    let _controllers = Controllers::start(&face);
    succeeds(&face, &OFF).await;
    succeeds(&face, &ON).await;
    let watched = Watched::begin(&face);
    assert_eq!(roll_back_to(&face, None).await, Some(1));
    sleep(Duration::from_secs(30)).await;
    assert_eq!(scalers(&face), [HPA]);
    is_unchanged(&face, &OFF).await;
    assert_eq!(roll_back_to(&face, Some(2)).await, Some(2));
    sleep(Duration::from_secs(30)).await;
    assert_eq!(scalers(&face), [KEDAS, OWN]);
    is_unchanged(&face, &ON).await;

    assert_eq!(roll_back_to(&face, Some(1)).await, Some(1));
    face.change(|server| server.uninstall(scaled_object()));
    sleep(Duration::from_secs(30)).await;
    assert_eq!(roll_back_to(&face, Some(2)).await, Some(2));
    assert_eq!(scalers(&face), [HPA], "what that release would do now");
    watched.check("rollbacks");
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_is_down_is_named_and_nothing_is_steered_twice() {
    let face = with_keda();
    let down = || {
        let mut ailments = Ailments::default();
        ailments.stop_keda();
        Controllers::with(&face, ailments)
    };
    let controllers = Controllers::start(&face);
    succeeds(&face, &OFF).await;
    let watched = Watched::begin(&face);
    drop(controllers);
    let controllers = down();
    let (ended, events) = run(&face, &ON, &options()).await;
    assert!(matches!(ended, Ok(Ending::Failed)), "{ended:?}");
    let said = message(&events);
    let diagnosed = events.iter().any(|event| {
        matches!(event, Event::Diagnosis(diagnosis) if diagnosis.object == OWN && diagnosis.reason == "NoController"
            && diagnosis.message.contains("is KEDA's operator running"))
    });
    assert!(diagnosed, "{said}: {events:?}");
    assert_eq!(scalers(&face), [HPA], "back");

    drop(controllers);
    let controllers = Controllers::start(&face);
    succeeds(&face, &ON).await;
    drop(controllers);
    let controllers = down();
    let (ended, events) = run(&face, &OFF, &options()).await;
    assert!(matches!(ended, Ok(Ending::Incomplete)), "{ended:?}");
    let Some(Event::DeployFinished(finished)) = events.last() else { panic!("{events:?}") };
    let phase = &finished.phases[4];
    let reason = phase.reason.as_deref().unwrap();
    assert_eq!(phase.outcome, Outcome::TimedOut, "{phase:?}");
    assert!(reason.contains("finalizer finalizer.keda.sh holds it; is KEDA's operator running?"), "{reason}");
    assert_eq!(object(&face, "autoscaling/v2beta2", "HorizontalPodAutoscaler", "celery-worker"), None);

    drop(controllers);
    let _controllers = Controllers::start(&face);
    sleep(Duration::from_secs(61)).await;
    succeeds(&face, &OFF).await;
    assert_eq!(scalers(&face), [HPA]);
    watched.check("an operator that is down");
}

#[tokio::test(start_paused = true)]
async fn a_first_install_that_fails_stays_and_is_finished_by_either() {
    for (sets, steer) in [(&ON[..], &[KEDAS, OWN][..]), (&OFF, &[HPA])] {
        let face = with_keda();
        let mut ailments = Ailments::default();
        ailments.add(Ailment::Image, "redis-exporter");
        let controllers = Controllers::with(&face, ailments);
        let watched = Watched::begin(&face);
        let (ended, _) = run(&face, &ON, &options()).await;
        assert!(matches!(ended, Ok(Ending::Failed)), "{ended:?}");
        assert_eq!(histories(&face), [(1, State::Kept)]);
        assert_eq!(scalers(&face), [KEDAS, OWN]);
        drop(controllers);
        let _controllers = Controllers::start(&face);
        succeeds(&face, sets).await;
        assert_eq!(scalers(&face), steer);
        watched.check("a first install");
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_still_sees_what_is_gone_is_asked_again() {
    let face = with_keda();
    let _controllers = Controllers::start(&face);
    succeeds(&face, &OFF).await;
    // The first is the dry run, which it refuses by itself.
    for at in [2, 3] {
        let (verb, resource) = ("patch".to_owned(), "scaledobjects".to_owned());
        face.faults().add(Rule { verb, resource, fault: Fault::Refused(403), at: Some(at) });
    }
    succeeds(&face, &ON).await;
    assert_eq!(scalers(&face), [KEDAS, OWN]);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_says_what_would_go_and_writes_nothing() {
    let face = with_keda();
    let _controllers = Controllers::start(&face);
    succeeds(&face, &OFF).await;
    face.faults().forget();
    let (events, receiver) = Events::channel();
    assert!(preview(&prepared_with(&face, "local", "k3d-x", &ON).await, &events).await);
    let told = told(receiver);
    // The ScaledObject, and the policy that lets KEDA ask Redis.
    assert_eq!(message(&told), "dry run: 2 objects would be created or changed and 1 deleted; nothing was written");
    let said = format!("{HPA} would be deleted: {OWN} steers Deployment celery-worker");
    assert!(notices(&told).contains(&said), "{}", notices(&told));
    assert!(!face.faults().received().iter().any(|one| one.is_write));
    assert_eq!(scalers(&face), [HPA]);
}

/// A HorizontalPodAutoscaler of celery-worker that a person has made.
fn adopt_hpa(face: &Face, name: &str) {
    let kind = Kind::named("autoscaling/v2beta2", "HorizontalPodAutoscaler").unwrap();
    let key = Key { kind, namespace: "keyboss".to_owned(), name: name.to_owned() };
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "celery-worker"});
    let object = json!({"apiVersion": kind.api_version, "kind": kind.kind,
        "metadata": {"name": name, "namespace": "keyboss", "uid": format!("uid-{name}")},
        "spec": {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 3}});
    face.change(|server| server.adopt(key, object));
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_autoscaler_is_never_deleted() {
    let face = with_keda();
    let _controllers = Controllers::start(&face);
    create_namespace(&face, "keyboss").await;
    adopt_hpa(&face, "theirs");
    let events = succeeds(&face, &OFF).await;
    let said = "HorizontalPodAutoscaler theirs steers Deployment celery-worker as HorizontalPodAutoscaler celery-worker does, \
                and is not keyboss'";
    assert!(notices(&events).contains(said), "{}", notices(&events));
    assert_eq!(scalers(&face), [HPA, "HorizontalPodAutoscaler theirs"]);
    // KEDA refuses to be the second; so nothing is gained, and all is as it was.
    let (ended, _) = run(&face, &ON, &options()).await;
    assert!(matches!(ended, Ok(Ending::Failed)), "{ended:?}");
    assert_eq!(scalers(&face), [HPA, "HorizontalPodAutoscaler theirs"]);

    let face = with_keda();
    create_namespace(&face, "keyboss").await;
    adopt_hpa(&face, "celery-worker");
    let (ended, _) = run(&face, &ON, &options()).await;
    let refused = ended.unwrap_err().to_string();
    assert!(refused.contains("HorizontalPodAutoscaler celery-worker steers Deployment celery-worker"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_reset_takes_it_away_whatever_the_values_are() {
    for sets in [&ON[..], &OFF] {
        let face = with_keda();
        let _controllers = Controllers::start(&face);
        succeeds(&face, &ON).await;
        let (events, receiver) = Events::channel();
        let reset = Reset::plan(request(&face, "local", "k3d-x", sets), false).await.unwrap();
        let ended = reset.run(&options(), &events).await;
        assert!(matches!(ended, Ok(Ending::Done)), "{sets:?}: {ended:?}");
        assert!(deleted(&told(receiver)).contains(&OWN), "{sets:?}");
        assert_eq!(scalers(&face), [""; 0], "{sets:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_broken_off_can_be_gone_on_from_with_the_other_one() {
    let face = with_keda();
    let _controllers = Controllers::start(&face);
    succeeds(&face, &OFF).await;
    let watched = Watched::begin(&face);
    let undisturbed = options();
    let steered = async {
        while scalers(&face) != [KEDAS, OWN] {
            sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        ended = run(&face, &ON, &undisturbed) => panic!("it ended: {ended:?}"),
        () = steered => {}
    }
    sleep(Duration::from_secs(61)).await;
    let (events, receiver) = Events::channel();
    let mut options = options();
    let request = request(&face, "local", "k3d-x", &OFF);
    let begun = begin(request, &mut options, true, &|_: &str| {}, &events).await.unwrap();
    assert_eq!(scalers(&face), [KEDAS, OWN], "nothing is rolled back first");
    let ended = deploy(begun, &options, &events).await;
    assert!(matches!(ended, Ok(Ending::Done)), "{ended:?} {:?}", told(receiver).last());
    sleep(Duration::from_secs(30)).await;
    assert_eq!(scalers(&face), [HPA]);
    watched.check("gone on from");
}
