//! From a name to what it names.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::Selector;
use serde_json::Value;

use crate::cluster::Live;

/// The kinds that have logs: group and version, kind.
pub const KINDS: [(&str, &str); 5] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "CronJob"),
    ("batch/v1", "Job"),
    ("v1", "Pod"),
];

/// By this label what a name stands for is known where the name has a hash at its end.
const NAME: &str = "app.kubernetes.io/name";

/// A name that is this like another one was meant to be that.
const LIKE: f64 = 0.8;

/// What has pods, or a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// "Deployment".
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// The labels of its pods, as a selector; empty where only their owner tells them.
    pub selector: String,
}

impl Workload {
    /// What an object is that has pods, as the API server has it.
    ///
    /// # Errors
    /// When its selector is none.
    pub fn of(object: &Value) -> Result<Self> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (kind, name) = (text("/kind"), text("/metadata/name"));
        let selector = match object["spec"]["selector"].clone() {
            // A CronJob's pods are its Jobs'.
            Value::Null => String::new(),
            selector => {
                let selector: LabelSelector = serde_json::from_value(selector).context(name.clone())?;
                Selector::try_from(selector).context(name.clone())?.to_string()
            }
        };
        Ok(Self { kind, name, uid: text("/metadata/uid"), selector })
    }
}

/// What is named: a workload or a pod, by its name (`KIND/NAME` where two kinds have it), or the newest Job of those that
/// are labelled with it (`migrate` is `migrate-<hash>`).
///
/// # Errors
/// When there is none, with the names that there are; or several.
pub fn find(live: &Live, asked: &str, namespace: &str) -> Result<Workload> {
    let (kind, name) = asked.split_once('/').map_or((None, asked), |(kind, name)| (Some(kind), name));
    let is_kind = |of: &str| kind.is_none_or(|kind| kind.eq_ignore_ascii_case(of));
    let named = |of: &str| live.named(of, name).filter(|_| is_kind(of));
    let found: Vec<&Value> = KINDS.into_iter().filter(|(_, of)| *of != "Pod").filter_map(|(_, of)| named(of)).collect();
    match found.as_slice() {
        [one] => return Workload::of(one),
        [] => {}
        several => {
            let names: Vec<String> = several.iter().map(|one| format!("{}/{name}", text(&one["kind"]))).collect();
            bail!("{name} is the name of several workloads: say {}", names.join(" or "));
        }
    }
    let newest = live.of_kind("Job").filter(|job| is_kind("Job") && job["metadata"]["labels"][NAME] == name);
    let newest = newest.max_by_key(|job| text(&job["metadata"]["creationTimestamp"]));
    match newest.or_else(|| named("Pod")) {
        Some(one) => Workload::of(one),
        None => bail!("there is no workload and no pod {asked} in namespace {namespace}{}", others(live, name)),
    }
}

