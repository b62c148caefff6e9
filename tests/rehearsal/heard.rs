//! What the cluster says while a phase waits, told by a deploy.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use keyboss::pipeline::{Ending, Event, Events, deploy};
use keyboss::rehearsal::ailments::{Ailment, Ailments};
use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::faults::{Fault, Rule};
use keyboss::rehearsal::rights::Denial;
use keyboss::render::Phase;
use kube::api::{Api, ListParams};

use crate::stage::{face, options, prepared, told};

/// Deploys; how it ended, and what was told.
async fn deployed(face: &Face) -> (Ending, Vec<Event>) {
    let prepared = prepared(face, "local", "k3d-x").await;
    let (events, receiver) = Events::channel();
    let ending = deploy(prepared, &options(), &events).await.unwrap();
    drop(events);
    (ending, told(receiver))
}

/// The lines of pods that are called like this.
fn lines<'a>(events: &'a [Event], of: &str) -> Vec<&'a str> {
    let line = |event: &'a Event| match event {
        Event::LogLine { pod, line, .. } if pod.starts_with(of) => Some(line.as_str()),
        _ => None,
    };
    events.iter().filter_map(line).collect()
}

fn notices<'a>(events: &'a [Event], with: &str) -> Vec<&'a str> {
    let words = |event: &'a Event| match event {
        Event::Notice { message, .. } if message.contains(with) => Some(message.as_str()),
        _ => None,
    };
    events.iter().filter_map(words).collect()
}

/// A container that writes as soon as it runs.
async fn write(face: &Face, name: &str, lines: usize) {
    let labels = ListParams::default().labels(&format!("app.kubernetes.io/name={name}"));
    let pods: Api<Pod> = Api::namespaced(face.within().client("keyboss"), "keyboss");
    let is_running = |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running");
    let pod = loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let found = pods.list(&labels).await.map(|list| list.items).unwrap_or_default();
        if let Some(pod) = found.into_iter().find(is_running) {
            break serde_json::to_value(pod).unwrap();
        }
    };
    let at = pod["status"]["startTime"].as_str().map_or(jiff::Timestamp::MIN, |time| time.parse().unwrap());
    face.change(|server| {
        (0..lines).for_each(|number| server.logs().write(&pod, name, at, format!("{name} {number}")));
    });
}

#[tokio::test(start_paused = true)]
async fn what_jobs_write_is_told_once_wherever_the_connection_breaks() {
    for fault in [None, Some(Fault::Torn), Some(Fault::Reset), Some(Fault::Refused(503)), Some(Fault::Silence)] {
        let face = face();
        let _controllers = Controllers::start(&face);
        if let Some(fault) = fault {
            face.faults().add(Rule { verb: "get".into(), resource: "pods/log".into(), fault, at: Some(1) });
        }
        let ((ending, events), ()) = tokio::join!(deployed(&face), write(&face, "migrate", 20));
        assert_eq!(ending, Ending::Done, "{fault:?}");
        let told = lines(&events, "migrate-");
        // What is said in time: a deploy does not wait for a log that is silent.
        if fault != Some(Fault::Silence) {
            let expected: Vec<String> = (0..20).map(|number| format!("migrate {number}")).collect();
            assert_eq!(told[0], "rehearsed, not run: python3 manage.py migrate --no-input", "{fault:?}");
            assert_eq!(told[1..], expected, "{fault:?}");
        }
        let later = events
            .iter()
            .position(|event| matches!(event, Event::PhaseFinished(done) if done.phase == Phase::Migration));
        let last =
            events.iter().rposition(|event| matches!(event, Event::LogLine { pod, .. } if pod.starts_with("migrate-")));
        assert!(last < later, "{fault:?}: {last:?} {later:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_cut_and_counted() {
    let face = face();
    let _controllers = Controllers::start(&face);
    let ((ending, events), ()) = tokio::join!(deployed(&face), write(&face, "migrate", 10_000));
    assert_eq!(ending, Ending::Done);
    let told = lines(&events, "migrate-").len();
    assert!((200..1000).contains(&told), "{told}");
    let left: usize = notices(&events, "lines of its log are left out")
        .iter()
        .map(|words| words.split(' ').nth(1).unwrap().parse::<usize>().unwrap())
        .sum();
    assert_eq!(told + left, 10_001);
}

#[tokio::test(start_paused = true)]
async fn a_second_deploy_tells_nothing_of_the_first() {
    let face = face();
    let mut ailments = Ailments::default();
    ailments.add(Ailment::Crash, "celery-worker");
    let controllers = Controllers::with(&face, ailments);
    let (ending, events) = deployed(&face).await;
    assert_eq!(ending, Ending::Failed);
    assert!(!lines(&events, "celery-worker-").is_empty());
    drop(controllers);
    // What went wrong is over by then, but there are its events and its containers' earlier runs.
    let _controllers = Controllers::start(&face);
    tokio::time::sleep(Duration::from_secs(600)).await;
    let (ending, events) = deployed(&face).await;
    assert_eq!(ending, Ending::Done);
    assert_eq!(lines(&events, "celery-worker-"), Vec::<&str>::new());
    let warned: Vec<&Event> = events.iter().filter(|event| matches!(event, Event::Warning { .. })).collect();
    assert!(warned.is_empty(), "{warned:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_may_not_read_events_or_logs_deploys_without() {
    let face = face();
    for (verb, resource) in [("list", "events"), ("watch", "events"), ("get", "pods/log")] {
        face.rights().deny(Denial { verb: verb.to_owned(), resource: resource.to_owned() });
    }
    let _controllers = Controllers::start(&face);
    let (ending, events) = deployed(&face).await;
    assert_eq!(ending, Ending::Done);
    assert_eq!(notices(&events, "you may not read events").len(), 1);
    assert_eq!(notices(&events, "what Jobs write is not shown").len(), 1);
    assert!(lines(&events, "").is_empty());
}
