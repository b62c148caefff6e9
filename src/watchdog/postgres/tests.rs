//! What is done in each situation: tables of what is seen.

use std::time::Duration;

use tokio_postgres::types::PgLsn;

use super::decide::{Pod, Seen, Side, Step};
use super::server::{Answer, Standby, State};
use crate::watchdog::Record;

const RECENT: Duration = Duration::from_millis(400);
const LONG_AGO: Duration = Duration::from_secs(4);

/// A situation; by default all is well, and postgres-1 is recorded.
#[derive(Clone)]
struct Case {
    record: Record,
    primary: Side,
    other: Side,
    led: &'static str,
    switchover: bool,
}

fn case() -> Case {
    let standby = Standby { is_sync: true, reported: None, lag: 0 };
    let primary = State {
        in_recovery: false,
        timeline: 3,
        lsn: PgLsn::from(1000),
        synchronous_standby_names: "\"postgres-1\"".to_owned(),
        heard: None,
        standby: Some(standby),
    };
    let other = State { in_recovery: true, standby: None, ..primary.clone() };
    let side = |name: &str, state| Side {
        name: name.to_owned(),
        pod: Pod::Running,
        answer: Some(Answer::Up(state)),
        failures: 0,
        heard: None,
        reported: None,
    };
    Case {
        record: Record {
            primary: "postgres-0".to_owned(),
            standby: Some("postgres-1".to_owned()),
            timeline: 3,
            lsn: PgLsn::from(900),
            epoch: 2,
        },
        primary: Side { reported: Some(RECENT), ..side("postgres-0", primary) },
        other: Side { heard: Some(RECENT), ..side("postgres-1", other) },
        led: "postgres-0",
        switchover: false,
    }
}

impl Case {
    fn step(&self) -> Step {
        let Self { record, primary, other, led, switchover } = self.clone();
        Seen { record: &record, primary, other, led, switchover, patience: 3, silence: Duration::from_secs(3) }.step()
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The primary does not answer, in this way, so many probes in a row.
    fn fails(self, answer: Answer, failures: u32) -> Self {
        self.with(|case| {
            case.primary.answer = Some(answer);
            case.primary.failures = failures;
            case.primary.reported = None;
            case.other.heard = None;
        })
    }

    fn alone(self) -> Self {
        self.with(|case| {
            case.record.standby = None;
            state(&mut case.primary).synchronous_standby_names.clear();
        })
    }
}

fn state(side: &mut Side) -> &mut State {
    match &mut side.answer {
        Some(Answer::Up(state)) => state,
        other => panic!("{other:?}"),
    }
}

fn crashed() -> Answer {
    Answer::Crashed("connection refused".to_owned())
}

fn alive() -> Answer {
    Answer::Alive("sorry, too many clients already".to_owned())
}

fn name(step: &Step) -> &'static str {
    match step {
        Step::Wait => "wait",
        Step::Alarm(_) => "alarm",
        Step::FailOver(_) => "fail over",
        Step::Promote => "promote",
        Step::Settle => "settle",
        Step::Enlist => "enlist",
        Step::Release(_) => "release",
        Step::Unbind => "unbind",
        Step::Fence => "fence",
    }
}

#[track_caller]
fn check(table: impl IntoIterator<Item = (&'static str, &'static str, Case)>) {
    for (what, expected, case) in table {
        let step = case.step();
        assert_eq!(name(&step), expected, "{what}: {step:?}");
    }
}

#[test]
fn a_lost_primary_is_replaced_by_the_recorded_standby_only() {
    let down = |case: Case| case.fails(crashed(), 3);
    check([
        ("all is well", "wait", case()),
        ("it is down", "fail over", down(case())),
        ("not yet often enough", "wait", case().fails(crashed(), 2)),
        (
            "the kubelet has seen it end",
            "fail over",
            case().fails(crashed(), 1).with(|case| case.primary.pod = Pod::Down),
        ),
        // HA.md, rule 2.
        ("nobody is recorded", "alarm", down(case().with(|case| case.record.standby = None))),
        ("nobody is recorded, and its pod is gone", "alarm", {
            case().with(|case| case.record.standby = None).fails(crashed(), 9).with(|case| case.primary.pod = Pod::Down)
        }),
        // HA.md, rule 6.
        ("the standby is on an older timeline", "alarm", down(case().with(|case| state(&mut case.other).timeline = 2))),
        ("the standby lacks WAL", "alarm", down(case().with(|case| state(&mut case.other).lsn = PgLsn::from(899)))),
        ("the standby is no standby", "alarm", down(case().with(|case| state(&mut case.other).in_recovery = false))),
        ("the standby is being deleted", "alarm", down(case().with(|case| case.other.pod = Pod::Leaving))),
        ("both are down", "alarm", down(case().with(|case| case.other.answer = Some(crashed())))),
    ]);
}

