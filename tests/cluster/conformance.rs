//! The rehearsal cluster's rules against a real API server: the same writes to both, from the same state.

use std::error::Error;

use keyboss::rehearsal::managers::{Refusal, Write};
use keyboss::rehearsal::schema::Schema;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::kubectl::{Namespace, kubeconfig};

/// One write.
enum Step {
    /// Server-side apply by a manager, forced or not.
    Apply(&'static str, bool, Value),
    /// A merge patch by a manager.
    Merge(&'static str, Value),
}

async fn client() -> Result<Client, Box<dyn Error>> {
    let config = Kubeconfig::read_from(kubeconfig())?;
    Ok(Client::try_from(Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?)?)
}

/// Makes each write on the server, and on the rehearsal's rules from the server's state before it.
async fn same(space: &str, api_version: &str, kind: &str, steps: Vec<Step>) -> Result<(), Box<dyn Error>> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    let api: Api<DynamicObject> = Api::namespaced_with(client().await?, space, &resource);
    let schema = Schema::v1_20();
    let shape = schema.kind(api_version, kind).ok_or("the schema lacks the kind")?;
    for (index, step) in steps.into_iter().enumerate() {
        let live = api.get_opt("x").await?.map(serde_json::to_value).transpose()?;
        let at = format!("{kind}, step {}", index + 1);
        let (manager, params, patch) = match &step {
            Step::Apply(manager, force, body) => {
                let mut body = body.clone();
                body["apiVersion"] = json!(api_version);
                body["kind"] = json!(kind);
                body["metadata"]["name"] = json!("x");
                (*manager, PatchParams { force: *force, ..PatchParams::apply(manager) }, Patch::Apply(body))
            }
            Step::Merge(manager, body) => {
                let params = PatchParams { field_manager: Some((*manager).to_owned()), ..PatchParams::default() };
                (*manager, params, Patch::Merge(body.clone()))
            }
        };
        let write = Write { schema, shape: &shape, manager, time: "2026-01-01T00:00:00Z" };
        let rehearsed = match &patch {
            Patch::Apply(body) => write.apply(live.as_ref(), body, params.force),
            Patch::Merge(body) => {
                let mut object = live.clone().ok_or("a merge patch needs an object")?;
                json_patch::merge(&mut object, body);
                write.update(live.as_ref(), &mut object);
                Ok(object)
            }
            _ => unreachable!("no other patch is made here"),
        };
        match (api.patch("x", &params, &patch).await, rehearsed) {
            (Ok(real), Ok(rehearsed)) => {
                let real = serde_json::to_value(real)?;
                assert_eq!(managers(&rehearsed), managers(&real), "{at}");
                let lost = missing(&without_managers(&rehearsed), &real, "");
                assert!(lost.is_empty(), "{at}: the server has not {lost:?}\n{rehearsed:#}\n{real:#}");
                let kept = missing(&without_managers(&real), &rehearsed, "");
                let kept: Vec<&String> = kept.iter().filter(|path| data(path)).collect();
                assert!(kept.is_empty(), "{at}: the rehearsal has not {kept:?}\n{rehearsed:#}\n{real:#}");
            }
            (Err(kube::Error::Api(status)), Err(Refusal::Conflict(conflicts))) => {
                assert_eq!(status.code, 409, "{at}");
                let causes = status.details.as_ref().map(|details| details.causes.clone()).unwrap_or_default();
                let real: Vec<String> =
                    causes.iter().map(|cause| format!("{} {}", cause.field, without_time(&cause.message))).collect();
                let rehearsed: Vec<String> = conflicts
                    .iter()
                    .flat_map(|(title, paths)| {
                        paths
                            .iter()
                            .map(move |path| format!("{path} {}", without_time(&format!("conflict with {title}"))))
                    })
                    .collect();
                assert_eq!(rehearsed, real, "{at}");
            }
            (Err(kube::Error::Api(status)), Err(Refusal::MissingKey(key))) => {
                assert_eq!(status.code, 500, "{at}");
                assert!(status.message.contains(&key.to_string()), "{at}: {} {key}", status.message);
            }
            (real, rehearsed) => panic!("{at}: the server says {real:?}\nthe rehearsal says {rehearsed:?}"),
        }
    }
    Ok(())
}

/// Who owns what, less the times, and less what the cluster's own controllers write meanwhile.
fn managers(object: &Value) -> Vec<Value> {
    let mut entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    entries.retain(|entry| entry["manager"] != "kube-controller-manager");
    for entry in &mut entries {
        entry["time"] = json!(null);
    }
    entries.sort_by_key(|entry| format!("{} {}", entry["manager"], entry["operation"]));
    entries
}

fn without_managers(object: &Value) -> Value {
    let mut object = object.clone();
    object["metadata"] = json!({"labels": object["metadata"]["labels"]});
    object["status"] = json!(null);
    object
}

fn without_time(message: &str) -> String {
    message.split(" at ").next().unwrap_or_default().to_owned()
}

/// What of a value another lacks, or has with another value.
fn missing(value: &Value, other: &Value, path: &str) -> Vec<String> {
    match (value, other) {
        (Value::Null, _) => Vec::new(),
        (Value::Object(map), Value::Object(other)) => map
            .iter()
            .flat_map(|(key, value)| missing(value, other.get(key).unwrap_or(&Value::Null), &format!("{path}/{key}")))
            .collect(),
        (Value::Array(items), Value::Array(other)) if items.len() == other.len() => {
            items.iter().zip(other).enumerate().flat_map(|(i, (a, b))| missing(a, b, &format!("{path}/{i}"))).collect()
        }
        _ if value == other => Vec::new(),
        _ => vec![path.to_owned()],
    }
}

/// Parts to which the server adds no defaults.
fn data(path: &str) -> bool {
    path.starts_with("/data") || path.starts_with("/metadata/labels") || path.contains("/env/")
}

fn config_map(data: Value) -> Value {
    json!({ "data": data })
}

fn service(ports: Value) -> Value {
    json!({"spec": {"clusterIP": "None", "ports": ports}})
}

fn deployment(spec: Value, containers: Value) -> Value {
    let mut object = json!({"spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {
            "containers": containers, "volumes": [{"name": "v", "emptyDir": {}}],
        }},
    }});
    json_patch::merge(&mut object["spec"], &spec);
    object
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn who_owns_which_field() -> Result<(), Box<dyn Error>> {
    use Step::{Apply, Merge};
    let namespace = Namespace("keyboss-conformance".to_owned());
    namespace.forget();
    namespace.say(&["create", "namespace", &namespace.0]);

    let steps = vec![
        Apply("a", false, config_map(json!({"a": "1", "b": "2"}))),
        Apply("a", false, config_map(json!({"a": "1"}))),
        Apply("b", false, config_map(json!({"a": "1"}))),
        Apply("b", false, config_map(json!({"a": "2"}))),
        Apply("b", true, config_map(json!({"a": "2"}))),
        Apply("a", false, config_map(json!({"a": "1"}))),
        Merge("c", json!({"data": {"c": "3"}})),
        Merge("c", json!({"data": {"a": "4"}})),
        Apply("b", false, config_map(json!({"a": "5", "c": "5"}))),
        Apply("a", false, json!({"metadata": {"labels": {"x": "y"}}})),
        Merge("c", json!({"data": {"c": null}})),
        Merge("d", json!({"data": {"d": "1"}, "metadata": {"labels": {"z": "1"}}})),
        Apply("a", false, json!({})),
        Apply("b", false, config_map(json!({}))),
    ];
    same(&namespace.0, "v1", "ConfigMap", steps).await?;

    let http = json!({"name": "http", "port": 80, "protocol": "TCP"});
    let other = json!({"name": "other", "port": 81, "protocol": "TCP"});
    let steps = vec![
        Apply("a", false, service(json!([http]))),
        Merge("b", json!({"spec": {"selector": {"pod": "x-0"}}})),
        Apply("a", false, service(json!([http, other]))),
        Apply("a", false, service(json!([{"port": 82}]))),
        Apply("c", false, service(json!([{"name": "theirs", "port": 80, "protocol": "TCP"}]))),
        Apply("a", false, service(json!([other]))),
        Apply("a", false, json!({"spec": {"clusterIP": "None", "ports": [other], "selector": {"pod": "x-1"}}})),
    ];
    same(&namespace.0, "v1", "Service", steps).await?;

    let main = |env: Value| json!({"name": "main", "image": "keyboss-test/none:1", "env": env});
    let side =
        json!({"name": "side", "image": "keyboss-test/none:1", "ports": [{"containerPort": 80, "protocol": "TCP"}]});
    let none = json!({"replicas": 0});
    let x = json!({"name": "X", "value": "1"});
    let y = json!({"name": "Y", "value": "1"});
    let steps = vec![
        Apply("a", false, deployment(none, json!([main(json!([x, y])), side]))),
        Apply("a", false, deployment(json!({}), json!([main(json!([x, y])), side]))),
        Merge("hpa", json!({"spec": {"replicas": 0}})),
        Apply(
            "b",
            false,
            json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "env": [{"name": "Z", "value": "1"}]}]}}}}),
        ),
        Apply("a", false, deployment(json!({}), json!([main(json!([y])), side]))),
        Apply(
            "a",
            false,
            deployment(json!({"strategy": {"rollingUpdate": {"maxSurge": 2}}}), json!([main(json!([y]))])),
        ),
        Apply("a", false, deployment(json!({}), json!([main(json!([x])), side]))),
    ];
    same(&namespace.0, "apps/v1", "Deployment", steps).await?;
    namespace.forget();
    Ok(())
}
