//! From a request to a deploy that may begin: what an earlier run broke off comes first.

use super::adopt::adopt;
use super::persist::persist;
use super::{Events, Options, Prepared, Refused, Request, prepare, recover};
use crate::release::Journal;

/// Looks at everything, and rolls back what was broken off (RULES.md T3). With `resumes` it is gone on from instead: a
/// failure then rolls back to what was before the release that was broken off. What is to be adopted is taken over next.
/// Every secret value is handed to `mask` before anything is told.
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
    let look = async || {
        let prepared = prepare(request.clone()).await?;
        prepared.secrets.iter().for_each(|secret| mask(secret));
        Ok::<_, Refused>(prepared)
    };
    let mut prepared = look().await?;
    if let Some(words) = prepared.unfinished().filter(|_| options.planned.is_some()) {
        return Err(Refused::because(words));
    }
    if prepared.is_unfinished() {
        if resumes {
            carry(&prepared, options, events).await?;
        } else {
            recover(&prepared, options, events).await?;
            prepared = look().await?;
        }
    }
    if adopt(&prepared, options, events).await? {
        prepared = look().await?;
    }
    Ok(prepared)
}

/// Keeps what was there before the releases that are resumed.
async fn carry(prepared: &Prepared, options: &mut Options, events: &Events) -> Result<(), Refused> {
    for journal in resumed(prepared) {
        events.notice(None, format!("release {} was broken off: it is gone on from", journal.release));
        let snapshot = persist(async || prepared.cluster.snapshot(journal.release).await).await?;
        let before = snapshot.map(|snapshot| snapshot.before).unwrap_or_default();
        let is_new = |id| !options.carried.iter().any(|known| known.id == id);
        let new: Vec<_> = before.into_iter().filter(|before| is_new(before.id.clone())).collect();
        options.carried.extend(new);
    }
    Ok(())
}

/// The releases that one which resumes them takes the place of.
pub fn resumed(prepared: &Prepared) -> impl Iterator<Item = &Journal> {
    prepared.journals.iter().filter(|journal| journal.is_unfinished())
}
