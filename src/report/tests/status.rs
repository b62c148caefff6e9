//! How a shop stands, for people.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::cluster::Fault;
use crate::pipeline::Workload;
use crate::release::{Action, Author, Journal, PhaseEntry, State};
use crate::render::Phase;
use crate::report::Redactor;
use crate::report::screen::Screen;
use crate::report::status::{Watching, lines};
use crate::status::{Alert, Autoscaler, Backups, Change, Drift, Drifted, Metric, Outcome, Run, Status};
use crate::watchdog::{Postgres, Redis, Roles};

use super::Paper;
use super::described::assert_described;
use super::screens::{compared, shown};

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn roles() -> Roles {
    Roles {
        watchdog: Some("postgres-watchdog-7f6d-x2x4l".into()),
        unknown: None,
        postgres: Postgres {
            primary: "postgres-1".into(),
            synchronous_standby: Some("postgres-0".into()),
            timeline: 3,
            failovers: 2,
            lag_bytes: Some(0),
        },
        redis: Redis { master: "redis-0".into(), replica_attached: Some(true), lag_bytes: Some(12) },
    }
}

fn journal(release: u64, action: Action, state: State, started: &str) -> Journal {
    let author = Author { user: "ana".into(), host: "laptop".into(), job: None };
    let seconds = [0.4, 31.2, 17.3, 31.6, 4.2, 0.1, 12.6, 0.0];
    let entry = |(phase, seconds): (Phase, f64)| {
        let outcome = if seconds == 0.0 { "skipped" } else { "done" };
        PhaseEntry { phase, outcome: outcome.into(), seconds }
    };
    let journal = Journal::new(release, action, time(started), author);
    Journal {
        state,
        finished: (state != State::Running).then(|| time(started) + SignedDuration::from_secs(98)),
        environment: "local".into(),
        phases: Phase::ALL.into_iter().zip(seconds).map(entry).collect(),
        ..journal
    }
}

fn workload(name: &str, ready: i32, why: Option<&str>) -> Workload {
    Workload { kind: "Deployment", name: name.into(), ready, wanted: 2, why: why.map(Into::into) }
}

fn autoscaler(name: &str, now: i64) -> Autoscaler {
    let metric = |name: &str, current: &str, target: &str| Metric {
        name: name.into(),
        current: Some(current.into()),
        target: target.into(),
    };
    Autoscaler {
        name: name.into(),
        target: format!("Deployment {name}"),
        now: Some(now),
        min: 2,
        max: 6,
        at_most: now == 6,
        metrics: vec![metric("memory", "48%", "80%"), metric("cpu", "31%", "70%")],
        why: None,
    }
}

fn backup(what: &'static str, name: &'static str, ended: &str, next: &str) -> Backups {
    let ended = Some(time(ended));
    let run = Run { job: format!("{name}-29458680"), began: ended, ended, outcome: Outcome::Succeeded, why: None };
    Backups {
        what,
        name,
        schedule: Some("0 2 * * *".into()),
        next: Some(time(next)),
        last: Some(run),
        last_success: ended,
    }
}

/// A shop in which all is well.
fn well() -> Status {
    Status {
        namespace: "keyboss".into(),
        at: time("2026-01-05T12:00:00Z"),
        journals: Ok(vec![
            journal(5, Action::Deploy, State::Succeeded, "2026-01-01T09:00:00Z"),
            journal(6, Action::Deploy, State::Succeeded, "2026-01-02T09:00:00Z"),
            journal(7, Action::Deploy, State::RolledBack, "2026-01-03T09:30:00Z"),
            journal(8, Action::Rollback { to: 5 }, State::Succeeded, "2026-01-04T10:00:00Z"),
        ]),
        locks: Ok(Vec::new()),
        workloads: Ok(vec![workload("saleor-api", 2, None), workload("celery-worker", 2, None)]),
        roles: Ok(Some(roles())),
        autoscalers: Ok(vec![autoscaler("celery-worker", 2), autoscaler("saleor-api", 3)]),
        backups: Ok(vec![
            backup("backup", "postgres-backup", "2026-01-05T02:00:31Z", "2026-01-06T02:00:00Z"),
            backup("verification", "postgres-verify", "2026-01-04T04:01:00Z", "2026-01-11T04:00:00Z"),
        ]),
        drift: Ok(Some(Drift { release: 8, looked_at: 101, ..Drift::default() })),
        alerts: Ok(Some(Vec::new())),
    }
}

