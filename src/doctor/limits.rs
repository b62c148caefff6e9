//! Whether each container, pod and claim of a plan is within the namespace's LimitRanges
//! (<https://kubernetes.io/docs/concepts/policy/limit-range/>).

use serde_json::Value;

use super::Finding;
use super::claims::Claim;
use super::pod::{Amounts, Defaults, amounts, containers, items, taken, words};
use super::workloads::Workload;

/// The check's name.
pub const CHECK: &str = "limits";

const REMEDY: &str = "change the manifest or the value, or have the LimitRange changed";

/// Looks at every limit.
pub fn check(ranges: &[Value], workloads: &[Workload], claims: &[Claim]) -> Vec<Finding> {
    if ranges.is_empty() {
        return vec![Finding::ok(CHECK, "the namespace has no LimitRange")];
    }
    let defaults = Defaults::of(ranges);
    let mut wrong = Vec::new();
    for range in ranges {
        let name = range["metadata"]["name"].as_str().unwrap_or_default();
        for limit in items(std::slice::from_ref(range)) {
            let reasons: Vec<String> = match limit["type"].as_str() {
                Some("Container") => workloads.iter().flat_map(|of| of_containers(limit, of, &defaults)).collect(),
                Some("Pod") => workloads.iter().flat_map(|of| of_pod(limit, of, &defaults)).collect(),
                Some("PersistentVolumeClaim") => claims.iter().flat_map(|claim| of_claim(limit, claim)).collect(),
                _ => Vec::new(),
            };
            let told = |reason: String| Finding::fail(CHECK, format!("LimitRange {name}: {reason}"), REMEDY);
            wrong.extend(reasons.into_iter().map(told));
        }
    }
    Finding::all_or(wrong, || {
        Finding::ok(CHECK, format!("within {} of the namespace", super::count(ranges.len(), "LimitRange")))
    })
}

fn of_containers(limit: &Value, workload: &Workload, defaults: &Defaults) -> Vec<String> {
    let all = containers(workload.spec, defaults).into_iter();
    let told = |container: super::pod::Container| {
        let what = format!("container {} of {} ({})", container.name, workload.id, workload.source);
        beyond(limit, &container.requests, &container.limits, &what)
    };
    all.flat_map(told).collect()
}

fn of_pod(limit: &Value, workload: &Workload, defaults: &Defaults) -> Vec<String> {
    let taken = taken(workload.spec, defaults);
    let side = |prefix: &str| {
        let of_side = taken.iter().filter_map(|(key, amount)| Some((key.strip_prefix(prefix)?.to_owned(), *amount)));
        of_side.collect::<Amounts>()
    };
    let what = format!("a pod of {} ({})", workload.id, workload.source);
    beyond(limit, &side("requests."), &side("limits."), &what)
}

/// A request has to reach the least, and a limit may not pass the most; where either is not said it is refused too. A
/// limit may be so many times the request.
fn beyond(limit: &Value, requests: &Amounts, limits: &Amounts, what: &str) -> Vec<String> {
    let mut reasons = Vec::new();
    for (resource, least) in amounts(&limit["min"]) {
        match requests.get(&resource) {
            Some(asked) if *asked >= least => {}
            Some(asked) => reasons.push(format!(
                "{what} asks for {} of {resource}, and the least is {}",
                words(&resource, *asked),
                words(&resource, least)
            )),
            None => reasons.push(format!("{what} has to ask for {resource}")),
        }
    }
    for (resource, most) in amounts(&limit["max"]) {
        match limits.get(&resource) {
            Some(allowed) if *allowed <= most => {}
            Some(allowed) => reasons.push(format!(
                "{what} may use {} of {resource}, and the most is {}",
                words(&resource, *allowed),
                words(&resource, most)
            )),
            None => reasons.push(format!("{what} has to have a limit for {resource}")),
        }
    }
    for (resource, times) in amounts(&limit["maxLimitRequestRatio"]) {
        let (Some(allowed), Some(asked)) = (limits.get(&resource), requests.get(&resource)) else {
            reasons.push(format!("{what} has to name request and limit of {resource}"));
            continue;
        };
        if allowed.value() > asked.value() * times.value() {
            reasons.push(format!(
                "{what} asks for {} of {resource} and may use {}, which is more than {} times as much",
                words(&resource, *asked),
                words(&resource, *allowed),
                times.decimal()
            ));
        }
    }
    reasons
}

/// Claims that are there already are not looked at again.
fn of_claim(limit: &Value, claim: &Claim) -> Vec<String> {
    if claim.growth() == super::Quantity::default() {
        return Vec::new();
    }
    let storage = |field: &str| amounts(&limit[field]).get("storage").copied();
    let told = |edge: &str, amount: super::Quantity| {
        format!("claim {} asks for {}, and the {edge} is {}", claim.name, claim.size.binary(), amount.binary())
    };
    let least = storage("min").filter(|least| claim.size < *least).map(|least| told("least", least));
    let most = storage("max").filter(|most| claim.size > *most).map(|most| told("most", most));
    least.into_iter().chain(most.map(|words| format!("{words} (--set storage.maxSize)"))).collect()
}
