//! Whether what a plan asks for fits the namespace's quotas
//! (<https://kubernetes.io/docs/concepts/policy/resource-quotas/>).
//!
//! A quota refuses what would raise `used` above `hard`. `used` holds what of the shop is there already, so what counts is
//! how much *more* than now a deploy needs: the most that the plan needs at any moment, less what its own pods and claims
//! take now, against `hard - used`. What others have in the namespace stays in `used`, and needs not to be known.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Finding;
use super::claims::Claim;
use super::counts::Counts;
use super::pod::{Defaults, amounts, containers, has_ended, taken, words};
use super::scopes::is_about;
use super::workloads::{Need, Workload, need};
use crate::environment::Quantity;

/// The check's name.
pub const CHECK: &str = "quota";
/// What every container has to say where a quota counts it
/// (k8s:pkg/quota/v1/evaluator/core/pods.go, `validationSet`).
const COMPULSORY: [&str; 4] = ["requests.cpu", "requests.memory", "limits.cpu", "limits.memory"];
/// How a quota on a storage class ends.
const OF_CLASS: &str = ".storageclass.storage.k8s.io/";

/// What a plan asks for.
pub struct Asked<'a> {
    /// Its workloads.
    pub workloads: &'a [Workload<'a>],
    /// What containers that say nothing get.
    pub defaults: &'a Defaults,
    /// Its volumes.
    pub claims: &'a [Claim],
    /// The objects that it adds.
    pub counts: &'a Counts,
}

/// Looks at every quota of the namespace.
pub fn check(quotas: &[Value], asked: &Asked) -> Vec<Finding> {
    if quotas.is_empty() {
        return vec![Finding::ok(CHECK, "the namespace has no ResourceQuota")];
    }
    quotas.iter().flat_map(|quota| of_quota(quota, asked)).collect()
}

fn of_quota(quota: &Value, asked: &Asked) -> Vec<Finding> {
    let name = format!("ResourceQuota {}", quota["metadata"]["name"].as_str().unwrap_or_default());
    if asked.workloads.iter().any(|workload| is_about(quota, workload.spec, asked.defaults).is_none()) {
        return vec![Finding::unmade(CHECK, &format!("{name} has a scope that keyboss does not know"))];
    }
    // The spec holds what an administrator has just written, the status what the server counts against.
    let mut hard = amounts(&quota["spec"]["hard"]);
    hard.extend(amounts(&quota["status"]["hard"]));
    let used = amounts(&quota["status"]["used"]);
    let mut wrong = unsaid(quota, &name, hard.keys(), asked);
    for (resource, hard) in &hard {
        let need = needed(quota, canonical(resource), asked);
        // A quota that was made just now has not been counted yet.
        let used = used.get(resource).copied().or(need.map(|need| need.now)).unwrap_or_default();
        let line = Line { quota: &name, resource, hard: *hard, used };
        match need {
            Some(need) => wrong.extend(line.finding(need)),
            None if used >= *hard => wrong.push(Finding::warn(
                CHECK,
                format!("{}, and keyboss does not know how many of these a deploy adds", line.numbers()),
                line.raise(used),
            )),
            None => {}
        }
    }
    Finding::all_or(wrong, || {
        let counted: Vec<&str> = hard.keys().map(String::as_str).collect();
        Finding::ok(CHECK, format!("{name}: what the plan asks for fits ({})", counted.join(", ")))
    })
}

/// A quota names requests in two ways.
fn canonical(resource: &str) -> &str {
    match resource {
        "cpu" => "requests.cpu",
        "memory" => "requests.memory",
        "ephemeral-storage" => "requests.ephemeral-storage",
        other => other,
    }
}

/// What is needed of one resource; None where it is not known.
fn needed(quota: &Value, resource: &str, asked: &Asked) -> Option<Need> {
    let one = Quantity::from(1);
    let is_in_scope = |spec: &Value, defaults: &Defaults| is_about(quota, spec, defaults) == Some(true);
    let (defaults, none) = (asked.defaults, &Defaults::default());
    let pods = |of: &dyn Fn(&Value, &Defaults) -> Quantity, with_ended: bool| {
        let planned = |spec: &Value| if is_in_scope(spec, defaults) { of(spec, defaults) } else { Quantity::default() };
        let live = |pod: &Value| match is_in_scope(&pod["spec"], none) && (with_ended || !has_ended(pod)) {
            true => of(&pod["spec"], none),
            false => Quantity::default(),
        };
        need(asked.workloads, planned, live, with_ended)
    };
    if let Some((class, what)) = resource.split_once(OF_CLASS) {
        return claims(asked, what, Some(class));
    }
    match resource {
        "pods" => Some(pods(&|_, _| one, false)),
        // Pods that have ended count here: those of the plan's Jobs stay.
        "count/pods" => Some(pods(&|_, _| one, true)),
        "requests.storage" | "persistentvolumeclaims" => claims(asked, resource, None),
        "count/persistentvolumeclaims" => claims(asked, "persistentvolumeclaims", None),
        _ if resource.starts_with("requests.") || resource.starts_with("limits.") => {
            Some(pods(&|spec, defaults| taken(spec, defaults).get(resource).copied().unwrap_or_default(), false))
        }
        _ => asked.counts.of(resource).map(|(sure, possible)| {
            let (sure, possible) = (Quantity::from(sure), Quantity::from(possible));
            Need { now: Quantity::default(), sure, possible, later: possible }
        }),
    }
}

