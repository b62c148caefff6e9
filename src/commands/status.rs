//! `keyboss status`.

use anyhow::Result;
use serde_json::json;

use super::reach::reach;
use crate::cli::StatusArgs;
use crate::cluster::{Clock, Fault};
use crate::pipeline::{held, watchdogs, workloads, world};
use crate::release::{Journal, State, in_place};
use crate::report::{Answer, Redactor, print_json, print_lines, status};
use crate::watchdog::roles;

/// Says how an environment's shop stands: its releases, its workloads, who leads. It only reads, and reads no Secret.
///
/// # Errors
/// When the cluster cannot be read (exit code 2).
pub async fn run(arguments: StatusArgs, redactor: Redactor) -> Result<()> {
    let clock = Clock::start();
    let reached = reach(&arguments.environment, &arguments.cluster).await?;
    let cluster = &reached.cluster;
    let (journals, held, world) = tokio::join!(cluster.journals(), held(cluster), world(cluster));
    let journals = reached.told("the releases cannot be listed", journals)?;
    let world = reached.told("the namespace cannot be read", world)?;
    let workloads = workloads(&world);
    let roles = match workloads.is_empty() {
        true => Ok(None),
        false => roles(cluster, &watchdogs(&world)).await.map(Some),
    };
    let (roles, who_leads) = known(roles);
    let (held, who_deploys) = known(held);
    let locks: Vec<String> = held.iter().map(|held| held.words(&clock)).collect();
    let unfinished: Vec<&Journal> = journals.iter().filter(|journal| journal.state == State::Running).collect();
    let in_place = in_place(&journals);
    if arguments.output == Answer::Json {
        let value = json!({
            "namespace": cluster.namespace(),
            "release": in_place.map(|journal| journal.release),
            "unfinished": unfinished.iter().map(|journal| journal.release).collect::<Vec<_>>(),
            "locks": locks,
            "workloads": workloads,
            "roles": roles,
        });
        print_json(vec![value], &redactor)?;
    } else {
        let mut lines = status::releases(in_place, &unfinished, cluster.namespace());
        lines.extend(locks);
        lines.extend(roles.iter().flat_map(status::roles));
        lines.extend(status::workloads(&workloads));
        print_lines(&lines, &redactor)?;
    }
    // What else there is to say has been said.
    reached.told("the record of who leads cannot be read", who_leads)?;
    reached.told("the lock cannot be read", who_deploys)
}

/// What is known of something, and why it is not more.
fn known<T: Default>(answer: Result<T, Fault>) -> (T, Result<(), Fault>) {
    answer.map_or_else(|fault| (T::default(), Err(fault)), |value| (value, Ok(())))
}
