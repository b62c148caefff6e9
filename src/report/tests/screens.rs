//! A deploy in a terminal of 24 rows and 80 columns, as `docs/screens` shows it.

use crate::pipeline::{Change, Diagnosis, Event, Finished, Outcome, PhaseSummary, RestoreOutcome};
use crate::render::Phase;
use crate::report::glyphs::UNICODE;
use crate::report::screen::Screen;
use crate::report::terminal::Terminal;
use crate::report::{Redactor, Reporter, scrub};

use super::Paper;
use super::samples::{applied, line, phase, ready, restored, skipped, started, summary, waiting};

const SIZE: (u16, u16) = (24, 80);

/// What a terminal shows after what was written to it: the sequences that [`Screen`] writes, and no others. The rows that
/// have left it at the top are the first.
pub(super) fn shown(written: &str) -> Vec<String> {
    let (mut rows, mut row, mut column) = (vec![Vec::new()], 0_usize, 0_usize);
    let mut characters = written.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\n' => (row, column) = (row + 1, 0),
            '\r' => column = 0,
            '\u{1b}' => {
                let sequence: String =
                    std::iter::from_fn(|| characters.next_if(|one| !one.is_ascii_uppercase())).collect();
                match (sequence.as_str(), characters.next()) {
                    ("[", Some('K')) => rows[row].truncate(column),
                    ("[", Some('J')) => {
                        rows.truncate(row + 1);
                        rows[row].truncate(column);
                    }
                    (up, Some('A')) => row -= up[1..].parse::<usize>().unwrap(),
                    other => panic!("{other:?}"),
                }
            }
            character => {
                if column == usize::from(SIZE.1) {
                    (row, column) = (row + 1, 0);
                    rows.resize(rows.len().max(row + 1), Vec::new());
                }
                rows[row].truncate(column);
                rows[row].push(character);
                column += 1;
            }
        }
        rows.resize(rows.len().max(row + 1), Vec::new());
    }
    rows.into_iter().map(|row| row.into_iter().collect::<String>().trim_end().to_owned()).collect()
}

/// What happens, and after how many seconds.
type Happens = Vec<(u64, Event)>;

/// The terminal when all that has happened.
async fn after(happens: &[&Happens]) -> String {
    console::set_colors_enabled(false);
    let paper = Paper::default();
    let screen = Screen::new(Box::new(paper.clone()), Box::new(|| SIZE));
    let mut terminal = Terminal::new(screen, &UNICODE);
    for (seconds, event) in happens.iter().copied().flatten() {
        tokio::time::advance(std::time::Duration::from_secs(*seconds)).await;
        let mut event = event.clone();
        scrub::scrub(&mut event, &Redactor::default());
        terminal.event(&event);
    }
    let rows = shown(&paper.text());
    let first = rows.len().saturating_sub(SIZE.0.into());
    rows[first..].join("\n").trim_end().to_owned() + "\n"
}

fn all_applied(phase: Phase, objects: usize) -> Happens {
    (0..objects).map(|_| (0, applied(phase, "Deployment some", Change::Changed))).collect()
}

fn done(phase: Phase, seconds: f64, counts: [usize; 3]) -> PhaseSummary {
    summary(phase, Outcome::Done, seconds, counts)
}

/// Up to the middle of phase 4.
fn half_way(api: &str, is_suspicious: bool) -> Happens {
    let (migration, deployments) = (Phase::Migration, Phase::Deployments);
    let migrate = |text: &str| (4, line(migration, "migrate-48a7d6d146-5jmhh", "migrate", text));
    let mut happens = vec![
        (0, started(&Phase::ALL, false)),
        (0, Event::PhaseFinished(done(Phase::Config, 0.4, [0, 1, 18]))),
        (1, Event::PhaseFinished(done(Phase::Stateful, 1.2, [0, 0, 12]))),
        (0, phase(migration, 6)),
        migrate("Operations to perform:"),
        migrate("  Apply all migrations: account, app, attribute, checkout, order"),
        migrate("Running migrations:"),
        migrate("  Applying order.0182_order_metadata... OK"),
        (1, Event::PhaseFinished(done(migration, 17.3, [1, 0, 5]))),
        (0, phase(deployments, 18)),
    ];
    happens.extend(all_applied(deployments, 18));
    happens.extend([
        (0, waiting(deployments, "Deployment celery-worker", "1 of 2 replicas are updated", (1, 2), false)),
        (2, waiting(deployments, "Deployment saleor-api", api, (0, 2), is_suspicious)),
        (9, ready(deployments, "Deployment celery-beat")),
    ]);
    happens
}

