//! What people see in CI: the program run as GitHub Actions and GitLab CI run it, and the examples of `docs/ci.md`.

mod schema;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use clap::Parser;
use keyboss::cli::Cli;
use serde_yaml::Value;

use crate::schema::{assert_described, faults};

const GUIDE: &str = include_str!("../docs/ci.md");
const GITHUB: (&str, &str) = ("GITHUB_ACTIONS", "true");
const GITLAB: (&str, &str) = ("GITLAB_CI", "true");

/// Runs it with these variables, and no others.
fn keyboss(variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyboss"));
    command.env_clear().envs(variables.iter().copied()).args(arguments).output().unwrap()
}

/// Its exit code, and what it printed.
fn told(variables: &[(&str, &str)], arguments: &[&str]) -> (i32, String) {
    let output = keyboss(variables, arguments);
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// The titles of the groups, each of which is closed before the next begins.
fn groups(log: &str) -> Vec<&str> {
    let mut titles = Vec::new();
    let mut is_open = false;
    for line in log.lines() {
        if let Some(title) = line.strip_prefix("::group::") {
            assert!(!is_open, "{line} is in another group:\n{log}");
            titles.push(title);
            is_open = true;
        } else if line == "::endgroup::" {
            assert!(is_open, "none is open:\n{log}");
            is_open = false;
        }
    }
    assert!(!is_open, "the last one is not closed:\n{log}");
    titles
}

fn annotations(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.starts_with("::") && !line.contains("group::")).collect()
}

#[test]
fn github_folds_phases_and_has_a_summary() {
    let page = tempfile::NamedTempFile::new().unwrap();
    fs::write(page.path(), "before\n").unwrap();
    let summary = ("GITHUB_STEP_SUMMARY", page.path().to_str().unwrap());
    let (code, log) = told(&[GITHUB, summary], &["rehearse", "--deti"]);
    assert_eq!(code, 0, "{log}");
    let titles = groups(&log);
    assert_eq!((titles.len(), titles[0], titles[6]), (7, "1/8 Namespace & config", "7/8 Monitoring"), "{log}");
    assert_eq!(annotations(&log), [""; 0], "{log}");
    assert!(!log.contains(|character: char| character.is_control() && character != '\n'), "{log:?}");

    let page = fs::read_to_string(page.path()).unwrap();
    assert!(page.starts_with("before\n## Rehearsal of deti in namespace tenant-keyboss: succeeded\n\n"), "{page}");
    let rendered = keyboss(&[], &["render", "--deti"]).stdout;
    let rendered = String::from_utf8(rendered).unwrap();
    let row =
        page.lines().find(|line| line.starts_with("| Deployment saleor-api | ")).unwrap_or_else(|| panic!("{page}"));
    let image = row.trim_end_matches(" |").rsplit(' ').next().unwrap().replace('\\', "");
    assert!(image.contains(':') && rendered.contains(&format!("image: {image}\n")), "{row}");
    for part in ["| 2 | Stateful | done | ", "| StatefulSet postgres | ", "| Job migrate-", "| CronJob "] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("### Why it failed") && !page.contains("### Next"), "{page}");
}

