//! How a failure is told at its end, on one screen.

use crate::pipeline::{Diagnosis, Event, Finished, RestoreOutcome};
use crate::report::failure::report;
use crate::report::glyphs::{ASCII, UNICODE};

use super::samples::*;

fn of(event: Event) -> Finished {
    let Event::DeployFinished(finished) = event else { panic!("{event:?}") };
    let next_steps = vec![
        "look: kubectl -n keyboss get pods".to_owned(),
        "mend what the diagnosis names, then run the same deploy again: what is done already is left alone".to_owned(),
    ];
    Finished { next_steps, api_requests: 76, ..*finished }
}

fn evidence() -> Diagnosis {
    let Event::Diagnosis(diagnosis) = diagnosis() else { unreachable!() };
    Diagnosis {
        events: (1..=5).map(|number| format!("saleor-storefront-7d9c-x2x: Failed: attempt {number}")).collect(),
        log: (1..=40).map(|number| format!("line {number}")).collect(),
        ..*diagnosis
    }
}

#[test]
fn a_failure_is_told_on_one_screen() {
    console::set_colors_enabled(false);
    let expected = [
        "",
        "FAILED Deployment saleor-storefront: ErrImagePull",
        "  manifest for storefront:missing not found",
        "  pod saleor-storefront-7d9c-x2x, container storefront, image storefront:missing",
        "  last warnings:",
        "    saleor-storefront-7d9c-x2x: Failed: attempt 5",
        "  last log lines:",
        "    line 37",
        "    line 38",
        "    line 39",
        "    line 40",
        "phase 4 failed; rolled back",
        "after the rollback: 2 rolled back, 1 left as they are, 1 FAILED",
        "  Service saleor-api: FAILED: somebody has replaced it meanwhile",
        "  Job migrate-1: stays: the old code runs on the new schema",
        "  Deployment saleor-dashboard: rolled back (was not ready before either)",
        "1 created, 3 unchanged; 42.0s, 76 API requests; release 7",
        "next:",
        "  - look: kubectl -n keyboss get pods",
        "  - mend what the diagnosis names, then run the same deploy again: what is done",
        "    already is left alone",
    ];
    let lines = report(&of(rolled_back()), &[evidence()], (22, 80), &UNICODE);
    assert_eq!(lines, expected, "{}", lines.join("\n"));
}

#[test]
fn what_to_do_next_is_there_however_small_the_terminal() {
    console::set_colors_enabled(false);
    let mut finished = of(rolled_back());
    finished.restored = (0..60)
        .map(|number| {
            restored(&format!("Service s{number}"), RestoreOutcome::Failed, Some(&format!("reason {number}")))
        })
        .collect();
    let all = [vec![evidence()], (0..9).map(|_| evidence()).collect()].concat();
    for (rows, columns) in [(24, 80), (24, 200), (50, 80), (40, 120), (30, 60), (24, 40), (10, 40), (1, 1)] {
        let lines = report(&finished, &all, (rows, columns), &ASCII);
        let text = lines.join("\n");
        assert!(text.ends_with("left alone") || columns < 40, "{text}");
        assert!(text.is_ascii() && text.contains("next:") && text.contains("kubectl"), "{text}");
        assert!(lines.iter().all(|line| console::measure_text_width(line) <= columns.max(20)), "{text}");
        if rows >= 24 && columns >= 80 {
            assert!(lines.len() < rows, "{} lines:\n{text}", lines.len());
        }
    }
}

#[test]
fn where_all_is_as_before_it_is_summed_up() {
    console::set_colors_enabled(false);
    let mut finished = of(rolled_back());
    finished.restored = (0..12).map(|_| restored("Deployment a", RestoreOutcome::RolledBack, None)).collect();
    finished.restored.push(restored("Deployment b", RestoreOutcome::Unchanged, None));
    let lines = report(&finished, &[], (24, 80), &UNICODE);
    assert_eq!(
        lines[..4],
        [
            "",
            "Deployments: Deployment saleor-storefront: ErrImagePull",
            "phase 4 failed; rolled back",
            "after the rollback: 12 rolled back, 1 unchanged",
        ]
    );
}
