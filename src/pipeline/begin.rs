//! From a request to a deploy that may begin: what an earlier run broke off comes first.

use super::persist::persist;
use super::{Events, Options, Prepared, Refused, Request, prepare, recover};
use crate::release::Journal;

/// Looks at everything, and rolls back what was broken off (RULES.md T3). With `resumes` it is gone on from instead: a
/// failure then rolls back to what was before the release that was broken off. Every secret value is handed to `mask`
/// before anything is told.
///
/// # Errors
/// Why a deploy cannot begin.
pub async fn begin(
    request: Request,
    options: &mut Options,
    resumes: bool,
    mask: &(dyn Fn(&str) + Sync),
    events: &Events,
) -> Result<Prepared, Refused> {
    let prepared = prepare(request.clone()).await?;
    prepared.secrets.iter().for_each(|secret| mask(secret));
    if !prepared.is_unfinished() {
        return Ok(prepared);
    }
    if resumes {
        for journal in prepared.journals.iter().filter(|journal| journal.is_unfinished()) {
            events.notice(None, format!("release {} was broken off: it is gone on from", journal.release));
            let snapshot = persist(async || prepared.cluster.snapshot(journal.release).await).await?;
            let before = snapshot.map(|snapshot| snapshot.before).unwrap_or_default();
            let is_new = |id| !options.carried.iter().any(|known| known.id == id);
            let new: Vec<_> = before.into_iter().filter(|before| is_new(before.id.clone())).collect();
            options.carried.extend(new);
        }
        return Ok(prepared);
    }
    recover(&prepared, options, events).await?;
    let prepared = prepare(request).await?;
    prepared.secrets.iter().for_each(|secret| mask(secret));
    Ok(prepared)
}

/// The releases that one which resumes them takes the place of.
pub fn resumed(prepared: &Prepared) -> impl Iterator<Item = &Journal> {
    prepared.journals.iter().filter(|journal| journal.is_unfinished())
}
