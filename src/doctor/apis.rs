//! Whether the cluster serves the kinds of a plan, those of operators too; and what a deploy does without them.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use crate::cluster::Served;
use crate::pipeline::{Selection, obstacles};
use crate::render::{Phase, Plan};

/// The check's name.
pub const CHECK: &str = "apis";

/// What an autoscaler by CPU and memory, and `kubectl top`, ask.
pub const METRICS: (&str, &str) = ("metrics.k8s.io/v1beta1", "PodMetrics");

/// What is not served. `settled` says which autoscalers cannot be used; `has_metrics` whether [`METRICS`] are served, or why
/// that is not known.
pub fn check(plan: &Plan, served: &Served, settled: &[String], has_metrics: &Result<bool, String>) -> Vec<Finding> {
    let mut wrong = Vec::new();
    let mut missing: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (phase, object) in obstacles::unserved(plan, served, Selection::All) {
        let what = obstacles::not_served(object);
        if phase == Phase::ServiceMonitors {
            missing.entry(what).or_default().insert(object.id.to_string());
        } else {
            wrong.push(Finding::fail(
                CHECK,
                format!("{what}, which {} needs ({})", object.id, object.source),
                "install what serves it, or take the object out of the manifests",
            ));
        }
    }
    wrong.extend(missing.into_keys().map(|what| {
        Finding::warn(
            CHECK,
            format!(
                "{what}: phase 8 servicemonitors will be skipped, and the cluster's own Prometheus not told of the shop"
            ),
            "nothing, where no Prometheus operator is wanted",
        )
    }));
    wrong.extend(settled.iter().map(|words| Finding::warn(CHECK, words.clone(), "install KEDA, or leave it so")));
    let scales = plan.objects().any(|(_, object)| object.id.kind == "HorizontalPodAutoscaler");
    match has_metrics {
        _ if !scales => {}
        Ok(true) => {}
        Ok(false) => wrong.push(Finding::warn(
            CHECK,
            format!(
                "the cluster does not serve {}: HorizontalPodAutoscalers leave the number of pods as it is",
                METRICS.0
            ),
            "install metrics-server",
        )),
        Err(why) => wrong.push(Finding::unmade(CHECK, &format!("{}: {why}", METRICS.0))),
    }
    let older: Vec<String> = served.older.iter().map(|(kind, _, older)| format!("{kind} {older}")).collect();
    Finding::all_or(wrong, || match older.is_empty() {
        true => Finding::ok(CHECK, "every kind of the plan is served"),
        false => {
            Finding::ok(CHECK, format!("every kind is served, older versions of the same schema: {}", older.join(", ")))
        }
    })
}