/// `; did you mean saleor-api? It has Deployment celery-beat, ...`.
fn others(live: &Live, name: &str) -> String {
    let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for object in live.iter() {
        let metadata = &object["metadata"];
        let is_made_by_another = metadata["ownerReferences"].as_array().is_some_and(|owners| !owners.is_empty());
        let named = match text(&object["kind"]) {
            "Job" => metadata["labels"][NAME].as_str().unwrap_or(text(&metadata["name"])),
            _ => text(&metadata["name"]),
        };
        let of_kind = names.entry(text(&object["kind"])).or_default();
        if !is_made_by_another && !of_kind.contains(&named) {
            of_kind.push(named);
        }
    }
    let pods = live.of_kind("Pod").map(|pod| text(&pod["metadata"]["name"]));
    let all = names.values().flatten().copied().chain(pods);
    let like = all.map(|one| (strsim::jaro_winkler(one, name), one)).max_by(|(a, _), (b, _)| a.total_cmp(b));
    let like =
        like.filter(|(like, _)| *like > LIKE).map_or_else(String::new, |(_, one)| format!("; did you mean {one}?"));
    names.retain(|_, of_kind| !of_kind.is_empty());
    if names.is_empty() {
        return format!("{like}; there is nothing yet: keyboss deploy makes it");
    }
    let words: Vec<String> = names.iter().map(|(kind, names)| format!("\n  {kind} {}", names.join(", "))).collect();
    format!("{like}; there is{}", words.concat())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live() -> Live {
        let mut live = Live::default();
        let mut add = |kind: &str, name: &str, more: Value, spec: Value| {
            let mut metadata = json!({"name": name, "uid": format!("{kind} {name}")});
            metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            live.insert(kind, name, json!({"kind": kind, "metadata": metadata, "spec": spec}));
        };
        let selector = json!({"selector": {"matchLabels": {"a": "b"}, "matchExpressions": [
            {"key": "c", "operator": "In", "values": ["d", "e"]}]}});
        add("Deployment", "saleor-api", json!({}), selector.clone());
        add("Deployment", "both", json!({}), selector.clone());
        add("StatefulSet", "both", json!({}), selector.clone());
        add("StatefulSet", "postgres", json!({}), selector);
        add("CronJob", "postgres-backup", json!({}), json!({"jobTemplate": {}}));
        let job = |uid: &str| json!({"selector": {"matchLabels": {"controller-uid": uid}}});
        let made = |time: &str, name: &str| json!({"creationTimestamp": time, "labels": {NAME: name}});
        add("Job", "migrate-b", made("2026-01-01T00:00:00Z", "migrate"), job("1"));
        add("Job", "migrate-a", made("2026-01-02T00:00:00Z", "migrate"), job("2"));
        let mut owned = made("2026-01-03T00:00:00Z", "postgres-backup");
        owned["ownerReferences"] = json!([{"uid": "CronJob postgres-backup"}]);
        add("Job", "postgres-backup-1", owned.clone(), job("3"));
        add("Pod", "postgres-0", json!({"ownerReferences": owned["ownerReferences"]}), json!({}));
        live
    }

    #[test]
    fn a_name_leads_to_a_workload_a_job_or_a_pod() {
        for (asked, kind, name, selector) in [
            ("saleor-api", "Deployment", "saleor-api", "a=b,c in (d,e)"),
            ("postgres", "StatefulSet", "postgres", "a=b,c in (d,e)"),
            ("deployment/both", "Deployment", "both", "a=b,c in (d,e)"),
            ("StatefulSet/both", "StatefulSet", "both", "a=b,c in (d,e)"),
            ("postgres-backup", "CronJob", "postgres-backup", ""),
            ("postgres-backup-1", "Job", "postgres-backup-1", "controller-uid=3"),
            ("migrate", "Job", "migrate-a", "controller-uid=2"),
            ("migrate-b", "Job", "migrate-b", "controller-uid=1"),
            ("job/postgres-backup", "Job", "postgres-backup-1", "controller-uid=3"),
            ("postgres-0", "Pod", "postgres-0", ""),
            ("pod/postgres-0", "Pod", "postgres-0", ""),
        ] {
            let uid = format!("{kind} {name}");
            let [kind, name, selector] = [kind, name, selector].map(str::to_owned);
            assert_eq!(find(&live(), asked, "n").unwrap(), Workload { kind, name, uid, selector }, "{asked}");
        }
    }

    #[test]
    fn another_name_is_told_with_those_that_there_are() {
        let told = |asked: &str| find(&live(), asked, "n").unwrap_err().to_string();
        assert_eq!(told("both"), "both is the name of several workloads: say Deployment/both or StatefulSet/both");
        assert_eq!(
            told("saleor-app"),
            "there is no workload and no pod saleor-app in namespace n; did you mean saleor-api?; there is\n  CronJob \
             postgres-backup\n  Deployment both, saleor-api\n  Job migrate\n  StatefulSet both, postgres"
        );
        assert!(told("postgres-9").contains("did you mean postgres-0?"), "{}", told("postgres-9"));
        assert!(!told("xyz").contains("did you mean"), "{}", told("xyz"));
        assert!(told("deployment/postgres").starts_with("there is no workload and no pod deployment/postgres"));
        let nothing = find(&Live::default(), "a", "n").unwrap_err().to_string();
        assert_eq!(
            nothing,
            "there is no workload and no pod a in namespace n; there is nothing yet: keyboss deploy makes it"
        );
    }
}
