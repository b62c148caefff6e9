//! The pods of a plan: how many there are of each workload, now and while a deploy runs.

use std::cmp::Ordering;

use serde_json::Value;

use super::pod::{Defaults, has_ended, taken};
use crate::cluster::Live;
use crate::environment::Quantity;
use crate::pipeline::is_complete;
use crate::render::{Object, ObjectId, Phase, Plan, containers, steered};

/// What a Deployment that names no `maxSurge` may have above its replicas
/// (<https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#max-surge>).
const SURGE_PERCENT: u64 = 25;
/// The most that a ScaledObject asks for which names no maximum
/// (<https://keda.sh/docs/latest/reference/scaledobject-spec/#maxreplicacount>).
const KEDA_MOST: u64 = 100;

/// What becomes of a workload's pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They stay.
    Standing,
    /// They run in their phase.
    Job,
    /// They run at their time, not in a deploy.
    Cron,
}

/// A workload of the plan.
#[derive(Clone, Debug)]
pub struct Workload<'a> {
    /// Which object.
    pub id: &'a ObjectId,
    /// Its manifest.
    pub source: &'a str,
    /// When it is applied.
    pub phase: Phase,
    /// What becomes of its pods.
    pub kind: Kind,
    /// The `spec` of a pod.
    pub spec: &'a Value,
    /// How many pods there are to be; none of a Job that is complete.
    pub replicas: u32,
    /// How many its autoscaler may make of it; `replicas` where there is none.
    pub most: u32,
    /// How many more there are while a rolling update runs; none where nothing is to be updated.
    pub surge: u32,
    /// Whether this deploy brings another image, so that a rolling update is certain.
    pub is_replaced: bool,
    /// Its pods that are there.
    pub pods: Vec<&'a Value>,
}

/// The workloads of a plan, with the pods of theirs among `pods`.
pub fn workloads<'a>(plan: &'a Plan, live: &Live, pods: &'a [Value]) -> Vec<Workload<'a>> {
    let all = plan.objects().filter_map(|(phase, object)| one(plan, phase, object, live.get(&object.id), pods));
    all.collect()
}

fn one<'a>(
    plan: &'a Plan,
    phase: Phase,
    object: &'a Object,
    live: Option<&Value>,
    pods: &'a [Value],
) -> Option<Workload<'a>> {
    let template = object.pod_template()?;
    let count = |value: Option<&Value>| value.and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok());
    let kind = match object.id.kind.as_str() {
        "Job" => Kind::Job,
        "CronJob" => Kind::Cron,
        _ => Kind::Standing,
    };
    let initial = object.initial.iter().find(|field| field.pointer == "/spec/replicas");
    let replicas = match (kind, initial) {
        (Kind::Job, _) if live.is_some_and(is_complete) => Some(0),
        (Kind::Job | Kind::Cron, _) => Some(1),
        // Whoever moves it has moved it.
        (Kind::Standing, Some(initial)) => {
            count(live.and_then(|live| live.pointer("/spec/replicas"))).or_else(|| count(Some(&initial.value)))
        }
        (Kind::Standing, None) => count(object.value.pointer("/spec/replicas")),
    };
    let replicas = replicas.unwrap_or(1);
    let name = object.id.to_string();
    let scaler = plan.objects().find(|(_, scaler)| steered(&scaler.value).as_ref() == Some(&name));
    let most = scaler.and_then(|(_, scaler)| {
        let spec = &scaler.value["spec"];
        match scaler.id.kind.as_str() {
            "ScaledObject" => count(Some(spec.get("maxReplicaCount").unwrap_or(&Value::from(KEDA_MOST)))),
            _ => count(spec.get("maxReplicas")),
        }
    });
    Some(Workload {
        id: &object.id,
        source: &object.source,
        phase,
        kind,
        spec: &template["spec"],
        replicas,
        most: most.unwrap_or(replicas).max(replicas),
        surge: live.map_or(0, |_| surge(&object.value, replicas)),
        is_replaced: live.is_some_and(|live| images(&template["spec"]) != images(&live["spec"]["template"]["spec"])),
        pods: pods.iter().filter(|pod| belongs(object, pod)).collect(),
    })
}

