//! Which records may go.

use std::collections::BTreeSet;

use super::{Journal, State};

/// The newest so many records stay.
const NEWEST: usize = 10;
/// And so many of those that succeeded, whatever failed since (RULES.md T12).
const SUCCEEDED: usize = 3;

/// The releases whose records are no longer needed.
pub fn expendable(journals: &[Journal]) -> Vec<u64> {
    let mut sorted: Vec<&Journal> = journals.iter().collect();
    sorted.sort_by_key(|journal| std::cmp::Reverse(journal.release));
    let newest = sorted.iter().take(NEWEST);
    let succeeded = sorted.iter().filter(|journal| journal.state == State::Succeeded && !journal.is_reset());
    let succeeded = succeeded.take(SUCCEEDED);
    // Without it, what was before it would look as if it could be gone back to.
    let reset = sorted.iter().filter(|journal| journal.is_reset()).take(1);
    let unfinished = sorted.iter().filter(|journal| journal.is_unfinished());
    let kept: BTreeSet<u64> =
        newest.chain(succeeded).chain(reset).chain(unfinished).map(|journal| journal.release).collect();
    sorted.iter().map(|journal| journal.release).filter(|release| !kept.contains(release)).collect()
}
