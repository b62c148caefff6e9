//! How many pods each autoscaler has, may have, and why
//! (<https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/>). KEDA's
//! autoscalers are such ones too.

use serde::Serialize;
use serde_json::Value;

use super::objects::Objects;
use crate::cluster::Fault;

/// One autoscaler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Autoscaler {
    /// Its name.
    pub name: String,
    /// What it scales: "Deployment saleor-api".
    pub target: String,
    /// How many pods there are; None until it has looked.
    pub now: Option<i64>,
    /// The fewest.
    pub min: i64,
    /// The most.
    pub max: i64,
    /// There are as many as it may have: more load finds no more pods.
    pub at_most: bool,
    /// What it goes by.
    pub metrics: Vec<Metric>,
    /// Why it cannot scale; None when it can.
    pub why: Option<String>,
}

/// Something that is measured, and how much of it there is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Metric {
    /// "cpu".
    pub name: String,
    /// How much there is: "40%", or a quantity; None where nobody has measured it.
    pub current: Option<String>,
    /// How much there is to be.
    pub target: String,
}

/// The autoscalers of what keyboss has deployed.
///
/// # Errors
/// When they cannot be read.
pub fn autoscalers(objects: &Objects) -> Result<Vec<Autoscaler>, &Fault> {
    let all = objects.of_kind("HorizontalPodAutoscaler")?;
    let ours = |target: &Value| {
        let text = |field: &str| target[field].as_str().unwrap_or_default();
        // Where workloads cannot be read, nobody can say whose they are.
        !objects.is_read(text("kind")) || objects.named(text("kind"), text("name")).is_some_and(super::drift::is_ours)
    };
    Ok(all.into_iter().filter(|one| ours(&one["spec"]["scaleTargetRef"])).map(read).collect())
}

fn read(autoscaler: &Value) -> Autoscaler {
    let (spec, status) = (&autoscaler["spec"], &autoscaler["status"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let now = status["currentReplicas"].as_i64();
    let (min, max) = (spec["minReplicas"].as_i64().unwrap_or(1), spec["maxReplicas"].as_i64().unwrap_or(1));
    let conditions = status["conditions"].as_array().into_iter().flatten();
    // It does not scale what somebody has scaled to none.
    let is_trouble = |condition: &&Value| {
        matches!(condition["type"].as_str(), Some("ScalingActive" | "AbleToScale"))
            && condition["status"] == "False"
            && condition["reason"] != "ScalingDisabled"
    };
    let why = |condition: &Value| format!("{}: {}", text(&condition["reason"]), text(&condition["message"]));
    let measured = status["currentMetrics"].as_array().map_or(&[][..], Vec::as_slice);
    let metric = |wanted: &Value| {
        let name = name(wanted);
        let current = measured.iter().find(|metric| metric["type"] == wanted["type"] && self::name(metric) == name);
        let source = source(wanted);
        let current = current.and_then(|metric| amount(&self::source(metric)["current"]));
        Metric { current, target: amount(&source["target"]).unwrap_or_default(), name }
    };
    Autoscaler {
        name: text(&autoscaler["metadata"]["name"]),
        target: format!("{} {}", text(&spec["scaleTargetRef"]["kind"]), text(&spec["scaleTargetRef"]["name"])),
        now,
        min,
        max,
        at_most: min < max && now.is_some_and(|now| now >= max),
        metrics: spec["metrics"].as_array().into_iter().flatten().map(metric).collect(),
        why: conditions.filter(is_trouble).map(why).next(),
    }
}

/// The part of a metric that its type names: `resource` of a Resource, `containerResource` of a ContainerResource.
fn source(metric: &Value) -> &Value {
    let kind = metric["type"].as_str().unwrap_or_default();
    let mut letters = kind.chars();
    let field: String = letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect();
    &metric[field]
}

fn name(metric: &Value) -> String {
    let source = source(metric);
    source["name"].as_str().or_else(|| source["metric"]["name"].as_str()).unwrap_or_default().to_owned()
}

/// A share of what pods ask for, or a quantity.
fn amount(value: &Value) -> Option<String> {
    let share = value["averageUtilization"].as_i64().map(|percent| format!("{percent}%"));
    let quantity = || ["averageValue", "value"].iter().find_map(|field| value[*field].as_str()).map(str::to_owned);
    share.or_else(quantity)
}
