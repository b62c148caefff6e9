//! What a command prints: asked for on the command line, or found out.

use std::env;

use super::screen::Screen;

/// How a deploy, a rollback or a rehearsal shows what happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// A live display when stdout is a terminal, else what the CI system shows best, else plain lines.
    #[default]
    Auto,
    /// Lines with a time.
    Plain,
    /// Lines for the log of GitHub Actions, folded by phase, with annotations.
    Github,
    /// Lines for the log of GitLab CI, folded by phase.
    Gitlab,
    /// One JSON object per line.
    Json,
}

/// How a command that answers a question prints the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Answer {
    /// For people.
    #[default]
    Auto,
    /// JSON.
    Json,
}

/// What shows events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Medium {
    Terminal,
    Plain,
    GitHub,
    GitLab,
    Json,
}

impl Output {
    /// What shows events here.
    pub(super) fn medium(self) -> Medium {
        self.choose(Screen::is_possible(), |name| env::var(name).ok())
    }

    /// GitHub and GitLab say by a variable that they run a job
    /// (<https://docs.github.com/en/actions/reference/workflows-and-actions/variables>,
    /// <https://docs.gitlab.com/ci/variables/predefined_variables/>).
    fn choose(self, is_terminal: bool, variable: impl Fn(&str) -> Option<String>) -> Medium {
        let is_set = |name: &str| variable(name).as_deref() == Some("true");
        match self {
            Self::Auto if is_terminal => Medium::Terminal,
            Self::Auto if is_set("GITHUB_ACTIONS") => Medium::GitHub,
            Self::Auto if is_set("GITLAB_CI") => Medium::GitLab,
            Self::Auto | Self::Plain => Medium::Plain,
            Self::Github => Medium::GitHub,
            Self::Gitlab => Medium::GitLab,
            Self::Json => Medium::Json,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_asked_for_is_found_out() {
        const GITHUB: (&str, &str) = ("GITHUB_ACTIONS", "true");
        const GITLAB: (&str, &str) = ("GITLAB_CI", "true");
        for (output, is_terminal, variables, medium) in [
            (Output::Auto, true, &[GITHUB][..], Medium::Terminal),
            (Output::Auto, false, &[], Medium::Plain),
            (Output::Auto, false, &[GITHUB, GITLAB], Medium::GitHub),
            (Output::Auto, false, &[GITLAB], Medium::GitLab),
            (Output::Auto, false, &[("GITHUB_ACTIONS", ""), ("GITLAB_CI", "false")], Medium::Plain),
            (Output::Plain, true, &[GITHUB], Medium::Plain),
            (Output::Github, true, &[GITLAB], Medium::GitHub),
            (Output::Gitlab, false, &[GITHUB], Medium::GitLab),
            (Output::Json, false, &[GITHUB], Medium::Json),
        ] {
            let of = |name: &str| variables.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(output.choose(is_terminal, of), medium, "{output:?} {is_terminal} {variables:?}");
        }
    }
}
