//! The live board, line by line, and what stays on the screen.

use std::io;
use std::time::Duration;

use indicatif::{ProgressDrawTarget, TermLike};
use tokio::sync::mpsc::unbounded_channel;

use crate::pipeline::{Change, Event, Outcome};
use crate::render::Phase;
use crate::report::board::Board;
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
        "    ! StatefulSet postgres (1/2): postgres-1: crashed once",
        "      Job seed: its pod runs",
        "      StatefulSet redis (1/2): redis-1 is not ready",
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
    assert_eq!(lines[2..4], ["      StatefulSet redis (1/2): redis-1 is not ready", "      Job seed: its pod runs"]);
}

#[test]
fn the_board_fits_its_terminal() {
    let lines = board(&in_the_middle()).lines(Duration::ZERO, 8, 30);
    let expected = [
        "✔ 1 Namespace & config   0.4…",
        "⠋ 2 Stateful               0…",
        "    ! StatefulSet postgres (…",
        "      and 2 more",
        "· 3 Migration",
        "- 8 ServiceMonitors         …",
    ];
    assert_eq!(lines, expected);
    assert!(lines.iter().all(|line| console::measure_text_width(line) < 30));
}

#[test]
fn what_stays_on_the_screen() {
    console::set_colors_enabled(false);
    let end = finished(false, "phase 4 failed", 14.0, vec![failed(), skipped()]);
    let expected = [
        "",
        "   phase               outcome        time  created  changed  unchanged",
        "4  Deployments         failed        12.3s        1        0          3",
        "8  ServiceMonitors     skipped           -        -        -          -",
        "Deployments failed after 12.3s: Deployment saleor-storefront: ErrImagePull",
        "ServiceMonitors skipped: the cluster does not serve ServiceMonitor",
        "",
        "phase 4 failed",
        "1 created, 3 unchanged; 14.0s, 76 API requests",
        "next:",
        "  - correct images.storefront.tag and deploy again",
    ];
    assert_eq!(lasting(&end, false, 100), expected);
    assert_eq!(lasting(&end, false, 20)[1], "   phase           …");
    assert_eq!(
        lasting(&notice(), false, 100),
        ["note: High availability: autoscaling/v2 is not served; autoscaling/v2beta2 is used"]
    );
    assert!(lasting(&diagnosis(), false, 100)[0].starts_with("FAILED Deployment saleor-storefront"));
}

impl TermLike for Paper {
    fn width(&self) -> u16 {
        100
    }
    fn height(&self) -> u16 {
        24
    }
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(&format!("{text}\n"))
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.lock().unwrap().extend_from_slice(text.as_bytes());
        Ok(())
    }
    fn clear_line(&self) -> io::Result<()> {
        self.write_str("<clear>")
    }
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A terminal that was closed.
#[derive(Debug)]
struct Gone;

impl TermLike for Gone {
    fn width(&self) -> u16 {
        100
    }
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn write_line(&self, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn write_str(&self, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn clear_line(&self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

#[tokio::test(start_paused = true)]
async fn time_passes_on_the_board_and_the_table_ends_it() {
    console::set_colors_enabled(false);
    let paper = Paper::default();
    let target = ProgressDrawTarget::term_like(Box::new(paper.clone()));
    let mut terminal = Terminal::new(Screen::new(target, Box::new(paper.clone()), Box::new(|| (24, 100))));
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
    let target = ProgressDrawTarget::term_like(Box::new(Gone));
    let screen = Screen::new(target, Box::new(Closed), Box::new(|| (24, 100)));
    show(&mut Terminal::new(screen), &Redactor::default(), every());
}
