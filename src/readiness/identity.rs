//! C0: is the live object the one that was written, and does the watch show our write yet?

use super::grace;
use super::look::Look;
use super::outcome::{Failure, Readiness, Reason};

/// C0, the part every kind shares: an object that is gone, being deleted or replaced by another
/// of its name has failed; one older than our write is waited for. `None`: go on.
///
/// A watch may lag behind the API server's answer to our write. So an object that was never seen
/// is missed for a moment before it counts as gone, and one of another uid (the Job deleted to
/// make room for ours) before it counts as a replacement.
///
/// <https://kubernetes.io/docs/reference/using-api/api-concepts/#the-resourceversion-parameter>
pub(super) fn check(look: &mut Look) -> Option<Readiness> {
    let (target, write) = (look.target, &look.target.write);
    let live = look.world.metadata(target);
    let ours = live.filter(|meta| meta.uid.as_deref() == Some(write.uid.as_str()));
    let Some(meta) = ours else {
        if !look.memory.has_met(&write.uid) && look.waited < grace::NOT_SEEN_YET {
            return Some(look.in_progress("not seen yet", 0, 1, None));
        }
        let failure = match live {
            None => Failure::new(Reason::Deleted, format!("{target} is gone")),
            Some(_) => Failure::new(Reason::Replaced, format!("another {target} has taken its place")),
        };
        return Some(Readiness::Failed(failure));
    };
    look.memory.met(&write.uid);
    if meta.deletion_timestamp.is_some() {
        let message = format!("{target} is being deleted");
        return Some(Readiness::Failed(Failure::new(Reason::Deleted, message)));
    }
    if meta.generation.unwrap_or(0) < write.generation {
        return Some(look.in_progress("our change is not visible yet", 0, 1, None));
    }
    None
}

/// C0 for kinds with a controller: has it seen the live generation? Until then `status`
/// describes an older `spec`.
pub(super) fn is_observed(generation: Option<i64>, observed: Option<i64>) -> bool {
    observed.is_some_and(|observed| observed >= generation.unwrap_or(0))
}
