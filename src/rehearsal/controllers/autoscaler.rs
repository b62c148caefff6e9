//! HorizontalPodAutoscalers keep the number of pods within their bounds
//! (<https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/>).
//!
//! There are no metrics here, so within the bounds none of them moves anything, and each says so.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::kinds::KINDS;
use super::object::{replicas, set_condition, uid};
use super::turn::Turn;

/// How often each looks (`--horizontal-pod-autoscaler-sync-period`).
const PERIOD: Duration = Duration::from_secs(15);

/// When each autoscaler (by its uid) looks next.
pub type Moments = BTreeMap<String, Duration>;

/// Lets every autoscaler look whose time has come.
pub fn step(turn: &mut Turn, moments: &mut Moments) {
    let autoscalers = turn.list("HorizontalPodAutoscaler");
    moments.retain(|known, _| autoscalers.iter().any(|autoscaler| uid(autoscaler) == *known));
    for autoscaler in &autoscalers {
        let next = *moments.entry(uid(autoscaler)).or_insert(turn.now() + PERIOD);
        if turn.is_due(next) {
            let next = turn.now() + PERIOD;
            moments.insert(uid(autoscaler), next);
            turn.is_due(next);
            look(turn, autoscaler);
        }
    }
}

/// One look (k8s:pkg/controller/podautoscaler/horizontal.go, `reconcileAutoscaler`).
fn look(turn: &mut Turn, autoscaler: &Value) {
    let spec = &autoscaler["spec"];
    let mut status = autoscaler["status"].clone();
    for field in ["currentReplicas", "desiredReplicas"] {
        if status[field].is_null() {
            status[field] = json!(0);
        }
    }
    let tell = |status: &mut Value, kind, holds, reason, message: &str| {
        set(status, &turn.time, kind, holds, (reason, message));
    };
    let (kind, target) = (spec["scaleTargetRef"]["kind"].as_str(), spec["scaleTargetRef"]["name"].as_str());
    let (kind, target) = (kind.unwrap_or_default(), target.unwrap_or_default());
    let Some(target) = turn.beside(autoscaler, kind, target) else {
        let place = KINDS.iter().find(|of| of.kind == kind);
        let place = place.map_or_else(String::new, |of| format!("{}/scale.{}", of.plural, of.group()));
        let why = "the HPA controller was unable to get the target's current scale";
        tell(&mut status, "AbleToScale", false, "FailedGetScale", &format!("{why}: {place} {target:?} not found"));
        return turn.set_status(autoscaler, status);
    };
    let message = "the HPA controller was able to get the target's current scale";
    tell(&mut status, "AbleToScale", true, "SucceededGetScale", message);
    let (least, most) = (spec["minReplicas"].as_i64().unwrap_or(1), spec["maxReplicas"].as_i64().unwrap_or(i64::MAX));
    let current = replicas(&target);
    let wanted = current.min(most).max(least);
    status["currentReplicas"] = json!(current);
    if current == 0 && least != 0 {
        let message = "scaling is disabled since the replica count of the target is zero";
        tell(&mut status, "ScalingActive", false, "ScalingDisabled", message);
        status["desiredReplicas"] = json!(0);
    } else if wanted == current {
        let metric = spec["metrics"][0]["resource"]["name"].as_str().unwrap_or("cpu");
        let message = format!(
            "the HPA was unable to compute the replica count: failed to get {metric} utilization: \
             unable to get metrics for resource {metric}: no metrics returned from resource metrics API"
        );
        tell(&mut status, "ScalingActive", false, "FailedGetResourceMetric", &message);
    } else {
        let message = format!("the HPA controller was able to update the target scale to {wanted}");
        tell(&mut status, "AbleToScale", true, "SucceededRescale", &message);
        status["desiredReplicas"] = json!(wanted);
        status["lastScaleTime"] = json!(turn.time);
        turn.scale(&target, wanted);
    }
    turn.set_status(autoscaler, status);
}

fn set(status: &mut Value, time: &str, kind: &str, holds: bool, (reason, message): (&str, &str)) {
    let new = json!({"type": kind, "status": if holds { "True" } else { "False" }, "lastTransitionTime": time,
                         "reason": reason, "message": message});
    set_condition(status, new);
}