#[test]
fn github_is_told_what_failed() {
    let page = tempfile::NamedTempFile::new().unwrap();
    let summary = ("GITHUB_STEP_SUMMARY", page.path().to_str().unwrap());
    let (code, log) = told(&[GITHUB, summary], &["rehearse", "--local", "--fail", "crash:celery-worker"]);
    assert_eq!(code, 1, "{log}");
    assert_eq!(groups(&log).len(), 4, "{log}");
    let annotations = annotations(&log);
    assert_eq!(annotations.len(), 2, "{log}");
    assert!(annotations[0].starts_with("::error title=Deployment celery-worker%3A CrashLoop::"), "{log}");
    assert!(annotations[1].starts_with("::error title=keyboss::rehearsal: phase 4"), "{log}");
    let page = fs::read_to_string(page.path()).unwrap();
    for part in [
        "## Rehearsal of local in namespace keyboss: failed\n",
        "### Why it failed\n\n<details><summary>Deployment celery-worker: CrashLoop",
        "exits with 1, as ordered",
        "it was the first install, so there is nothing to go back to",
        "### Next\n\n- mend what the diagnosis names",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn groups_are_closed_whatever_happens() {
    for (failure, code) in [("kill@stateful", 0), ("api:PATCH/configmaps:422", 1), ("unready:saleor-storefront", 1)] {
        let (ended, log) = told(&[GITHUB], &["rehearse", "--local", "--fail", failure]);
        assert_eq!(ended, code, "{log}");
        assert!(groups(&log).len() > 1 || failure.starts_with("api"), "{log}");
        assert_eq!(annotations(&log).is_empty(), code == 0, "{log}");
    }
    let (_, log) = told(&[GITHUB], &["rehearse", "--local", "--reset", "--fail", "kill@6"]);
    let titles = groups(&log);
    assert!(titles.contains(&"Reset") && titles.iter().filter(|title| **title == "2/8 Stateful").count() == 2, "{log}");
}

#[test]
fn gitlab_has_sections_with_names_of_their_own() {
    let (code, log) = told(&[GITLAB], &["rehearse", "--local", "--fail", "kill@4"]);
    assert_eq!(code, 0, "{log}");
    let names = |marker: &str| -> Vec<String> {
        let markers = log.lines().filter_map(|line| line.strip_prefix("\u{1b}[0K")?.strip_prefix(marker));
        markers.map(|rest| rest.split([':', '[', '\r']).nth(1).unwrap().to_owned()).collect()
    };
    let (begun, ended) = (names("section_start:"), names("section_end:"));
    assert!(begun.len() > 10, "{log}");
    assert_eq!(begun, ended, "{log}");
    assert_eq!(begun.iter().collect::<BTreeSet<_>>().len(), begun.len(), "{begun:?}");
}

#[test]
fn what_is_asked_for_wins_and_the_summary_comes_all_the_same() {
    let page = tempfile::NamedTempFile::new().unwrap();
    let summary = ("GITHUB_STEP_SUMMARY", page.path().to_str().unwrap());
    let only = ["rehearse", "--local", "--only", "config", "--output"];
    for (output, begins) in
        [("plain", "[1/8 "), ("json", "{\"time\":"), ("gitlab", "\u{1b}[0Ksection_start:"), ("github", "::group::")]
    {
        fs::write(page.path(), "").unwrap();
        let (code, log) = told(&[GITHUB, summary], &[&only[..], &[output]].concat());
        assert!(code == 0 && log.contains(begins), "{output}: {log}");
        assert_eq!(log.contains("::group::"), output == "github", "{output}: {log}");
        let page = fs::read_to_string(page.path()).unwrap();
        assert_eq!(page.matches("## Rehearsal of local").count(), 1, "{output}: {page}");
    }
    let (_, log) = told(&[], &only[..4]);
    assert!(!log.contains("::group::") && !log.contains('\u{1b}'), "{log}");
}

#[test]
fn a_summary_that_cannot_be_written_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let output = keyboss(&[GITHUB, ("GITHUB_STEP_SUMMARY", path)], &["rehearse", "--local", "--only", "config"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && stderr.contains(path) && stderr.contains("GITHUB_STEP_SUMMARY"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_refusal_is_an_annotation_too() {
    let refused = |variables: &[(&str, &str)], more: &[&str]| {
        let output = keyboss(variables, &[&["rehearse", "--local", "--set", "contexts=[]"], more].concat());
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused(&[GITHUB], &[]).starts_with("::error title=keyboss::"));
    for (variables, more) in [(&[][..], &[][..]), (&[GITHUB], &["--output", "plain"]), (&[GITLAB], &[])] {
        let stderr = refused(variables, more);
        assert!(stderr.starts_with("keyboss: ") && !stderr.contains("::error"), "{stderr}");
    }
}

#[test]
fn the_schema_describes_every_line() {
    for arguments in [
        &["--deti"][..],
        &["--local", "--fail", "crash:celery-worker"],
        &["--local", "--fail", "unready:saleor-storefront"],
        &["--local", "--reset", "--fail", "kill@6"],
        &["--local", "--only", "config", "--adopt"],
    ] {
        let (_, lines) = told(&[], &[&["rehearse", "--output", "json"], arguments].concat());
        assert!(lines.lines().count() > 5, "{lines}");
        for line in lines.lines() {
            assert_described("line", &serde_json::from_str(line).unwrap());
        }
        let unknown = lines.lines().next().unwrap().replacen("\"event\":\"", "\"event\":\"un", 1);
        assert!(!faults("line", &serde_json::from_str(&unknown).unwrap()).is_empty(), "{unknown}");
    }
}

/// The examples of a language in the guide.
fn examples(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    GUIDE.split(fence.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The command lines of a workflow.
fn commands(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let lines = text.lines().map(|line| line.trim_start_matches("exec "));
            found.extend(lines.filter(|line| line.starts_with("keyboss ")).map(str::to_owned));
        }
        Value::Sequence(items) => items.iter().for_each(|item| commands(item, found)),
        Value::Mapping(map) => map.values().for_each(|value| commands(value, found)),
        _ => {}
    }
}

#[test]
fn the_examples_run() {
    let parsed: Vec<Value> = examples("yaml").into_iter().map(|text| serde_yaml::from_str(text).unwrap()).collect();
    let [github, gitlab] = &parsed[..] else { panic!("{}", parsed.len()) };
    let deploy = &github["jobs"]["deploy"];
    assert_eq!(deploy["concurrency"]["cancel-in-progress"], Value::Bool(false));
    assert_eq!(gitlab["deploy"]["interruptible"], Value::Bool(false));
    assert!(gitlab["deploy"]["resource_group"].is_string());
    assert!(github["on"]["pull_request"].is_null() && github["on"].get("pull_request").is_some());
    for workflow in &parsed {
        let mut found = Vec::new();
        commands(workflow, &mut found);
        let verbs: Vec<&str> = found.iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
        assert_eq!(verbs, ["rehearse", "deploy"], "{found:?}");
        for line in found {
            Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"));
            // A rehearsal takes the options of a deploy.
            let rehearsed: Vec<&str> = ["rehearse"].into_iter().chain(line.split(' ').skip(2)).collect();
            let (code, log) = told(&[GITHUB], &rehearsed);
            assert_eq!(code, 0, "{line}: {log}");
        }
    }
    let named = GUIDE.split('`').filter(|text| text.starts_with("keyboss ") && !text.contains('\n'));
    let named: Vec<&str> = named.collect();
    assert!(!named.is_empty());
    for line in named {
        Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn a_cancellation_reaches_the_deploy_of_the_example() {
    let workflow: Value = serde_yaml::from_str(examples("yaml")[0]).unwrap();
    let steps = workflow["jobs"]["deploy"]["steps"].as_sequence().unwrap();
    let step = steps.last().unwrap()["run"].as_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (script, double) = (folder.path().join("step.sh"), folder.path().join("keyboss"));
    fs::write(&script, step).unwrap();
    let body = "#!/bin/sh\ntrap 'echo told; exit 130' INT\necho began\nfor _ in $(seq 200); do sleep 0.05; done\n";
    fs::write(&double, body).unwrap();
    fs::set_permissions(&double, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    // As the runner starts a step
    // (https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell).
    let mut bash = Command::new("bash");
    bash.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(&script).env("PATH", path).stdout(Stdio::piped());
    let mut child = bash.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "began");
    let signalled = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signalled.success());
    let (sender, answer) = channel();
    thread::spawn(move || sender.send(lines.next()));
    let next = answer.recv_timeout(Duration::from_secs(5));
    if next.is_err() {
        child.kill().unwrap();
    }
    assert_eq!(next.expect("the signal stays in the shell").unwrap().unwrap(), "told");
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
