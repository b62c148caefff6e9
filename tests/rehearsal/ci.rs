//! A deploy that CI cancels: what its log and its summary say.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use keyboss::rehearsal::ailments::Ailments;

use crate::logs::Living;

#[test]
fn a_cancelled_deploy_rolls_back_in_a_group_and_its_summary_says_so() {
    let served = Living::new(Ailments::default()).served;
    let page = tempfile::NamedTempFile::new().unwrap();
    let mut command = served.command(&["deploy", "--local", "--set", "images.storefront.tag=2.0.0"]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", page.path());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let pid = child.id().to_string();
    let mut log = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap) {
        if line.contains("changed Deployment saleor-storefront") {
            assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        }
        log.push(line);
    }
    let text = log.join("\n");
    assert_eq!(child.wait().unwrap().code(), Some(130), "{text}");

    let marks: Vec<&str> = log.iter().map(String::as_str).filter(|line| line.starts_with("::")).collect();
    let last = marks.len() - 5;
    assert_eq!(
        marks[last..last + 4],
        ["::group::4/8 Deployments", "::endgroup::", "::group::Rollback", "::endgroup::"],
        "{text}"
    );
    assert!(marks[last + 4].starts_with("::error title=keyboss::"), "{text}");
    assert!(text.contains("SIGINT: nothing more is written"), "{text}");

    let page = fs::read_to_string(page.path()).unwrap();
    assert!(page.starts_with("## local in namespace keyboss: interrupted\n"), "{page}");
    assert!(
        page.contains("### After the rollback\n\n") && page.contains("| Deployment saleor-storefront | rolled back |"),
        "{page}"
    );
    assert!(page.contains("| Deployment saleor-storefront | saleor-storefront | keyboss/storefront:2.0.0 |"), "{page}");
}