fn claims(asked: &Asked, what: &str, class: Option<&str>) -> Option<Need> {
    let of_class = asked.claims.iter().filter(|claim| class.is_none() || claim.class.as_deref() == class);
    let one = Quantity::from(1);
    let (now, more): (Vec<Quantity>, Vec<Quantity>) = match what {
        "requests.storage" => of_class.map(|claim| (claim.now.unwrap_or_default(), claim.growth())).unzip(),
        "persistentvolumeclaims" => of_class
            .map(|claim| if claim.now.is_some() { (one, Quantity::default()) } else { (Quantity::default(), one) })
            .unzip(),
        _ => return None,
    };
    let now: Quantity = now.into_iter().sum();
    Some(steady(now, now + more.into_iter().sum()))
}

/// What is needed once, and from then on.
fn steady(now: Quantity, all: Quantity) -> Need {
    Need { now, sure: all, possible: all, later: all }
}

/// A quota that counts CPU or memory refuses a pod whose containers do not say how much.
fn unsaid<'a>(quota: &Value, name: &str, resources: impl Iterator<Item = &'a String>, asked: &Asked) -> Vec<Finding> {
    let compulsory: BTreeSet<&str> =
        resources.map(|resource| canonical(resource)).filter(|resource| COMPULSORY.contains(resource)).collect();
    let mut wrong = Vec::new();
    for workload in asked.workloads.iter().filter(|of| is_about(quota, of.spec, asked.defaults) == Some(true)) {
        for container in containers(workload.spec, asked.defaults) {
            let is_said = |resource: &&str| match resource.split_once('.') {
                Some(("requests", what)) => container.requests.contains_key(what),
                Some((_, what)) => container.limits.contains_key(what),
                None => true,
            };
            let missing: Vec<&str> = compulsory.iter().copied().filter(|resource| !is_said(resource)).collect();
            if !missing.is_empty() {
                wrong.push(Finding::fail(
                    CHECK,
                    format!(
                        "{name} wants every container to name {}, and container {} of {} does not ({})",
                        missing.join(", "),
                        container.name,
                        workload.id,
                        workload.source
                    ),
                    "add it to the manifest, or a LimitRange with defaults to the namespace",
                ));
            }
        }
    }
    wrong
}

/// One resource of a quota.
struct Line<'a> {
    quota: &'a str,
    resource: &'a str,
    hard: Quantity,
    used: Quantity,
}

impl Line<'_> {
    /// What is wrong with it: what is sure to be needed, then what may be.
    fn finding(&self, need: Need) -> Option<Finding> {
        let Need { now, sure, possible, later } = need;
        let free = self.hard - self.used;
        let lacks = |all: Quantity| all > now && all - now > free;
        let told = |all: Quantity, when: &str| {
            let more = self.words(all - now);
            format!("{}: {when} needs {more} more ({} in all)", self.numbers(), self.words(all))
        };
        let raise = |all: Quantity| self.raise(self.used + all - now);
        if lacks(sure) {
            return Some(Finding::fail(
                CHECK,
                told(sure, "a deploy"),
                format!("{}, or ask for less: {}", raise(sure), self.less()),
            ));
        }
        if lacks(possible) {
            return Some(Finding::warn(
                CHECK,
                told(possible, "a deploy that changes everything"),
                format!(
                    "{}, or make room: a rolling update has more pods for a while, and a release is recorded",
                    raise(possible)
                ),
            ));
        }
        lacks(later).then(|| {
            Finding::warn(
                CHECK,
                told(later, "the shop with its autoscalers at their most and its CronJobs running"),
                format!("{}, or lower autoscaling.*.maxReplicas", raise(later)),
            )
        })
    }

    fn words(&self, amount: Quantity) -> String {
        words(self.resource, amount)
    }

    /// "ResourceQuota tight: requests.memory: 1Gi of 6Gi is free".
    fn numbers(&self) -> String {
        let free = (self.hard - self.used).max(Quantity::default());
        format!("{}: {}: {} of {} free", self.quota, self.resource, self.words(free), self.words(self.hard))
    }

    fn raise(&self, to: Quantity) -> String {
        format!("have {} of {} raised to {}", self.resource, self.quota, self.words(to))
    }

    /// What of the values makes a plan ask for less.
    fn less(&self) -> &'static str {
        if self.resource.contains("requests.storage") {
            "storage.maxSize, or the sizes of single volumes"
        } else if self.resource.contains("persistentvolumeclaims") {
            "media.bucket spares one claim"
        } else if self.resource.contains("pods") || self.resource.contains("cpu") || self.resource.contains("memory") {
            "autoscaling.*.minReplicas, replicas.* and watchdog.replicas"
        } else {
            "delete what else there is of these"
        }
    }
}

#[cfg(test)]
mod tests;