#[test]
fn a_primary_that_answers_somebody_is_not_replaced() {
    // HA.md, rules 6 and 7.
    let heard = |case: Case, ago| case.with(|case| case.other.heard = Some(ago));
    check([
        ("it hangs", "fail over", case().fails(Answer::Hung, 3)),
        ("it hangs, twice", "wait", case().fails(Answer::Hung, 2)),
        ("it answers the standby", "alarm", heard(case().fails(Answer::Hung, 30), RECENT)),
        ("it refuses the watchdog, and answers the standby", "alarm", heard(case().fails(crashed(), 30), RECENT)),
        ("its walsender is only not yet missed", "fail over", heard(case().fails(Answer::Hung, 3), LONG_AGO)),
        ("its slots are full", "wait", case().fails(alive(), 2)),
        ("its slots stay full", "alarm", case().fails(alive(), 100)),
        ("it is being deleted, and stops", "fail over", {
            case().fails(alive(), 1).with(|case| case.primary.pod = Pod::Leaving)
        }),
    ]);
}

#[test]
fn commits_wait_for_a_standby_that_streams_and_for_no_other() {
    let streams =
        |case: &mut Case, lag| state(&mut case.primary).standby = Some(Standby { is_sync: false, reported: None, lag });
    check([
        ("it streams", "enlist", case().alone()),
        ("it is far behind", "wait", case().alone().with(|case| streams(case, 1 << 30))),
        ("it is being deleted", "wait", case().alone().with(|case| case.other.pod = Pod::Leaving)),
        ("it does not stream", "wait", case().alone().with(|case| state(&mut case.primary).standby = None)),
        ("the recorded one is gone", "release", case().with(|case| state(&mut case.primary).standby = None)),
        ("the recorded one is silent", "release", case().with(|case| case.primary.reported = Some(LONG_AGO))),
        ("the recorded one is being deleted", "release", case().with(|case| case.other.pod = Pod::Leaving)),
        ("commits wait for it no more", "release", {
            case().with(|case| state(&mut case.primary).synchronous_standby_names.clear())
        }),
        (
            "commits wait for one that is not recorded and is away",
            "unbind",
            case().with(|case| {
                case.record.standby = None;
                state(&mut case.primary).standby = None;
            }),
        ),
    ]);
}

#[test]
fn a_failover_that_was_begun_is_finished() {
    // HA.md, rule 12: its record is all that a successor has.
    let appointed = || {
        case().with(|case| {
            case.record.standby = None;
            let primary = state(&mut case.primary);
            primary.in_recovery = true;
            primary.standby = None;
            primary.lsn = PgLsn::from(900);
        })
    };
    let old = |case: &mut Case, timeline| {
        let other = state(&mut case.other);
        other.in_recovery = false;
        other.timeline = timeline;
    };
    check([
        ("recorded", "promote", appointed()),
        ("recorded, and the old one still answers", "promote", appointed().with(|case| old(case, 3))),
        ("the other is ahead by a promotion", "alarm", appointed().with(|case| old(case, 4))),
        ("nobody has failed over yet", "alarm", appointed().with(|case| case.record.epoch = 0)),
        ("it lacks what is recorded", "alarm", appointed().with(|case| case.record.lsn = PgLsn::from(901))),
        ("promoted", "settle", case().with(|case| state(&mut case.primary).timeline = 4)),
        ("the Service leads elsewhere", "settle", case().with(|case| case.led = "postgres-1")),
    ]);
}

#[test]
fn an_old_primary_is_cut_off() {
    let old = |timeline| {
        case().with(|case| {
            let other = state(&mut case.other);
            other.in_recovery = false;
            other.timeline = timeline;
        })
    };
    check([("of an earlier timeline", "fence", old(2)), ("of the same one", "alarm", old(3))]);
}

#[test]
fn a_planned_switchover_loses_nothing() {
    let asked = |case: Case| case.with(|case| case.switchover = true);
    let leaving = |case: Case| case.with(|case| case.primary.pod = Pod::Leaving);
    check([
        ("asked for", "fail over", asked(case())),
        ("the primary's pod is being deleted", "fail over", leaving(case())),
        ("both are being deleted", "release", leaving(case()).with(|case| case.other.pod = Pod::Leaving)),
        ("the standby is not recorded yet", "enlist", leaving(case().alone())),
        ("no standby", "alarm", asked(case().alone().with(|case| state(&mut case.primary).standby = None))),
    ]);
}
