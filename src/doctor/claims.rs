//! The volumes that a plan asks for.

use serde_json::Value;

use super::pod::quantity;
use crate::cluster::Live;
use crate::environment::Quantity;
use crate::render::Plan;

/// A claim of the plan, or one that a StatefulSet of the plan makes.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Its name: "data-postgres-0".
    pub name: String,
    /// The storage class; None for the cluster's default one.
    pub class: Option<String>,
    /// How much it asks for.
    pub size: Quantity,
    /// How much the claim that is there asks for; None where there is none.
    pub now: Option<Quantity>,
    /// Whether the claim that is there has its volume.
    pub is_bound: bool,
}

impl Claim {
    /// How much more than now it asks for. A claim cannot shrink.
    pub fn growth(&self) -> Quantity {
        let now = self.now.unwrap_or_default();
        self.size.max(now) - now
    }
}

/// The claims of a plan. Those of a StatefulSet that are there already are never resized.
pub fn claims(plan: &Plan, live: &Live) -> Vec<Claim> {
    let mut all = Vec::new();
    for (_, object) in plan.objects() {
        match object.id.kind.as_str() {
            "PersistentVolumeClaim" => all.push(claim(object.id.name.clone(), &object.value, live)),
            "StatefulSet" => {
                let templates = object.value.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array);
                let replicas = object.value.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
                for template in templates.into_iter().flatten() {
                    let prefix = template["metadata"]["name"].as_str().unwrap_or_default();
                    for ordinal in 0..replicas {
                        let mut claim = claim(format!("{prefix}-{}-{ordinal}", object.id.name), template, live);
                        claim.size = claim.now.unwrap_or(claim.size);
                        all.push(claim);
                    }
                }
            }
            _ => {}
        }
    }
    all
}

fn claim(name: String, value: &Value, live: &Live) -> Claim {
    let asked = |of: &Value| of.pointer("/spec/resources/requests/storage").and_then(quantity);
    let existing = live.named("PersistentVolumeClaim", &name);
    Claim {
        class: value["spec"]["storageClassName"].as_str().map(str::to_owned),
        size: asked(value).unwrap_or_default(),
        now: existing.and_then(asked),
        is_bound: existing.is_some_and(|claim| claim["status"]["phase"] == "Bound"),
        name,
    }
}
