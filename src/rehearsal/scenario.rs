//! What is to go wrong in a rehearsal: the values of `--fail`.

use std::str::FromStr;

use anyhow::{Context, Result, bail};

use super::ailments::{Ailment, Ailments};
use super::face::Face;
use super::faults::{Fault, Rule};
use super::rights::Denial;
use crate::render::{Object, Phase, Plan};

/// Every form, for people.
pub const FORMS: &str = "\
--fail can be given more than once. It takes one of:

  image:WORKLOAD           its image cannot be pulled: no registry has it
  crash:WORKLOAD           its containers exit with 1 soon after they have started
  unready:WORKLOAD         its pods run, but never pass their readiness probe
  unschedulable:WORKLOAD   no node has room for its pods
  volume:CLAIM             no volume is made for a claim (PVC)
  migration                the migration's Job fails
  api:VERB/RESOURCE[:FAULT][@N]
                           the API server's answer to the N-th such request (without @N: to each) is
                           FAULT: an HTTP status code (500 where none is said), reset (not read), lost (done, but
                           the answer is lost), torn (half an answer) or silence
  denied:VERB/RESOURCE     RBAC does not let you
  kill@PHASE               keyboss is killed in the midst of that phase (4, phase4, deployments), and run again

WORKLOAD is the name of a Deployment, a StatefulSet or a Job, CLAIM that of a PVC (data-postgres-0); VERB is PATCH, GET, POST ... or patch, list, watch ...;
RESOURCE is a plural name; * is any. Examples:

  keyboss rehearse --local --fail image:saleor-api
  keyboss rehearse --deti --fail denied:create/roles --fail 'api:PATCH/deployments:503@3'
  keyboss rehearse --local --fail 'api:WATCH/*:torn' --fail kill@stateful
";

/// One thing that is to go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Something is wrong with a workload's pods.
    Sick(Ailment, String),
    /// A claim gets no volume.
    NoVolume(String),
    /// The migration fails.
    Migration,
    /// Requests fail.
    Fault(Rule),
    /// A right is missing.
    Denied(Denial),
    /// keyboss is killed in that phase.
    Kill(Phase),
}

impl FromStr for Scenario {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "migration" {
            return Ok(Self::Migration);
        }
        if let Some(phase) = text.strip_prefix("kill@") {
            return Ok(Self::Kill(phase.strip_prefix("phase").unwrap_or(phase).parse()?));
        }
        let Some((form, rest)) = text.split_once(':').filter(|(_, rest)| !rest.is_empty()) else {
            bail!("{text:?} is none of the failures that --fail list shows")
        };
        let sick = |ailment| Ok(Self::Sick(ailment, rest.to_owned()));
        match form {
            "image" => sick(Ailment::Image),
            "crash" => sick(Ailment::Crash),
            "unready" => sick(Ailment::Unready),
            "unschedulable" => sick(Ailment::Unschedulable),
            "volume" => Ok(Self::NoVolume(rest.to_owned())),
            "api" => rule(rest).map(Self::Fault),
            "denied" => {
                let (verb, resource) = target(rest)?;
                Ok(Self::Denied(Denial { verb: verb.to_lowercase(), resource }))
            }
            _ => bail!("{text:?} is none of the failures that --fail list shows"),
        }
    }
}

/// `PATCH/deployments:500@3`.
fn rule(text: &str) -> Result<Rule> {
    let (text, at) = match text.rsplit_once('@') {
        Some((text, at)) => {
            let number = at.parse().ok().filter(|number| *number > 0);
            (text, Some(number.with_context(|| format!("{at:?} is not a number of a request, counted from 1"))?))
        }
        None => (text, None),
    };
    let (text, fault) = text.split_once(':').map_or((text, None), |(text, fault)| (text, Some(fault)));
    let fault = match fault.unwrap_or("500") {
        "reset" => Fault::Reset,
        "lost" => Fault::ReplyLost,
        "torn" => Fault::Torn,
        "silence" => Fault::Silence,
        code => match code.parse() {
            Ok(code @ 400..=599) => Fault::Refused(code),
            _ => bail!("{code:?} is not an HTTP status code of a failure (400 to 599), reset, lost, torn or silence"),
        },
    };
    let (verb, resource) = target(text)?;
    Ok(Rule { verb, resource, fault, at })
}

fn target(text: &str) -> Result<(String, String)> {
    match text.split_once('/') {
        Some((verb, resource)) if !verb.is_empty() && !resource.is_empty() => {
            Ok((verb.to_owned(), resource.to_owned()))
        }
        _ => bail!("{text:?} is not VERB/RESOURCE, such as PATCH/deployments"),
    }
}

