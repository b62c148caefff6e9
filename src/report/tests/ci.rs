//! The logs of CI systems, word for word.

use crate::pipeline::{Change, Diagnosis, Event, Finished, Outcome, PhaseSummary};
use crate::render::Phase;
use crate::report::Redactor;
use crate::report::github::GitHub;
use crate::report::gitlab::GitLab;

use super::samples::*;
use super::{Paper, clock, show};

fn github(events: Vec<Event>) -> String {
    let paper = Paper::default();
    show(&mut GitHub::new(paper.clone(), clock()), &Redactor::default(), events);
    paper.text()
}

fn gitlab(events: Vec<Event>) -> String {
    let paper = Paper::default();
    show(&mut GitLab::new(paper.clone(), clock()), &Redactor::default(), events);
    paper.text()
}

#[test]
fn github_folds_what_went_well() {
    let text = github(succeeded());
    let expected = "\
12:00:00Z deploying local to namespace keyboss (context k3d-keyboss, server https://127.0.0.1:6443, Kubernetes v1.20.2)
::group::1/8 Namespace & config
12:00:01Z [1/8 Namespace & config] started: 4 objects, at most 1m
12:00:02Z [1/8 Namespace & config] created Namespace keyboss
::endgroup::
12:00:03Z [1/8 Namespace & config] done in 0.4s: 1 created, 3 unchanged
12:00:04Z [8/8 ServiceMonitors] skipped: the cluster does not serve ServiceMonitor
12:00:05Z    phase               outcome        time  created  changed  unchanged
12:00:05Z 1  Namespace & config  done           0.4s        1        0          3
12:00:05Z 8  ServiceMonitors     skipped           -        -        -          -
12:00:05Z local is deployed
12:00:05Z 1 created, 3 unchanged; 66.0s, 76 API requests
";
    assert_eq!(text, expected.replace("66.0s", "1m06s"));
}

#[test]
fn github_annotates_what_failed_and_folds_the_rollback() {
    let text = github(failed_and_rolled_back());
    let expected = "\
::group::4/8 Deployments
12:00:00Z [4/8 Deployments] started: 4 objects, at most 5m
::endgroup::
::error title=Deployment saleor-storefront%3A ErrImagePull::manifest for storefront:missing not found%0Apod \
saleor-storefront-7d9c-x2x%0Acontainer storefront%0Aimage storefront:missing
12:00:01Z [4/8 Deployments] FAILED Deployment saleor-storefront: ErrImagePull
12:00:01Z [4/8 Deployments]   manifest for storefront:missing not found
12:00:01Z [4/8 Deployments]   pod:       saleor-storefront-7d9c-x2x
12:00:01Z [4/8 Deployments]   container: storefront
12:00:01Z [4/8 Deployments]   image:     storefront:missing
12:00:01Z [4/8 Deployments]   last warning events:
12:00:01Z [4/8 Deployments]     Failed: Failed to pull image \"storefront:missing\"
12:00:01Z [4/8 Deployments]   last log lines:
12:00:01Z [4/8 Deployments]     Traceback (most recent call last):
12:00:01Z [4/8 Deployments]      boom
12:00:01Z [4/8 Deployments]     last
12:00:02Z [4/8 Deployments] failed after 12.3s: Deployment saleor-storefront: ErrImagePull
::group::Rollback
12:00:03Z rolling back: 4 objects, at most 5m
12:00:04Z rollback: ConfigMap keyboss-config: rolled back
::endgroup::
12:00:05Z rolled back in 12.0s
::error title=keyboss::phase 4, Deployments, failed%0Anext:%0A  - correct images.storefront.tag and deploy again
12:00:06Z    phase               outcome        time  created  changed  unchanged
12:00:06Z 4  Deployments         failed        12.3s        1        0          3
12:00:06Z phase 4, Deployments, failed
12:00:06Z 1 created, 3 unchanged; 14.0s, 76 API requests
12:00:06Z next:
12:00:06Z   - correct images.storefront.tag and deploy again
";
    assert_eq!(text, expected);
}

#[test]
fn github_says_why_a_phase_failed_that_has_no_diagnosis_and_what_a_rehearsal_found() {
    let reason = Some("the API server answered 422 Invalid: a, b: 100%".into());
    let failed = PhaseSummary { reason, ..summary(Phase::Config, Outcome::Failed, 0.1, [0, 0, 0]) };
    let found = Event::Notice { phase: None, message: "a deploy would not tell: no port http".into() };
    let text = github(vec![
        diagnosis(),
        phase(Phase::Config, 1),
        Event::PhaseFinished(failed),
        notice(),
        finished(true, "deployed", 1.0, vec![]),
        found.clone(),
        rehearsing(),
        found,
    ]);
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("::error")).skip(1).collect();
    let expected = [
        "::error title=1/8 Namespace & config::the API server answered 422 Invalid: a, b: 100%25",
        "::error title=keyboss::a deploy would not tell: no port http",
    ];
    assert_eq!(errors, expected, "{text}");
}