/// The same with something wrong of every kind.
fn unwell() -> Status {
    let mut status = well();
    let journals = status.journals.as_mut().unwrap();
    journals.push(journal(9, Action::Deploy, State::Running, "2026-01-05T11:00:00Z"));
    let why = "1 of 2 replicas are available; pod saleor-api-wl7pcb29dh-jc75t: CrashLoopBackOff";
    status.workloads.as_mut().unwrap()[0] = workload("saleor-api", 1, Some(why));
    status.autoscalers.as_mut().unwrap()[1] = autoscaler("saleor-api", 6);
    let failed = &mut status.backups.as_mut().unwrap()[0];
    failed.last_success = Some(time("2026-01-04T02:00:30Z"));
    let why = Some("BackoffLimitExceeded".to_owned());
    failed.last = failed.last.take().map(|run| Run { outcome: Outcome::Failed, why, ..run });
    status.drift.as_mut().unwrap().as_mut().unwrap().objects = vec![
        Drifted {
            object: "Deployment saleor-storefront".into(),
            change: Change::Changed,
            by: ["kubectl-edit".to_owned()].into(),
            at: Some(time("2026-01-05T08:15:00Z")),
            fields: vec!["spec.template.spec.containers[storefront].image".into()],
        },
        Drifted {
            object: "Service saleor-api".into(),
            change: Change::Deleted,
            by: [].into(),
            at: None,
            fields: Vec::new(),
        },
    ];
    status.alerts = Ok(Some(vec![Alert {
        name: "SaleorAPIDown".into(),
        severity: Some("critical".into()),
        since: Some(time("2026-01-05T11:58:00Z")),
        summary: Some("The API of the shop does not answer".into()),
    }]));
    status
}

/// The pages in `docs`.
#[test]
fn a_shop_that_is_well_and_one_that_is_not_fit_one_screen() {
    let screens = [well(), unwell()].map(|status| {
        let lines = lines(&status, Some(80));
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
        lines.join("\n") + "\n"
    });
    let rows = |screen: &str| screen.lines().count();
    assert!(rows(&screens[0]) < 24, "{}", screens[0]);
    compared("status.txt", "keyboss status --local", &screens);
}

#[test]
fn the_first_line_says_what_is_wrong_and_what_is_not_known() {
    let head = |status: &Status| lines(status, None).remove(0);
    let place = "release 8 of environment local, 2026-01-04 10:00:00 UTC, by ana@laptop";
    assert_eq!(head(&well()), format!("namespace keyboss: nothing is wrong; {place}"));
    let wrong = "wrong: alerts, workloads, autoscaled, backup, drift, releases";
    assert_eq!(head(&unwell()), format!("namespace keyboss: {wrong}; {place}"));
    let fault = || Fault::Other("you may not".to_owned());
    let unknown = Status { alerts: Err(fault()), journals: Err(fault()), drift: Err(fault()), ..well() };
    assert_eq!(
        head(&unknown),
        "namespace keyboss: nothing is wrong; not known: alerts, drift, releases; it is not known which release is in place"
    );
    let nothing =
        Status { journals: Ok(Vec::new()), workloads: Ok(Vec::new()), roles: Ok(None), drift: Ok(None), ..well() };
    assert_eq!(head(&nothing), "namespace keyboss: nothing is wrong; no release is in place");
}

#[test]
fn what_is_wrong_comes_first_then_what_nobody_knows() {
    let fault = || Fault::Other("you may not".to_owned());
    let status = Status { backups: Err(fault()), ..unwell() };
    let lines = lines(&status, None);
    let words: Vec<&str> = lines[1..].iter().filter_map(|line| line.split_whitespace().next()).collect();
    let firsts: Vec<&str> = words.iter().copied().filter(|word| ["WRONG", "?", "ok"].contains(word)).collect();
    let mut sorted = firsts.clone();
    sorted.sort_by_key(|word| ["WRONG", "?", "ok"].iter().position(|known| known == word));
    assert_eq!(firsts, sorted, "{lines:#?}");
    assert_eq!(firsts.iter().filter(|word| **word == "?").count(), 1, "{lines:#?}");
    let said = |words: &str| assert!(lines.iter().any(|line| line.contains(words)), "{words:?} is not in {lines:#?}");
    said(
        "WRONG  alerts      critical SaleorAPIDown since 2026-01-05 11:58:00 UTC: The API of the shop does not answer",
    );
    said("Deployment saleor-api 1/2: 1 of 2 replicas are available");
    said("1 of 2 are ready");
    said("saleor-api 6 of 2 to 6, at its most (memory 48%/80%, cpu 31%/70%)");
    said("Service saleor-api was deleted");
    said("release 9 is under way, or was broken off");
    said("?      backup      you may not");
}

