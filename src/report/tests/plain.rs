//! The plain log, word for word.

use crate::pipeline::{Change, Event, Loss, Outcome};
use crate::render::Phase;
use crate::report::Redactor;
use crate::report::plain::Plain;

use super::samples::*;
use super::{Paper, clock, show};

fn log(events: Vec<Event>) -> String {
    let paper = Paper::default();
    show(&mut Plain::new(paper.clone(), clock()), &Redactor::default(), events);
    paper.text()
}

#[test]
fn a_deploy_that_succeeds() {
    let (config, stateful) = (Phase::Config, Phase::Stateful);
    let phases = vec![
        summary(config, Outcome::Done, 0.42, [1, 0, 3]),
        summary(stateful, Outcome::Done, 65.2, [1, 1, 0]),
        skipped(),
    ];
    let text = log(vec![
        started(&Phase::ALL, false),
        phase(config, 4),
        applied(config, "Namespace keyboss", Change::Created),
        applied(config, "ConfigMap keyboss-config", Change::Unchanged),
        Event::PhaseFinished(phases[0].clone()),
        phase(stateful, 2),
        applied(stateful, "StatefulSet postgres", Change::Changed),
        waiting(stateful, "StatefulSet postgres", "no pod yet", (0, 2), false),
        waiting(stateful, "StatefulSet postgres", "no pod yet", (0, 2), false),
        waiting(stateful, "StatefulSet postgres", "postgres-1 crashed once", (1, 2), true),
        heartbeat(stateful, Some(("StatefulSet postgres", "postgres-1 crashed once"))),
        line(stateful, "postgres-1", "postgres", "\u{1b}[31mFATAL\u{1b}[0m: no space left"),
        line(stateful, "seed-1-x2k4l", "populate", ""),
        warning(stateful, "Pod postgres-1", "Back-off\n restarting", 1),
        warning(stateful, "Pod redis-1", "cannot pull", 3),
        ready(stateful, "StatefulSet postgres"),
        ready(stateful, "StatefulSet redis"),
        Event::PhaseFinished(phases[1].clone()),
        Event::PhaseFinished(phases[2].clone()),
        finished(true, "local is deployed", 66.0, phases),
    ]);
    let expected = "\
12:00:00Z deploying local to namespace keyboss (context k3d-keyboss, server https://127.0.0.1:6443, Kubernetes v1.20.2)
12:00:01Z [1/8 Namespace & config] started: 4 objects, at most 1m
12:00:02Z [1/8 Namespace & config] created Namespace keyboss
12:00:04Z [1/8 Namespace & config] done in 0.4s: 1 created, 3 unchanged
12:00:05Z [2/8 Stateful] started: 2 objects, at most 5m
12:00:06Z [2/8 Stateful] changed StatefulSet postgres
12:00:07Z [2/8 Stateful] waiting for StatefulSet postgres (0/2): no pod yet
12:00:09Z [2/8 Stateful] waiting for StatefulSet postgres (1/2): postgres-1 crashed once (will fail in 1m30s unless this changes)
12:00:10Z [2/8 Stateful] 3 of 5 ready, 4m45s left; worst: StatefulSet postgres: postgres-1 crashed once
12:00:11Z [2/8 Stateful] log  postgres-1 │ FATAL: no space left
12:00:12Z [2/8 Stateful] log  seed-1-x2k4l/populate │
12:00:13Z [2/8 Stateful] warning  Pod postgres-1: Failed: Back-off restarting
12:00:14Z [2/8 Stateful] warning  Pod redis-1: Failed: cannot pull (x3)
12:00:15Z [2/8 Stateful] ready: StatefulSet postgres
12:00:17Z [2/8 Stateful] done in 1m05s: 1 created, 1 changed
12:00:18Z [8/8 ServiceMonitors] skipped: the cluster does not serve ServiceMonitor
12:00:19Z    phase               outcome        time  created  changed  unchanged
12:00:19Z 1  Namespace & config  done           0.4s        1        0          3
12:00:19Z 2  Stateful            done          1m05s        1        1          0
12:00:19Z 8  ServiceMonitors     skipped           -        -        -          -
12:00:19Z local is deployed
12:00:19Z 2 created, 1 changed, 3 unchanged; 1m06s, 76 API requests
";
    assert_eq!(text, expected);
}

