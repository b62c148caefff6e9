//! Worth telling, never a failure.

use std::time::Duration;

use serde_json::Value;

use super::grace;
use super::outcome::one_line;

/// C5: a HorizontalPodAutoscaler is ready once applied, but one that gets no metrics for a
/// minute scales nothing. The words go after the object's name. `age`: since it was applied. Takes any version's JSON, for they all
/// have the same `status.conditions`.
///
/// <https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale-walkthrough/#appendix-horizontal-pod-autoscaler-status-conditions>
pub fn hpa_warning(hpa: &Value, age: Duration) -> Option<String> {
    if age < grace::SCALING_INACTIVE {
        return None;
    }
    let condition = hpa
        .pointer("/status/conditions")?
        .as_array()?
        .iter()
        .find(|condition| condition["type"] == "ScalingActive" && condition["status"] == "False")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (reason, message) = (text(&condition["reason"]), text(&condition["message"]));
    Some(one_line(&format!("is not scaling: {reason}: {message}")))
}
