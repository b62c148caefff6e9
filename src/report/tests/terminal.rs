//! The live board, line by line, and what stays on the screen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;

use crate::pipeline::{Change, Event, Outcome};
use crate::render::Phase;
use crate::report::board::Board;
use crate::report::glyphs::{ASCII, UNICODE};
use crate::report::screen::Screen;
use crate::report::terminal::{Terminal, lasting};
use crate::report::{Redactor, pump};

use super::samples::*;
use super::{Closed, Paper, show};

fn board(events: &[Event]) -> Board {
    console::set_colors_enabled(false);
    let mut board = Board::default();
    for event in events {
        board.event(event, Duration::ZERO);
    }
    board
}

fn in_the_middle() -> Vec<Event> {
    let (config, stateful) = (Phase::Config, Phase::Stateful);
    vec![
        started(&[config, stateful, Phase::Migration, Phase::ServiceMonitors], false),
        phase(config, 4),
        applied(config, "Namespace keyboss", Change::Created),
        Event::PhaseFinished(summary(config, Outcome::Done, 0.42, [1, 0, 3])),
        Event::PhaseFinished(skipped()),
        phase(stateful, 3),
        applied(stateful, "StatefulSet postgres", Change::Created),
        applied(stateful, "StatefulSet redis", Change::Created),
        applied(stateful, "Job seed", Change::Created),
        waiting(stateful, "Job seed", "its pod runs", (0, 1), false),
        waiting(stateful, "StatefulSet redis", "no pod yet", (0, 2), false),
        waiting(stateful, "StatefulSet postgres", "postgres-1:\n crashed once", (1, 2), true),
        waiting(stateful, "StatefulSet redis", "redis-1 is not ready", (1, 2), false),
    ]
}