#[test]
fn a_deploy_that_fails_shows_its_evidence() {
    let text = log(vec![
        notice(),
        phase(Phase::Deployments, 4),
        diagnosis(),
        Event::PhaseFinished(failed()),
        Event::PhaseFinished(summary(Phase::Backup, Outcome::NotReached, 0.0, [0, 0, 0])),
        finished(false, "phase 4, Deployments, failed", 14.0, vec![failed()]),
    ]);
    let expected = "\
12:00:00Z [5/8 High availability] note: autoscaling/v2 is not served; autoscaling/v2beta2 is used
12:00:01Z [4/8 Deployments] started: 4 objects, at most 5m
12:00:02Z [4/8 Deployments] FAILED Deployment saleor-storefront: ErrImagePull
12:00:02Z [4/8 Deployments]   manifest for storefront:missing not found
12:00:02Z [4/8 Deployments]   pod:       saleor-storefront-7d9c-x2x
12:00:02Z [4/8 Deployments]   container: storefront
12:00:02Z [4/8 Deployments]   image:     storefront:missing
12:00:02Z [4/8 Deployments]   last warning events:
12:00:02Z [4/8 Deployments]     Failed: Failed to pull image \"storefront:missing\"
12:00:02Z [4/8 Deployments]   last log lines:
12:00:02Z [4/8 Deployments]     Traceback (most recent call last):
12:00:02Z [4/8 Deployments]      boom
12:00:02Z [4/8 Deployments]     last
12:00:03Z [4/8 Deployments] failed after 12.3s: Deployment saleor-storefront: ErrImagePull
12:00:04Z [6/8 Backup] not reached
12:00:05Z    phase               outcome        time  created  changed  unchanged
12:00:05Z 4  Deployments         failed        12.3s        1        0          3
12:00:05Z phase 4, Deployments, failed
12:00:05Z 1 created, 3 unchanged; 14.0s, 76 API requests
12:00:05Z next:
12:00:05Z   - correct images.storefront.tag and deploy again
";
    assert_eq!(text, expected);
}

#[test]
fn a_deploy_that_changes_nothing_says_so() {
    let phases = vec![summary(Phase::Config, Outcome::Done, 0.3, [0, 0, 4]), skipped()];
    let text = log(vec![
        phase(Phase::Config, 4),
        applied(Phase::Config, "ConfigMap keyboss-config", Change::Unchanged),
        ready(Phase::Config, "ConfigMap keyboss-config"),
        Event::PhaseFinished(phases[0].clone()),
        finished(true, "nothing changed", 1.3, phases),
    ]);
    let expected = "\
12:00:00Z [1/8 Namespace & config] started: 4 objects, at most 1m
12:00:03Z [1/8 Namespace & config] done in 0.3s: 4 unchanged
12:00:04Z    phase               outcome        time  created  changed  unchanged
12:00:04Z 1  Namespace & config  done           0.3s        0        0          4
12:00:04Z 8  ServiceMonitors     skipped           -        -        -          -
12:00:04Z nothing changed
12:00:04Z 4 unchanged; 1.3s, 76 API requests
";
    assert_eq!(text, expected);
}

#[test]
fn a_dry_run_tells_what_would_happen() {
    let done = summary(Phase::Config, Outcome::Done, 0.3, [1, 1, 2]);
    let text = log(vec![
        started(&[Phase::Config], true),
        applied(Phase::Config, "Namespace keyboss", Change::Created),
        applied(Phase::Config, "Secret keyboss-secrets", Change::Changed),
        Event::PhaseFinished(done.clone()),
    ]);
    let expected = "\
12:00:00Z dry run: deploying local to namespace keyboss (context k3d-keyboss, server https://127.0.0.1:6443, \
Kubernetes v1.20.2); only 1 Namespace & config
12:00:01Z [1/8 Namespace & config] would create Namespace keyboss
12:00:02Z [1/8 Namespace & config] would change Secret keyboss-secrets
12:00:03Z [1/8 Namespace & config] done in 0.3s: 1 to create, 1 to change, 2 unchanged
";
    assert_eq!(text, expected);
}

#[test]
fn a_reset_lists_what_goes_and_what_stays() {
    let text = log(vec![
        planned(),
        Event::Deleted { object: "Deployment saleor-api".into() },
        Event::ResetFinished { complete: true, seconds: 42.0 },
        Event::ResetPlanned(Box::new(Loss { namespace: "keyboss".into(), ..Loss::default() })),
        Event::ResetFinished { complete: false, seconds: 600.0 },
    ]);
    let expected = "\
12:00:00Z a reset of namespace keyboss deletes for good
12:00:00Z   PersistentVolumeClaim data-postgres-0     5Gi of data
12:00:00Z   PersistentVolumeClaim media             500Mi of data
12:00:00Z   Deployment celery-beat, saleor-api
12:00:00Z   Secret keyboss-secrets
12:00:00Z and keeps
12:00:00Z   PersistentVolumeClaim postgres-backup     1Gi of backups (--with-backups deletes them too)
12:00:01Z deleted Deployment saleor-api
12:00:02Z reset in 42.0s
12:00:03Z a reset of namespace keyboss deletes nothing: there is nothing of keyboss
12:00:04Z the reset is incomplete, after 10m
";
    assert_eq!(text, expected);
}

#[test]
fn there_is_no_control_character_but_the_newline() {
    let nasty = "a\u{1b}[2Jb\u{1b}]0;title\u{7}c\rd\u{9b}31me\u{0}f\u{202e}g\th\nsecond";
    let mut events = every();
    events.push(Event::Notice { phase: None, message: nasty.into() });
    events.push(waiting(Phase::Stateful, nasty, nasty, (0, 1), true));
    let text = log(events);
    let odd: Vec<char> =
        text.chars().filter(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c)).collect();
    assert!(odd.is_empty(), "{odd:?} in:\n{text}");
    assert!(text.contains("second\n"), "{text}");
    assert!(text.lines().all(|line| line.starts_with("12:00:")), "{text}");
}