#[test]
fn who_leads_and_who_may_take_over() {
    let said = |roles: Roles| lines(&Status { roles: Ok(Some(roles)), ..well() }, None).join("\n");
    let all = said(roles());
    for words in [
        "ok     PostgreSQL  postgres-1 is primary, postgres-0 is its synchronous standby (0 bytes behind); timeline 3, failovers 2",
        "ok     Redis       redis-0 is master, a replica is attached (12 bytes behind)",
        "ok     watchdog    postgres-watchdog-7f6d-x2x4l leads",
    ] {
        assert!(all.contains(words), "{words:?} is not in {all}");
    }
    let mut alone = roles();
    alone.postgres = Postgres { synchronous_standby: None, lag_bytes: None, ..alone.postgres };
    alone.redis = Redis { replica_attached: Some(false), lag_bytes: None, ..alone.redis };
    alone.watchdog = None;
    let all = said(alone.clone());
    for words in [
        "WRONG  PostgreSQL  postgres-1 is primary, no standby has everything, so nobody can take over; ",
        "WRONG  Redis       redis-0 is master, no replica is attached, so nobody can take over\n",
        "WRONG  watchdog    none leads: nothing fails over",
    ] {
        assert!(all.contains(words), "{words:?} is not in {all}");
    }
    alone.unknown = Some("a cannot be asked: no answer".into());
    assert!(said(alone).contains("?      watchdog    it is not known which one leads: a cannot be asked: no answer"));
}

#[test]
fn a_narrow_terminal_loses_nothing_that_is_wrong() {
    for width in [59, 40, 24] {
        let lines = lines(&unwell(), Some(width));
        let wide = lines.iter().find(|line| line.chars().count() > width);
        assert_eq!(wide, None, "{width}: {lines:#?}");
        let text: String = lines.concat().split_whitespace().collect();
        for words in ["SaleorAPIDown", "Servicesaleor-apiwasdeleted", "saleor-api1/2:1of2", "atitsmost"] {
            assert!(text.contains(words), "{width}: {words} is not in {lines:#?}");
        }
    }
}

#[test]
fn a_terminal_shows_the_newest_and_what_is_wrong_first() {
    let paper = Paper::default();
    let screen = Screen::new(Box::new(paper.clone()), Box::new(|| (24, 80)));
    let mut watching = Watching::on(screen, Redactor::default(), Duration::from_secs(2));
    let mut rows = |status: &Status| {
        assert!(watching.show(status).unwrap());
        shown(&paper.text())
    };
    let all_well = rows(&well());
    assert!(all_well.len() <= 24 && all_well[0].starts_with("namespace keyboss: nothing is wrong"), "{all_well:#?}");
    assert_eq!(all_well.last().unwrap(), "12:00:00 UTC, every 2 s");
    let mut wrong = unwell();
    wrong.alerts.as_mut().unwrap().as_mut().unwrap()[0].summary = Some("the API\u{1b}[2J\n is down".into());
    let told = rows(&wrong);
    assert_eq!(told.len(), 24, "it is cut, and in the place of the first: {told:#?}");
    assert!(told[0].starts_with("namespace keyboss: wrong: alerts"), "{told:#?}");
    assert!(told[3].ends_with("UTC: the API") && told[4].trim() == "is down", "{told:#?}");
    let last = told.last().unwrap();
    assert!(last.ends_with(" more lines; 12:00:00 UTC, every 2 s"), "{last}");
    drop(watching);
    assert_eq!(shown(&paper.text())[..24], told[..], "the last one stays");
}

#[test]
fn the_schema_of_the_output_has_every_field() {
    let fault = || Fault::Other("you may not".to_owned());
    let mut seen = unwell();
    seen.drift.as_mut().unwrap().as_mut().unwrap().unknown = [("Ingress".to_owned(), "you may not".to_owned())].into();
    let unknown = Status {
        journals: Err(fault()),
        locks: Err(fault()),
        workloads: Err(fault()),
        roles: Err(fault()),
        autoscalers: Err(fault()),
        backups: Err(fault()),
        drift: Err(fault()),
        alerts: Err(fault()),
        ..well()
    };
    let nothing = Status { journals: Ok(Vec::new()), roles: Ok(None), drift: Ok(None), alerts: Ok(None), ..well() };
    for status in [well(), seen, nothing, unknown] {
        assert_described("status", &status.json());
    }
}
