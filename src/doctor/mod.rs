//! Whether a deploy would work, and what to do where it would not. It only asks: nothing is written.
//!
//! First everything is looked at, each thing with a time limit and none in the way of another (`look`); then each check
//! is a function from what was found to [`Finding`]s.

mod allowed;
mod apis;
mod claims;
mod counts;
mod finding;
mod images;
mod ingress;
mod limits;
mod look;
mod names;
mod nodes;
mod pod;
mod quota;
mod scopes;
mod skew;
mod standing;
mod volumes;
mod workloads;

#[cfg(test)]
mod tests;

pub use finding::{Finding, Verdict};

use std::collections::BTreeMap;

use self::claims::claims;
use self::counts::added;
use self::look::{Cluster, Look, Namespace, Server};
use self::pod::Defaults;
use self::workloads::workloads;
use crate::cluster::journals;
use crate::environment::Quantity;
use crate::pipeline::{Request, check_context, check_expected};
use crate::render::Phase;

/// Everything that is found about a deploy that is asked for. `rendered` says why its manifests do not render, where that
/// is so; the plan is empty then.
pub async fn examine(request: Request, rendered: &Result<(), String>) -> Vec<Finding> {
    let address = request.connection.server.clone();
    let refusals =
        [check_context(&request.environment, &request.context), check_expected(&request.environment, &address)];
    let mut findings = vec![standing::manifests(rendered, &request.plan)];
    let namespace = &request.environment.values.namespace;
    findings.extend(standing::context(refusals, &request.context.context, namespace));
    let Look { request, server, cluster, namespace, hosts } = look::look(request).await;

    match &server {
        Ok(Server { version, numbers, date, before, after }) => {
            findings.push(standing::server(&address, version, *numbers));
            findings.push(match date {
                Ok(date) => skew::check(*date, *before, *after),
                Err(why) => Finding::unmade(skew::CHECK, why),
            });
        }
        Err(why) => {
            let found = format!("context {}, {address}: {why}", request.context.context);
            findings.push(Finding::fail(
                standing::SERVER,
                found,
                "see that the cluster runs and this machine reaches it",
            ));
            findings.push(Finding::unmade(skew::CHECK, "the API server does not answer"));
        }
    }
    match (&cluster, &namespace) {
        (Ok(cluster), Ok(namespace)) => {
            findings.extend(of_cluster(&request, rendered.is_ok(), &server, cluster, namespace))
        }
        (Err(why), _) | (_, Err(why)) => findings.extend(OF_CLUSTER.map(|check| Finding::unmade(check, why))),
    }
    let served_at = namespace.as_ref().map_or_else(|_| Vec::new(), |namespace| names::served_at(&namespace.live));
    findings.extend(hosts.iter().map(|(host, found)| names::check(host, found, &served_at)));
    findings
}

/// The checks that ask the cluster what it is like.
const OF_CLUSTER: [&str; 13] = [
    standing::NAMESPACE,
    allowed::CHECK,
    apis::CHECK,
    standing::OBJECTS,
    standing::SECRETS,
    standing::RELEASES,
    standing::LOCK,
    limits::CHECK,
    quota::CHECK,
    volumes::CHECK,
    ingress::CHECK,
    images::CHECK,
    nodes::CHECK,
];
/// Those of them that say nothing without a plan.
const OF_PLAN: [&str; 10] = [
    allowed::CHECK,
    apis::CHECK,
    standing::OBJECTS,
    standing::SECRETS,
    limits::CHECK,
    quota::CHECK,
    volumes::CHECK,
    ingress::CHECK,
    images::CHECK,
    nodes::CHECK,
];

