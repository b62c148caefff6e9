//! Which release `keyboss rollback` goes to (RULES.md T12).

use super::{Journal, State, since_reset};

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTarget {
    /// Nothing was ever released, or nothing since the last reset.
    #[error("there is no release here yet, or none since the last reset")]
    NoRelease,
    /// Nothing else succeeded before.
    #[error("no release with other content than release {0}'s succeeded before it, so there is none to go back to")]
    NoneBefore(u64),
    /// There is no such release, or none that can be gone back to.
    #[error("release {0} is not one that can be gone back to; those that can: {1}")]
    NotThere(u64, String),
}

/// The release to go back to: the one asked for, else the last that succeeded before the current one with other
/// content. The current one is what is in place, so that after a rollback another goes further back, and never to
/// and fro. What was before a reset cannot be gone back to.
///
/// # Errors
/// When there is none.
pub fn rollback_target(journals: &[Journal], asked: Option<u64>) -> Result<u64, NoTarget> {
    let succeeded = |journal: &&Journal| journal.state == State::Succeeded;
    if let Some(asked) = asked {
        let known: Vec<&Journal> = since_reset(journals).filter(succeeded).collect();
        let names = || known.iter().map(|journal| journal.release.to_string()).collect::<Vec<_>>().join(", ");
        let found = known.iter().any(|journal| journal.release == asked);
        return if found { Ok(asked) } else { Err(NoTarget::NotThere(asked, names())) };
    }
    let current = in_place(journals).ok_or(NoTarget::NoRelease)?;
    let before = since_reset(journals)
        .filter(succeeded)
        .filter(|journal| journal.release < current.origin() && journal.content != current.content);
    before.map(|journal| journal.release).max().ok_or(NoTarget::NoneBefore(current.release))
}

/// The release that is in place: the last that succeeded, or failed and was left as it was, since the last reset.
pub fn in_place(journals: &[Journal]) -> Option<&Journal> {
    let stands = |journal: &&Journal| matches!(journal.state, State::Succeeded | State::Kept);
    since_reset(journals).filter(stands).max_by_key(|journal| journal.release)
}
