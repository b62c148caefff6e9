//! `keyboss rollback`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::author::author;
use super::common::{exit_code, transact};
use super::confirm::confirm;
use super::interrupt::{listen, shown};
use super::mask::mask;
use super::which::Place;
use crate::cli::RollbackArgs;
use crate::cluster::Clock;
use crate::pipeline::{Ending, Events, Options, Request, Selection, plan_back, prepare, recover};
use crate::release::{Action, Journal, in_place, rollback_target};
use crate::render::Plan;
use crate::report::{self, Redactor};

/// Goes back to the last release that succeeded before the current one, or to the one asked for. A release that was
/// broken off is rolled back, and nothing else.
///
/// # Errors
/// Why nothing was touched.
pub async fn run(arguments: RollbackArgs, redactor: Redactor) -> Result<ExitCode> {
    let place = Place::find(&arguments.environment, &arguments.cluster).await?;
    let unfinished = place.journals.iter().any(Journal::is_unfinished);
    let (plan, action, words) = match unfinished {
        true => (Plan::default(), Action::Deploy, report::unfinished(place.cluster.namespace(), &place.journals)),
        false => {
            let target = rollback_target(&place.journals, arguments.to)?;
            let plan = plan_back(&place.cluster, &place.live, &place.journals, target).await?;
            let of = |release| place.journals.iter().find(|journal| journal.release == release);
            let (now, then) = in_place(&place.journals).zip(of(target)).context("there is no release here yet")?;
            let words = report::going_back(place.cluster.namespace(), now, then);
            (plan, Action::Rollback { to: then.origin() }, words)
        }
    };
    if !confirm(&words, "yes", arguments.yes)? {
        bail!("nothing was touched");
    }
    mask(&place.cluster, &plan, &redactor).await?;

    let Place { environment, context, connection, .. } = place;
    let (supplied, selection, clock) = (BTreeMap::new(), Selection::All, Clock::start());
    let request = Request { environment, plan, context, connection, supplied, selection, adopts: false, clock };
    let options = Options { action, prunes: true, ..Options::new(arguments.timeout, author()) };
    let (events, receiver) = Events::channel();
    let reporter = tokio::spawn(report::run(arguments.output, redactor.clone(), receiver));
    let listening = listen(options.stop.clone(), &events, reporter.abort_handle())?;
    let ending = match unfinished {
        true => match prepare(request).await {
            Ok(prepared) => recover(&prepared, &options, &events).await.map(|()| Ending::Done),
            Err(refused) => Err(refused),
        },
        false => transact(request, options, false, &redactor, &events).await,
    };
    drop((events, listening));
    shown(reporter).await?;
    Ok(exit_code(ending?))
}
