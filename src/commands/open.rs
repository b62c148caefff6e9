//! `keyboss open`.

use anyhow::{Result, bail};
use k8s_openapi::api::core::v1::Service;

use super::browser::browse;
use super::common::rendered;
use super::interrupt::told_to_stop;
use super::reach::{Reached, reach};
use crate::cli::OpenArgs;
use crate::forward::{Told, What, address, listen, rights, rights_to_list, serve};
use crate::report::{Redactor, note, open, print_lines};

/// Leads a port of this machine to a part of the shop; or lists what there is. It only reads.
///
/// # Errors
/// When it is not there, or may not be reached (exit code 2).
pub async fn run(arguments: OpenArgs, redactor: Redactor) -> Result<()> {
    let reached = reach(&arguments.environment, &arguments.cluster).await?;
    let (environment, plan) = rendered(&arguments.environment)?;
    let namespace = reached.cluster.namespace();
    let public = |what: What| address(&plan, &environment.values.public_url, what.service());
    let Some(what) = arguments.what else {
        reached.must_allow(rights_to_list(namespace)).await?;
        let mut found = Vec::new();
        for what in What::ALL {
            found.push((what, service(&reached, what).await?.is_some(), public(what)));
        }
        return Ok(print_lines(&open::list(&found, namespace), &redactor)?);
    };
    reached.must_allow(rights(namespace)).await?;
    let Some(service) = service(&reached, what).await? else {
        bail!("there is no Service {} in namespace {namespace}: keyboss deploy makes it", what.service());
    };
    let (listener, port) = listen(arguments.port).await?;
    let url = format!("http://127.0.0.1:{port}{}", what.path());
    let mut is_open = false;
    let tell = |told| {
        match told {
            Told::Leads(pod) if !std::mem::replace(&mut is_open, true) => {
                print_lines(&open::opened(what, &url, public(what).as_deref(), namespace), &redactor)?;
                note(&format!("connections go to pod {pod}"), &redactor);
                if !arguments.no_browser {
                    browse(&url);
                }
            }
            Told::Leads(pod) => note(&format!("connections go to pod {pod} from now on"), &redactor),
            Told::NoPod => {
                note(&format!("no pod of Service {} is ready; one is waited for", what.service()), &redactor)
            }
            Told::Note(words) => note(&words, &redactor),
        }
        Ok(())
    };
    tokio::select! {
        served = serve(&reached.cluster, &service, listener, tell) => served,
        told = told_to_stop() => told,
    }
}

async fn service(reached: &Reached, what: What) -> Result<Option<Service>> {
    match reached.cluster.read::<Service>(what.service()).await {
        Err(fault) if fault.is_not_found() => Ok(None),
        answer => reached.told("a Service cannot be read", answer.map(Some)),
    }
}