#[test]
fn github_takes_no_command_from_a_container_or_the_cluster() {
    let attacks = [
        "::error::x",
        "  ::add-path::/tmp",
        "##[error]x",
        "a ##[set-env name=A;]b",
        "\r\n::stop-commands::t",
        "%0A::warning::x",
    ];
    let attacks: Vec<String> = attacks.map(str::to_owned).into();
    let all = attacks.join("\n");
    let diagnosis = Diagnosis {
        log: attacks.clone(),
        events: attacks,
        ..Diagnosis::new(Phase::Stateful, all.clone(), all.clone(), all.clone())
    };
    let finished = Finished { message: all.clone(), next_steps: vec![all.clone()], ..Finished::default() };
    let text = github(vec![
        phase(Phase::Stateful, 1),
        waiting(Phase::Stateful, &all, &all, (0, 1), true),
        Event::Notice { phase: None, message: all.clone() },
        Event::Diagnosis(Box::new(diagnosis)),
        Event::DeployFinished(Box::new(finished)),
        Event::Notice { phase: None, message: all.clone() },
    ]);
    let commands: Vec<&str> = text.lines().filter(|line| is_command(line)).collect();
    let known = ["::group::2/8 Stateful", "::endgroup::", "::error title="];
    assert_eq!(commands.len(), 4, "{text}");
    assert!(commands.iter().all(|line| known.iter().any(|known| line.starts_with(known))), "{text}");
    // Three events that are no annotation tell of it, and each shows it.
    assert!(text.matches("12:00:02Z ").count() >= 6 && text.contains("## [set-env"), "{text}");
    // What stands in an annotation is shown as it is, a line that looks like an escape too.
    assert!(text.contains("%0A%250A::warning::x"), "{text}");
}

/// Whether the runner takes a line for a command
/// (<https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs>).
fn is_command(line: &str) -> bool {
    line.trim_start().starts_with("::") || line.contains("##[")
}

#[test]
fn a_group_is_closed_however_it_ends() {
    let begun = vec![phase(Phase::Stateful, 2), applied(Phase::Stateful, "StatefulSet redis", Change::Created)];
    let reset =
        vec![planned(), Event::Deleted { object: "Deployment a".into() }, Event::Deleted { object: "Secret b".into() }];
    for (events, groups) in [
        (begun.clone(), 1),
        ([begun, vec![phase(Phase::Backup, 1)]].concat(), 2),
        (interrupted(), 2),
        (failed_and_rolled_back(), 2),
        (reset, 1),
    ] {
        let text = github(events.clone());
        let mut open = 0;
        for line in text.lines() {
            open += i32::from(line.starts_with("::group::")) - i32::from(line == "::endgroup::");
            assert!((0..=1).contains(&open), "{text}");
        }
        assert_eq!((open, text.matches("::group::").count()), (0, groups), "{text}");
        let text = gitlab(events);
        assert_eq!(
            (text.matches("section_start:").count(), text.matches("section_end:").count()),
            (groups, groups),
            "{text}"
        );
    }
}

#[test]
fn gitlab_has_a_section_for_each_phase() {
    let text = gitlab(interrupted());
    let expected = "\
12:00:00Z deploying local to namespace keyboss (context k3d-keyboss, server https://127.0.0.1:6443, Kubernetes v1.20.2)
E[0Ksection_start:1767355201:keyboss_stateful_1767355201[collapsed=true]RE[0K2/8 Stateful
12:00:01Z [2/8 Stateful] started: 2 objects, at most 5m
12:00:02Z [2/8 Stateful] created StatefulSet redis
E[0Ksection_end:1767355203:keyboss_stateful_1767355201RE[0K
12:00:03Z [2/8 Stateful] interrupted after 3.0s: SIGTERM
E[0Ksection_start:1767355204:keyboss_rollback_1767355204[collapsed=true]RE[0KRollback
12:00:04Z rolling back: 1 object, at most 5m
12:00:05Z rollback: StatefulSet redis: stays
E[0Ksection_end:1767355206:keyboss_rollback_1767355204RE[0K
12:00:06Z rolled back in 2.0s
12:00:07Z    phase               outcome        time  created  changed  unchanged
12:00:07Z 2  Stateful            interrupted    3.0s        1        0          0
12:00:07Z interrupted; rolled back
12:00:07Z 1 created; 6.0s, 76 API requests
12:00:07Z next:
12:00:07Z   - correct images.storefront.tag and deploy again
";
    assert_eq!(text, expected.replace("E[0K", "\u{1b}[0K").replace("R\u{1b}", "\r\u{1b}"));
}

#[test]
fn gitlab_takes_no_section_from_a_container() {
    let forged = "\u{1b}[0Ksection_end:1767355201:keyboss_stateful_1767355201\r\u{1b}[0K";
    let log = vec![forged.to_owned(), format!("{forged}\n{forged}")];
    let diagnosis = Diagnosis { log, ..Diagnosis::new(Phase::Stateful, forged.into(), forged, forged.into()) };
    let text = gitlab(vec![phase(Phase::Stateful, 1), Event::Diagnosis(Box::new(diagnosis)), interrupted().remove(0)]);
    assert_eq!(text.matches('\u{1b}').count(), 4, "{text:?}");
    assert_eq!(text.matches('\r').count(), 2, "{text:?}");
    assert!(text.matches("section_end:1767355201").count() > 4, "{text:?}");
}

#[test]
fn what_is_not_the_marker_of_a_section_has_no_control_character() {
    let mut events = every();
    events.push(Event::Notice { phase: None, message: "a\u{1b}[2Jb\u{7}c\rd".into() });
    let is_odd = |character: char| character.is_control() && character != '\n';
    let text = github(events.clone());
    assert!(!text.contains(is_odd), "{text:?}");
    let text = gitlab(events);
    let rest: String = text.lines().filter(|line| !line.contains("\u{1b}[0Ksection_")).collect();
    assert!(!rest.contains(is_odd), "{text:?}");
    assert!(text.contains("\u{1b}[0Ksection_"), "{text:?}");
}