#[test]
fn the_board_shows_what_is_waited_for_worst_first() {
    let lines = board(&in_the_middle()).lines(Duration::from_secs(65), 24, 100);
    let expected = [
        "✔ 1 Namespace & config   0.4s  1 created, 3 unchanged",
        "⠴ 2 Stateful            1m05s  waiting for 3, 3m55s left",
        "    ! postgres  ▕███   ▏ 1/2    1m05s/1m30s  postgres-1: crashed once",
        "      seed                            1m05s  its pod runs",
        "      redis     ▕███   ▏ 1/2          1m05s  redis-1 is not ready",
        "· 3 Migration",
        "- 8 ServiceMonitors            skipped: the cluster does not serve ServiceMonitor",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn the_heartbeat_names_the_worst_and_the_time_left() {
    let mut events = in_the_middle();
    events.push(heartbeat(Phase::Stateful, Some(("StatefulSet redis", "redis-1 is not ready"))));
    events.push(ready(Phase::Stateful, "StatefulSet postgres"));
    let lines = board(&events).lines(Duration::from_secs(5), 24, 100);
    assert_eq!(lines[1], "⠴ 2 Stateful               5s  waiting for 2, 4m40s left");
    let waits =
        ["      redis  ▕███   ▏ 1/2    5s  redis-1 is not ready", "      seed                   5s  its pod runs"];
    assert_eq!(lines[2..4], waits);
}

#[test]
fn what_does_not_change_keeps_its_time_and_what_does_begins_anew() {
    let (stateful, object) = (Phase::Stateful, "StatefulSet postgres");
    let mut board =
        board(&[started(&[stateful], false), phase(stateful, 1), applied(stateful, object, Change::Created)]);
    let mut at = |seconds, why: &str, done| {
        board.event(&waiting(stateful, object, why, (done, 2), false), Duration::from_secs(seconds));
        board.lines(Duration::from_secs(seconds + 5), 24, 100)[1].clone()
    };
    assert_eq!(at(10, "no pod yet", 0), "      postgres  ▕      ▏ 0/2    5s  no pod yet");
    assert_eq!(at(60, "postgres-1 starts", 1), "      postgres  ▕███   ▏ 1/2    5s  postgres-1 starts");
    board.event(&ready(stateful, "StatefulSet redis"), Duration::from_secs(70));
    let later = board.lines(Duration::from_secs(200), 24, 100);
    assert_eq!(later[1], "      postgres  ▕███   ▏ 1/2    2m20s  postgres-1 starts");
}

#[test]
fn names_and_reasons_are_as_short_as_they_can_be() {
    let phase = Phase::Deployments;
    let pod =
        "pod saleor-api-6d5f8c7b9-x2k4l, container saleor-api: ImagePullBackOff: Back-off pulling image \"saleor:9\"";
    let events = [
        started(&[phase], false),
        self::phase(phase, 3),
        waiting(phase, "Deployment saleor-api", &format!("1 of 2 replicas are updated; {pod}"), (1, 2), true),
        waiting(phase, "Deployment redis", "no pod yet", (0, 1), false),
        waiting(phase, "Service redis", "no address yet", (0, 1), false),
    ];
    let expected = [
        "⠋ 4 Deployments            0s  waiting for 3, 5m left",
        "    ! saleor-api        ▕███   ▏ 1/2    0s/1m30s  pod …-x2k4l: ImagePullBackOff:",
        "                                                  Back-off pulling image",
        "                                                  \"saleor:9\"; 1 of 2 replicas ar…",
        "      Deployment redis                        0s  no pod yet",
        "      Service redis                           0s  no address yet",
    ];
    assert_eq!(board(&events).lines(Duration::ZERO, 24, 82), expected);
}

#[test]
fn the_board_fits_its_terminal() {
    for (rows, columns, expected) in [
        (
            8,
            40,
            &[
                "✔ 2 phases done in 0.4s",
                "⠋ 2 Stateful 0s waiting for 3, 5m left",
                "  ! postgres 1/2 0s/1m30s  postgres-1:",
                "      crashed once",
                "    seed 0s  its pod runs",
                "    redis 1/2 0s  redis-1 is not ready",
                "· 1 phase to come",
            ][..],
        ),
        (5, 30, &["✔ 2 phases done in 0.4s", "⠋ 2 Stateful 0s waiting for …", "      and 3 more", "· 1 phase to come"]),
        (1, 10, &["✔ 2 phas…", "⠋ 2 Stat…", "· 1 phas…"]),
    ] {
        let lines = board(&in_the_middle()).lines(Duration::ZERO, rows, columns);
        assert_eq!(lines, expected, "{rows} x {columns}");
    }
    for (rows, columns) in (2..40).flat_map(|rows| (1..130).map(move |columns| (rows, columns))) {
        let lines = board(&in_the_middle()).lines(Duration::from_secs(9), rows, columns);
        assert!(lines.len() < rows.max(4), "{rows} x {columns}: {lines:#?}");
        let widest = lines.iter().map(|line| console::measure_text_width(line)).max();
        assert!(widest < Some(columns.max(2)), "{rows} x {columns}: {lines:#?}");
    }
}

#[test]
fn a_terminal_without_unicode_gets_none() {
    let mut board = Board::new(&ASCII);
    in_the_middle().iter().for_each(|event| board.event(event, Duration::ZERO));
    for columns in [100, 50] {
        let lines = board.lines(Duration::ZERO, 24, columns).join("\n");
        assert!(lines.is_ascii() && lines.contains("1/2"), "{lines}");
    }
}

#[test]
fn what_stays_on_the_screen() {
    console::set_colors_enabled(false);
    let end = finished(true, "deployed", 14.0, vec![summary(Phase::Config, Outcome::Done, 0.4, [1, 0, 3]), skipped()]);
    let expected = [
        "",
        "   phase               outcome        time  created  changed  unchanged",
        "1  Namespace & config  done           0.4s        1        0          3",
        "8  ServiceMonitors     skipped           -        -        -          -",
        "ServiceMonitors skipped: the cluster does not serve ServiceMonitor",
        "",
        "deployed",
        "1 created, 3 unchanged; 14.0s, 76 API requests",
    ];
    let lasting = |event: &Event, columns| lasting(event, false, columns, &UNICODE);
    assert_eq!(lasting(&end, 100), expected);
    assert_eq!(lasting(&end, 20)[1], "   phase           …");
    let note = "note: High availability: autoscaling/v2 is not served; autoscaling/v2beta2 is used";
    assert_eq!(lasting(&notice(), 100), [note]);
    assert_eq!(lasting(&notice(), 60), [&note[..54], "  autoscaling/v2beta2 is used"]);
    assert_eq!(lasting(&diagnosis(), 100), ["✘ Deployment saleor-storefront: ErrImagePull"]);
    let migration = Phase::Migration;
    assert_eq!(lasting(&line(migration, "migrate-0-x", "migrate", "Applying"), 100), ["migrate-0-x │ Applying"]);
    assert_eq!(lasting(&line(migration, "seed-0-x", "populate", "a"), 100), ["seed-0-x/populate │ a"]);
    assert_eq!(lasting(&warning(migration, "Pod a", "no", 2), 100), ["warning: Pod a: Failed: no (x2)"]);
}

#[tokio::test(start_paused = true)]
async fn time_passes_on_the_board_and_the_table_ends_it() {
    console::set_colors_enabled(false);
    let paper = Paper::default();
    let screen = Screen::new(Box::new(paper.clone()), Box::new(|| (24, 100)));
    let mut terminal = Terminal::new(screen, &UNICODE);
    let (events, received) = unbounded_channel();
    let deploy = async move {
        for event in in_the_middle() {
            events.send(event).unwrap();
        }
        tokio::time::sleep(Duration::from_millis(3100)).await;
        events.send(notice()).unwrap();
        let done = vec![summary(Phase::Config, Outcome::Done, 0.4, [0, 0, 4])];
        events.send(finished(true, "nothing changed", 3.1, done)).unwrap();
        events
    };
    let shown = async {
        let redactor = Redactor::default();
        pump(&mut terminal, &redactor, received).await;
    };
    let ((), _) = tokio::join!(shown, async { drop(deploy.await) });
    let text = paper.text();
    for second in ["0s", "1s", "2s", "3s"] {
        let row = format!("2 {:<18} {second:>6}  waiting for 3", "Stateful");
        assert!(text.contains(&row), "{row} not in:\n{text}");
    }
    assert!(text.contains("note: High availability: autoscaling/v2 is not served"), "{text}");
    let end = "\nnothing changed\n4 unchanged; 3.1s, 76 API requests\n";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn a_terminal_that_goes_away_is_no_failure() {
    let screen = Screen::new(Box::new(Closed), Box::new(|| (24, 100)));
    show(&mut Terminal::new(screen, &UNICODE), &Redactor::default(), every());
}

/// Draws a picture, lets the terminal become that wide, and draws another; all that was written.
fn resized(to: u16) -> String {
    let (paper, columns) = (Paper::default(), Arc::new(AtomicU16::new(20)));
    let size = Arc::clone(&columns);
    let screen = Screen::new(Box::new(paper.clone()), Box::new(move || (24, size.load(Ordering::Relaxed))));
    screen.write(&["above".to_owned(), "y".repeat(19)]);
    screen.show(&["nine char".to_owned(), "x".repeat(19)]);
    columns.store(to, Ordering::Relaxed);
    screen.show(&["new".to_owned()]);
    paper.text()
}

#[test]
fn a_picture_is_redrawn_over_the_rows_that_it_takes_by_then() {
    let wide = "y".repeat(19);
    let first = format!("\u{1b}[Jabove\n{wide}\nnine char\u{1b}[K\n{}\u{1b}[K\u{1b}[J", "x".repeat(19));
    for (columns, back) in [
        (20, "\r\u{1b}[1A"),
        (30, "\r\u{1b}[3A\u{1b}[Jabove\n{wide}\n"),
        // One row, two, one and two.
        (10, "\r\u{1b}[5A\u{1b}[Jabove\n{wide}\n"),
        // One row, four, two and four.
        (5, "\r\u{1b}[10A\u{1b}[Jabove\n{wide}\n"),
        // More rows than there are: what has no room any more is left out.
        (1, "\r\u{1b}[23A\u{1b}[J{wide}\n"),
    ] {
        let back = back.replace("{wide}", &wide);
        assert_eq!(resized(columns), format!("{first}{back}new\u{1b}[K\u{1b}[J"), "{columns}");
    }
}
