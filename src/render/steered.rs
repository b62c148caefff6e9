//! Autoscalers: two that steer one workload work against each other, so a plan holds at most one for each
//! (<https://keda.sh/docs/latest/concepts/scaling-deployments/>).

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Object, ObjectId, Phase, Plan};

/// The workload whose replicas an object steers: "Deployment celery-worker". None for what is no autoscaler. KEDA's
/// `kind` may be left out (<https://keda.sh/docs/latest/reference/scaledobject-spec/#scaletargetref>).
pub fn steered(object: &Value) -> Option<String> {
    let target = object.pointer("/spec/scaleTargetRef")?;
    Some(format!("{} {}", target["kind"].as_str().unwrap_or("Deployment"), target["name"].as_str()?))
}

/// An autoscaler that would be preferred, but cannot be used, and the one that stands in for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instead {
    /// The one that cannot be used.
    pub wanted: ObjectId,
    /// Why not.
    pub why: String,
    /// The one that is used.
    pub used: ObjectId,
    /// What it steers.
    pub workload: String,
}

impl Plan {
    /// Leaves one autoscaler for each workload in use: the first in the order of the manifests for which `why_not` has
    /// no reason; the last where each has one. The others are set aside. Tells where the first is not the one.
    pub fn settle(&mut self, why_not: impl Fn(&Object) -> Option<String>) -> Vec<Instead> {
        *self = self.whole();
        let mut groups: BTreeMap<String, Vec<(Phase, ObjectId, Option<String>)>> = BTreeMap::new();
        for (phase, object) in self.objects() {
            if let Some(workload) = steered(&object.value) {
                groups.entry(workload).or_default().push((phase, object.id.clone(), why_not(object)));
            }
        }
        let mut told = Vec::new();
        let mut aside = Vec::new();
        for (workload, group) in groups {
            let used = group.iter().position(|(_, _, why)| why.is_none()).unwrap_or(group.len() - 1);
            let (_, used_id, _) = &group[used];
            for (wanted, why) in group[..used].iter().filter_map(|(_, id, why)| Some((id, why.as_ref()?))) {
                let (wanted, why, workload) = (wanted.clone(), why.clone(), workload.clone());
                told.push(Instead { wanted, why, used: used_id.clone(), workload });
            }
            aside.extend(group.iter().filter(|(_, id, _)| id != used_id).map(|(phase, id, _)| (*phase, id.clone())));
        }
        self.set_aside(&aside);
        told
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(kind: &str, name: &str, target: Value) -> Object {
        let version = if kind == "ScaledObject" { "keda.sh/v1alpha1" } else { "autoscaling/v2" };
        let value = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name},
                           "spec": {"scaleTargetRef": target}});
        Object::new("a.yaml".to_owned(), value).unwrap()
    }

    fn plan(objects: &[(&str, &str, &str)]) -> Plan {
        let mut plan = Plan::default();
        for (kind, name, target) in objects {
            plan.add(Phase::Availability, object(kind, name, json!({"kind": "Deployment", "name": target}))).unwrap();
        }
        plan
    }

    fn names(plan: &Plan) -> Vec<String> {
        plan.objects().map(|(_, object)| object.id.to_string()).collect()
    }

    #[test]
    fn what_is_steered() {
        for (object, workload) in [
            (json!({"spec": {"scaleTargetRef": {"kind": "StatefulSet", "name": "a"}}}), Some("StatefulSet a")),
            (json!({"spec": {"scaleTargetRef": {"name": "a"}}}), Some("Deployment a")),
            (json!({"spec": {"scaleTargetRef": {"kind": "Deployment"}}}), None),
            (json!({"spec": {"replicas": 2}}), None),
        ] {
            assert_eq!(steered(&object).as_deref(), workload, "{object}");
        }
    }

    #[test]
    fn the_first_that_can_be_used_is_used() {
        const S: (&str, &str, &str) = ("ScaledObject", "a", "a");
        const H: (&str, &str, &str) = ("HorizontalPodAutoscaler", "a", "a");
        const OTHER: (&str, &str, &str) = ("HorizontalPodAutoscaler", "b", "b");
        const NEITHER: [&str; 2] = ["ScaledObject", "HorizontalPodAutoscaler"];
        for (objects, unusable, used, instead) in [
            (&[S, H, OTHER][..], &[][..], &["ScaledObject a", "HorizontalPodAutoscaler b"][..], 0),
            (&[OTHER, S, H], &["ScaledObject"], &["HorizontalPodAutoscaler b", "HorizontalPodAutoscaler a"], 1),
            (&[H, S], &[], &["HorizontalPodAutoscaler a"], 0),
            (&[H, S], &["ScaledObject"], &["HorizontalPodAutoscaler a"], 0),
            (&[S, H], &NEITHER, &["HorizontalPodAutoscaler a"], 1),
            (&[S], &["ScaledObject"], &["ScaledObject a"], 0),
        ] {
            let whole = plan(objects);
            let mut settled = whole.clone();
            let why = |object: &Object| unusable.contains(&object.id.kind.as_str()).then(|| "not served".to_owned());
            let told = settled.settle(why);
            assert_eq!(names(&settled), used, "{objects:?} without {unusable:?}");
            assert_eq!(told.len(), instead, "{told:?}");
            assert_eq!(names(&settled.whole()), names(&whole), "nothing is lost, nor its place");
            assert_eq!(settled.aside().count(), objects.len() - used.len());
            settled.settle(|_| None);
            let mut anew = whole.clone();
            anew.settle(|_| None);
            assert_eq!(names(&settled), names(&anew), "it can be settled anew");
        }
    }
}
