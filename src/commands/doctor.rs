//! `keyboss doctor`.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use super::common::{FAILED, project};
use super::supplied::supplied;
use crate::cli::StatusArgs;
use crate::cluster::{Clock, choose, connect};
use crate::doctor::{Verdict, examine};
use crate::environment::Environment;
use crate::pipeline::{Request, Selection};
use crate::render::{Plan, plan};
use crate::report::{Answer, Redactor, doctor, print_json, print_lines};

/// Says whether a deploy to an environment would work, and what to do where it would not. It only asks. The exit code is 1
/// where something would keep a deploy from working.
///
/// # Errors
/// When there is no such environment or context (exit code 2).
pub async fn run(arguments: StatusArgs, redactor: Redactor) -> Result<ExitCode> {
    let StatusArgs { environment: place, cluster, output } = &arguments;
    let supplied = supplied(None)?;
    supplied.values().for_each(|value| redactor.add(value));
    let project = project(place.project.as_deref())?;
    let environment = Environment::load(&project, place.name(), &place.set)?;
    let (plan, rendered) = match plan(&project, &environment) {
        Ok(plan) => (plan, Ok(())),
        Err(error) => (Plan::default(), Err(format!("{error:#}"))),
    };
    let context = choose(cluster.kubeconfig.as_deref(), cluster.context.as_deref())?;
    let connection = connect(&context).await?;
    let (name, namespace) = (environment.name.clone(), environment.values.namespace.clone());
    let request = Request {
        environment,
        plan,
        context,
        connection,
        supplied,
        selection: Selection::All,
        adopts: false,
        clock: Clock::start(),
    };
    let findings = examine(request, &rendered).await;
    let worst = findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok);
    if *output == Answer::Json {
        let value = json!({"environment": name, "namespace": namespace, "verdict": worst, "findings": findings});
        print_json(vec![value], &redactor)?;
    } else {
        print_lines(&doctor::lines(&findings, &name, &namespace), &redactor)?;
    }
    Ok(if worst == Verdict::Fail { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}