/// What is to go wrong besides the API's answers, which the face is told.
#[derive(Debug, Default)]
pub struct Orders {
    /// What is wrong with workloads.
    pub ailments: Ailments,
    /// The phase in which keyboss is killed.
    pub kill: Option<Phase>,
}

/// Orders what is to go wrong.
///
/// # Errors
/// When a workload is not of the plan.
pub fn order(scenarios: &[Scenario], plan: &Plan, face: &Face) -> Result<Orders> {
    let mut orders = Orders::default();
    for scenario in scenarios {
        match scenario {
            Scenario::Sick(ailment, workload) => {
                check_name("workload", workloads(plan), workload)?;
                orders.ailments.add(*ailment, workload);
            }
            Scenario::NoVolume(claim) => {
                check_name("claim", claims(plan), claim)?;
                orders.ailments.withhold_volume(claim);
            }
            Scenario::Migration => {
                let job = plan.phase(Phase::Migration).iter().find(|object| object.id.kind == "Job");
                let job = job.context("--fail migration: the plan has no Job in its phase 3 migration")?;
                orders.ailments.add(Ailment::Crash, &job.id.name);
            }
            Scenario::Fault(rule) => face.faults().add(rule.clone()),
            Scenario::Denied(denial) => face.rights().deny(denial.clone()),
            Scenario::Kill(phase) => orders.kill = Some(*phase),
        }
    }
    Ok(orders)
}

fn workloads(plan: &Plan) -> Vec<String> {
    let workloads = plan.objects().filter(|(_, object)| object.pod_template().is_some());
    workloads.map(|(_, object)| object.id.name.clone()).collect()
}

/// The plan's claims, and those that its StatefulSets make
/// (<https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#stable-storage>).
fn claims(plan: &Plan) -> Vec<String> {
    let of = |object: &Object| {
        let name = &object.id.name;
        let templates = object.value["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten();
        let replicas = object.value["spec"]["replicas"].as_u64().unwrap_or(1);
        let names = templates.filter_map(|template| template["metadata"]["name"].as_str());
        let made = names.flat_map(|template| (0..replicas).map(move |ordinal| format!("{template}-{name}-{ordinal}")));
        let own = (object.id.kind == "PersistentVolumeClaim").then(|| name.clone());
        made.chain(own).collect::<Vec<_>>()
    };
    plan.objects().flat_map(|(_, object)| of(object)).collect()
}

fn check_name(what: &str, mut known: Vec<String>, name: &str) -> Result<()> {
    known.sort_unstable();
    if !known.iter().any(|known| known == name) {
        bail!("--fail: there is no {what} {name}; there are: {}", known.join(", "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let rule = |verb: &str, resource: &str, fault, at| {
            Scenario::Fault(Rule { verb: verb.into(), resource: resource.into(), fault, at })
        };
        for (text, expected) in [
            ("image:saleor-api", Scenario::Sick(Ailment::Image, "saleor-api".into())),
            ("crash:x", Scenario::Sick(Ailment::Crash, "x".into())),
            ("unready:x", Scenario::Sick(Ailment::Unready, "x".into())),
            ("unschedulable:x", Scenario::Sick(Ailment::Unschedulable, "x".into())),
            ("volume:media", Scenario::NoVolume("media".into())),
            ("migration", Scenario::Migration),
            ("api:PATCH/deployments:503@3", rule("PATCH", "deployments", Fault::Refused(503), Some(3))),
            ("api:*/*", rule("*", "*", Fault::Refused(500), None)),
            ("api:watch/pods:torn", rule("watch", "pods", Fault::Torn, None)),
            ("api:get/pods/log:silence@1", rule("get", "pods/log", Fault::Silence, Some(1))),
            ("denied:CREATE/roles", Scenario::Denied(Denial { verb: "create".into(), resource: "roles".into() })),
            ("kill@phase4", Scenario::Kill(Phase::Deployments)),
            ("kill@4", Scenario::Kill(Phase::Deployments)),
            ("kill@deployments", Scenario::Kill(Phase::Deployments)),
        ] {
            assert_eq!(text.parse::<Scenario>().unwrap(), expected, "{text}");
        }
        for text in [
            "",
            "image",
            "image:",
            "imgae:x",
            "api:PATCH",
            "api:/x",
            "api:PATCH/x:200",
            "api:PATCH/x@0",
            "api:PATCH/x:late",
            "denied:create",
            "kill@9",
            "kill@phase",
            "kill",
        ] {
            assert!(text.parse::<Scenario>().is_err(), "{text}");
        }
    }
}
