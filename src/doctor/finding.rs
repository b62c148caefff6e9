//! What a check comes to.

use serde::Serialize;

/// How bad it is; the worst is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As a deploy needs it.
    Ok,
    /// A deploy works, or may work; something is worth knowing.
    Warn,
    /// A deploy is refused or fails.
    Fail,
}

impl Verdict {
    /// "ok", "warn" or "fail".
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check: "quota".
    pub check: &'static str,
    /// How bad it is.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do; None where there is nothing to do, or `found` says it.
    pub remedy: Option<String>,
}

impl Finding {
    /// All is well.
    pub fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, found: found.into(), remedy: None }
    }

    /// Something is worth knowing.
    pub fn warn(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warn, found: found.into(), remedy: some(remedy.into()) }
    }

    /// A deploy is refused or fails.
    pub fn fail(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Fail, found: found.into(), remedy: some(remedy.into()) }
    }

    /// The check cannot be made.
    pub fn unmade(check: &'static str, why: &str) -> Self {
        Self::warn(check, format!("not checked: {why}"), "")
    }

    /// What is wrong, or that all is well where nothing is.
    pub fn all_or(wrong: Vec<Self>, well: impl FnOnce() -> Self) -> Vec<Self> {
        if wrong.is_empty() { vec![well()] } else { wrong }
    }
}

fn some(remedy: String) -> Option<String> {
    (!remedy.is_empty()).then_some(remedy)
}
