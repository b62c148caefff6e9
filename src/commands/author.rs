//! Who deploys, and what.

use std::path::Path;
use std::process::Command;

use crate::release::Author;

/// The user, the machine and, where there is one, the CI job
/// (<https://docs.github.com/en/actions/reference/workflows-and-actions/variables>,
/// <https://docs.gitlab.com/ci/variables/predefined_variables/>).
pub fn author() -> Author {
    let host = hostname::get().ok().and_then(|host| host.into_string().ok());
    by(|name| std::env::var(name).ok(), host)
}

fn by(variable: impl Fn(&str) -> Option<String>, host: Option<String>) -> Author {
    let of = |name: &str| variable(name).filter(|value| !value.is_empty());
    let github = || {
        let (server, repository) = (of("GITHUB_SERVER_URL")?, of("GITHUB_REPOSITORY")?);
        Some(format!("{server}/{repository}/actions/runs/{}", of("GITHUB_RUN_ID")?))
    };
    Author {
        user: of("GITHUB_ACTOR")
            .or_else(|| of("GITLAB_USER_LOGIN"))
            .or_else(|| of("USER"))
            .or_else(|| of("LOGNAME"))
            .unwrap_or_else(|| "somebody".to_owned()),
        host: host.unwrap_or_else(|| "some machine".to_owned()),
        job: of("CI_JOB_URL").or_else(github),
    }
}

/// The git commit of a project's folder, or of the current one: what CI says, else what git says, if anything.
pub fn commit(project: Option<&Path>) -> Option<String> {
    let of_ci = ["GITHUB_SHA", "CI_COMMIT_SHA"].into_iter().find_map(|name| std::env::var(name).ok());
    of_ci.or_else(|| {
        let mut git = Command::new("git");
        if let Some(folder) = project {
            git.arg("-C").arg(folder);
        }
        let output = git.args(["rev-parse", "HEAD"]).output().ok().filter(|output| output.status.success())?;
        let text = String::from_utf8(output.stdout).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_or_a_ci_job_is_named() {
        type Variables = &'static [(&'static str, &'static str)];
        let cases: [(Variables, &str, Option<&str>); 4] = [
            (&[("USER", "ana"), ("GITHUB_ACTOR", "")], "ana", None),
            (&[], "somebody", None),
            (
                &[
                    ("USER", "runner"),
                    ("GITHUB_ACTOR", "ana"),
                    ("GITHUB_SERVER_URL", "https://github.example"),
                    ("GITHUB_REPOSITORY", "shop/keyboss"),
                    ("GITHUB_RUN_ID", "7"),
                ],
                "ana",
                Some("https://github.example/shop/keyboss/actions/runs/7"),
            ),
            (
                &[("LOGNAME", "root"), ("GITLAB_USER_LOGIN", "rui"), ("CI_JOB_URL", "https://gitlab.example/-/jobs/7")],
                "rui",
                Some("https://gitlab.example/-/jobs/7"),
            ),
        ];
        for (variables, user, job) in cases {
            let of = |name: &str| variables.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned());
            let author = by(of, Some("here".to_owned()));
            assert_eq!((author.user.as_str(), author.job.as_deref()), (user, job), "{variables:?}");
            assert_eq!(author.host, "here");
        }
    }
}
