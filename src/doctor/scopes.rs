//! Which pods a quota is about (<https://kubernetes.io/docs/concepts/policy/resource-quotas/#quota-scopes>).

use serde_json::Value;

use super::pod::{Defaults, containers};

/// Whether a pod with this spec counts for a quota; None where the quota has a scope that is not known here.
pub fn is_about(quota: &Value, spec: &Value, defaults: &Defaults) -> Option<bool> {
    let plain = quota.pointer("/spec/scopes").and_then(Value::as_array).into_iter().flatten();
    let plain = plain.map(|scope| (scope.as_str().unwrap_or_default(), "Exists", Vec::new()));
    let selected =
        quota.pointer("/spec/scopeSelector/matchExpressions").and_then(Value::as_array).into_iter().flatten();
    let selected = selected.map(|expression| {
        let text = |field: &str| expression[field].as_str().unwrap_or_default();
        let values = expression["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        (text("scopeName"), text("operator"), values)
    });
    let mut is_about = true;
    for (scope, operator, values) in plain.chain(selected) {
        is_about &= holds(scope, operator, &values, spec, defaults)?;
    }
    Some(is_about)
}

fn holds(scope: &str, operator: &str, values: &[&str], spec: &Value, defaults: &Defaults) -> Option<bool> {
    match scope {
        "Terminating" => Some(!spec["activeDeadlineSeconds"].is_null()),
        "NotTerminating" => Some(spec["activeDeadlineSeconds"].is_null()),
        "BestEffort" => Some(is_best_effort(spec, defaults)),
        "NotBestEffort" => Some(!is_best_effort(spec, defaults)),
        "PriorityClass" => {
            let class = spec["priorityClassName"].as_str();
            match operator {
                "In" => Some(class.is_some_and(|class| values.contains(&class))),
                "NotIn" => Some(class.is_none_or(|class| !values.contains(&class))),
                "Exists" => Some(class.is_some()),
                "DoesNotExist" => Some(class.is_none()),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Nothing of it asks for CPU or memory, or has a limit to them.
fn is_best_effort(spec: &Value, defaults: &Defaults) -> bool {
    let is_said = |resource: &String| resource == "cpu" || resource == "memory";
    containers(spec, defaults).iter().all(|of| !of.requests.keys().chain(of.limits.keys()).any(is_said))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_quota_is_about_the_pods_of_its_scopes() {
        let pod = json!({"containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]});
        let idle = json!({"containers": [{"name": "c"}], "activeDeadlineSeconds": 60, "priorityClassName": "high"});
        let selector = |operator: &str, values: &[&str]| {
            json!({"spec": {"scopeSelector": {"matchExpressions": [
                {"scopeName": "PriorityClass", "operator": operator, "values": values}]}}})
        };
        for (quota, of_pod, of_idle) in [
            (json!({"spec": {}}), Some(true), Some(true)),
            (json!({"spec": {"scopes": ["Terminating"]}}), Some(false), Some(true)),
            (json!({"spec": {"scopes": ["NotTerminating", "NotBestEffort"]}}), Some(true), Some(false)),
            (json!({"spec": {"scopes": ["BestEffort"]}}), Some(false), Some(true)),
            (selector("In", &["high", "low"]), Some(false), Some(true)),
            (selector("NotIn", &["high"]), Some(true), Some(false)),
            (selector("Exists", &[]), Some(false), Some(true)),
            (selector("DoesNotExist", &[]), Some(true), Some(false)),
            (json!({"spec": {"scopes": ["CrossNamespacePodAffinity"]}}), None, None),
        ] {
            let none = Defaults::default();
            assert_eq!((is_about(&quota, &pod, &none), is_about(&quota, &idle, &none)), (of_pod, of_idle), "{quota}");
        }
    }
}