/// How many pods a rolling update has above the replicas, at most: a percentage is rounded up.
fn surge(object: &Value, replicas: u32) -> u32 {
    let strategy = &object["spec"]["strategy"];
    if object["kind"] != "Deployment" || strategy["type"] == "Recreate" || replicas == 0 {
        return 0;
    }
    let asked = &strategy["rollingUpdate"]["maxSurge"];
    let percent = match asked.as_str().map(|text| text.trim_end_matches('%').parse::<u64>()) {
        Some(Ok(percent)) => percent,
        None if asked.is_u64() => return u32::try_from(asked.as_u64().unwrap_or(0)).unwrap_or(0),
        _ => SURGE_PERCENT,
    };
    u32::try_from((u64::from(replicas) * percent).div_ceil(100)).unwrap_or(0)
}

fn images(spec: &Value) -> Vec<&Value> {
    containers(spec).map(|container| &container["image"]).collect()
}

/// Whether a pod was made of this object: of a Deployment or StatefulSet by its selector, of a Job by the label that its
/// controller gives, of a CronJob by the name of the Job that owns it.
fn belongs(object: &Object, pod: &Value) -> bool {
    let labels = &pod["metadata"]["labels"];
    match object.id.kind.as_str() {
        "Job" => labels["job-name"] == object.id.name.as_str(),
        "CronJob" => {
            let mut owners = pod["metadata"]["ownerReferences"].as_array().into_iter().flatten();
            let of_cron = |owner: &Value| {
                let name = owner["name"].as_str().and_then(|name| name.strip_prefix(object.id.name.as_str()));
                owner["kind"] == "Job" && name.is_some_and(|rest| rest.starts_with('-'))
            };
            owners.any(of_cron)
        }
        _ => {
            let selector = object.value.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
            selector.is_some_and(|selector| {
                !selector.is_empty() && selector.iter().all(|(label, value)| labels.get(label) == Some(value))
            })
        }
    }
}

/// How much of one resource a plan needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// What its pods take now.
    pub now: Quantity,
    /// The most that is needed in any phase of this deploy.
    pub sure: Quantity,
    /// The same, if every Deployment that is there has to be updated.
    pub possible: Quantity,
    /// What is needed some time later: every autoscaler at its most, and every CronJob running.
    pub later: Quantity,
}

/// Adds up what `of` says of one pod's spec; `counts` says which of the pods that are there count.
///
/// In its own phase a workload has the pods that it is to have, or those that it has until they are gone, whichever are
/// more, and those of a rolling update. Before its phase it has what is there now, after it what it is to have. Jobs
/// are over when their phase is, unless their pods `stay` counted. Old pods that take their time to end are not counted: a controller that is refused a pod
/// for them tries again.
pub fn need(
    workloads: &[Workload],
    of: impl Fn(&Value) -> Quantity,
    of_live: impl Fn(&Value) -> Quantity,
    stay: bool,
) -> Need {
    let now = |workload: &Workload| workload.pods.iter().map(|pod| of_live(pod)).sum::<Quantity>();
    let most = |phase: Phase, is_updated: fn(&Workload) -> bool| {
        let amounts = workloads.iter().map(|workload| {
            let one = of(workload.spec);
            let wanted = one * workload.replicas;
            let surge = if is_updated(workload) { one * workload.surge } else { Quantity::default() };
            match (workload.kind, workload.phase.cmp(&phase)) {
                (Kind::Cron, _) | (_, Ordering::Greater) => now(workload),
                (_, Ordering::Equal) => now(workload).max(wanted) + surge,
                (Kind::Job, Ordering::Less) if stay => now(workload).max(wanted),
                (Kind::Job, Ordering::Less) => Quantity::default(),
                (Kind::Standing, Ordering::Less) => wanted,
            }
        });
        amounts.sum::<Quantity>()
    };
    let of_all = |is_updated| Phase::ALL.into_iter().map(|phase| most(phase, is_updated)).max().unwrap_or_default();
    let later = workloads.iter().map(|workload| match workload.kind {
        Kind::Job if stay => now(workload).max(of(workload.spec) * workload.replicas),
        Kind::Job => Quantity::default(),
        Kind::Standing | Kind::Cron => of(workload.spec) * workload.most,
    });
    Need {
        now: workloads.iter().map(now).sum(),
        sure: of_all(|workload| workload.is_replaced),
        possible: of_all(|_| true),
        later: later.sum(),
    }
}

/// [`need`] of one resource as [`taken`] names it, of the pods that have not ended.
pub fn need_of(workloads: &[Workload], resource: &str, defaults: &Defaults) -> Need {
    let amount = |spec: &Value, defaults: &Defaults| taken(spec, defaults).get(resource).copied().unwrap_or_default();
    let of_live = |pod: &Value| match has_ended(pod) {
        true => Quantity::default(),
        false => amount(&pod["spec"], &Defaults::default()),
    };
    need(workloads, |spec| amount(spec, defaults), of_live, false)
}