pub(super) fn compared(name: &str, command: &str, screens: &[String]) {
    let path = format!("{}/docs/screens/{name}", env!("CARGO_MANIFEST_DIR"));
    let rule = format!("{}\n", "-".repeat(usize::from(SIZE.1)));
    let shown = format!("$ {command}\n{}", screens.join(&rule));
    if std::env::var_os("KEYBOSS_WRITE_SCREENS").is_some() {
        std::fs::write(&path, &shown).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), shown, "{path}; KEYBOSS_WRITE_SCREENS=1 writes it anew");
}

#[tokio::test(start_paused = true)]
async fn a_deploy() {
    let middle = half_way("0 of 2 updated replicas are available; pod saleor-api-wl7pcb29dh-jc75t is not Ready", false);
    let mut phases = vec![
        done(Phase::Config, 0.4, [0, 1, 18]),
        done(Phase::Stateful, 1.2, [0, 0, 12]),
        done(Phase::Migration, 17.3, [1, 0, 5]),
        done(Phase::Deployments, 31.6, [0, 5, 13]),
        done(Phase::Availability, 0.2, [0, 0, 13]),
        done(Phase::Backup, 0.1, [0, 0, 5]),
        done(Phase::Monitoring, 0.6, [0, 0, 34]),
    ];
    phases.push(skipped());
    let message = "deployed to namespace keyboss".to_owned();
    let finished = Finished {
        succeeded: true,
        message,
        seconds: 51.9,
        phases,
        release: Some(8),
        api_requests: 189,
        ..Finished::default()
    };
    let end = vec![(20, Event::DeployFinished(Box::new(finished)))];
    let screens = [after(&[&middle]).await, after(&[&middle, &end]).await];
    compared("deploy.txt", "keyboss deploy --local", &screens);
}

#[tokio::test(start_paused = true)]
async fn a_deploy_that_fails() {
    let deployments = Phase::Deployments;
    let (object, pod) = ("Deployment saleor-api", "saleor-api-wl7pcb29dh-jc75t");
    let refused = "django.db.utils.OperationalError: connection to server at \"postgres-primary\" failed";
    let ended = "ended with exit code 1, restarted 2 times";
    let api = format!("0 of 2 updated replicas are available; pod {pod}, container saleor-api: CrashLoop: {ended}");
    let mut middle = half_way(&api, true);
    middle.extend([
        (
            0,
            Event::Notice {
                phase: Some(deployments),
                message: format!("pod {pod}, container saleor-api: ended with exit code 1"),
            },
        ),
        (0, line(deployments, pod, "saleor-api", "Traceback (most recent call last):")),
        (0, line(deployments, pod, "saleor-api", refused)),
        (
            0,
            Event::Warning {
                phase: deployments,
                object: format!("Pod {pod}"),
                reason: "BackOff".into(),
                message: "Back-off restarting failed container".into(),
                count: 1,
            },
        ),
        (12, ready(deployments, "Deployment celery-beat")),
    ]);
    let reason = Some(format!("{object}: CrashLoop"));
    let failed = PhaseSummary { reason, ..summary(deployments, Outcome::Failed, 41.3, [0, 5, 13]) };
    let mut table: Vec<_> = (0..11).map(|_| restored("Service some", RestoreOutcome::RolledBack, None)).collect();
    table.extend((0..8).map(|_| restored("Deployment some", RestoreOutcome::Unchanged, None)));
    let stays = "what it did to the database stays: the old code runs on the new schema";
    table.push(restored("Job migrate-48a7d6d146", RestoreOutcome::Stays, Some(stays)));
    let finished = Finished {
        message: "phase 4 Deployments failed; rolled back: 11 as before".into(),
        seconds: 71.2,
        phases: vec![failed.clone()],
        release: Some(8),
        restored: table,
        api_requests: 214,
        next_steps: vec![
            "look: kubectl -n keyboss get pods".into(),
            "mend what the diagnosis names, then run the same deploy again: what is done already is left alone".into(),
        ],
        ..Finished::default()
    };
    let end = vec![
        (
            12,
            Event::Diagnosis(Box::new(Diagnosis {
                phase: deployments,
                object: object.into(),
                reason: "CrashLoop".into(),
                message: "ended with exit code 1, restarted 3 times".into(),
                pod: Some(pod.into()),
                container: Some("saleor-api".into()),
                image: Some("ghcr.io/saleor/saleor:3.22".into()),
                events: vec![format!("{pod}: BackOff: Back-off restarting failed container (x3)")],
                log: vec!["Traceback (most recent call last):".into(), refused.into()],
            })),
        ),
        (0, Event::PhaseFinished(failed)),
        (12, Event::DeployFinished(Box::new(finished))),
    ];
    let screens = [after(&[&middle]).await, after(&[&middle, &end]).await];
    compared("deploy-failed.txt", "keyboss deploy --local", &screens);
}