fn of_cluster(
    request: &Request,
    has_plan: bool,
    server: &Result<Server, String>,
    cluster: &Cluster,
    namespace: &Namespace,
) -> Vec<Finding> {
    let (plan, name) = (&request.plan, &request.environment.values.namespace);
    let Namespace { home, live, unread, pods, ranges, quotas, held, pull_secrets, lacking, follow, grant } = namespace;
    let mut findings = vec![match home {
        Ok(home) => standing::namespace(home, name),
        Err(why) => Finding::unmade(standing::NAMESPACE, why),
    }];
    let journals = journals(live);
    let is_read = |kind: &str| !unread.contains_key(kind);
    let of_namespace = [
        match is_read("ConfigMap") {
            true => standing::releases(live, &journals),
            false => vec![Finding::unmade(standing::RELEASES, &unread["ConfigMap"])],
        },
        of(standing::LOCK, held, |held| standing::lock(held, &request.clock)),
    ];
    findings.extend(of_namespace.into_iter().flatten());
    if !has_plan {
        findings.extend(OF_PLAN.map(|check| Finding::unmade(check, "the manifests do not render")));
        return findings;
    }

    findings.extend(match (lacking, follow, grant) {
        (Ok(plan), Ok(follow), Ok(grant)) => allowed::check(plan, follow, grant, name),
        (Err(why), ..) | (_, Err(why), _) | (.., Err(why)) => vec![Finding::unmade(allowed::CHECK, why)],
    });
    findings.extend(apis::check(plan, &cluster.served, &cluster.settled, &cluster.has_metrics));
    let lacks_last = |(phase, _): &(Phase, _)| *phase == Phase::ServiceMonitors;
    let skips_last = lacking.as_ref().is_ok_and(|lacking| lacking.iter().any(lacks_last));
    let skipped = skips_last.then(|| (Phase::ServiceMonitors, String::new()));
    let of_secrets = ["Secret", "PersistentVolumeClaim"].iter().find_map(|kind| unread.get(*kind));
    findings.extend(match of_secrets {
        Some(why) => vec![Finding::unmade(standing::SECRETS, why)],
        None => standing::secrets(plan, live, &request.supplied),
    });
    let unread: Vec<String> = unread.values().cloned().collect();
    findings.extend(standing::objects(plan, live, &BTreeMap::from_iter(skipped), &unread));

    // Without the pods that are there, all that is asked for counts as new.
    let known_pods = pods.as_deref().unwrap_or_default();
    let workloads = workloads(plan, live, known_pods);
    let claims = claims(plan, live);
    let defaults = Defaults::of(ranges.as_deref().unwrap_or_default());
    let minor = server.as_ref().ok().and_then(|server| server.numbers).map(|(_, minor)| minor);
    let counts = added(plan, live, &cluster.served, &workloads, minor);
    let asked = quota::Asked { workloads: &workloads, defaults: &defaults, claims: &claims, counts: &counts };
    findings.extend(of(limits::CHECK, ranges, |ranges| limits::check(ranges, &workloads, &claims)));
    findings.extend(match (quotas, pods, unread.first()) {
        // What is there is not known, so neither is how much more is asked for.
        (Ok(quotas), Err(why), _) | (Ok(quotas), _, Some(why)) if !quotas.is_empty() => {
            vec![Finding::unmade(quota::CHECK, why)]
        }
        _ => of(quota::CHECK, quotas, |quotas| quota::check(quotas, &asked)),
    });
    findings.extend(volumes::check(&claims, &cluster.storage_classes));
    findings.extend(ingress::check(plan, &cluster.ingress_classes));
    findings.extend(images::check(pull_secrets, &workloads));
    let here = std::env::consts::ARCH;
    findings.extend(of(nodes::CHECK, &cluster.nodes, |nodes| {
        nodes::check(nodes, &cluster.pods, &workloads, &defaults, here)
    }));
    findings
}

/// A check of what was found, or why that is not known.
fn of<T>(name: &'static str, found: &Result<T, String>, check: impl FnOnce(&T) -> Vec<Finding>) -> Vec<Finding> {
    found.as_ref().map_or_else(|why| vec![Finding::unmade(name, why)], check)
}

/// "1 node", "4 nodes", "2 classes".
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
