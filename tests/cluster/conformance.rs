//! The rehearsal cluster's rules against a real API server: the same writes to both, from the same state.

use std::error::Error;
use std::sync::Arc;

use keyboss::rehearsal::kinds::Kind;
use keyboss::rehearsal::server::{Request, Server};
use keyboss::rehearsal::status::Status;
use keyboss::rehearsal::store::Key;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::kubectl::{Namespace, eventually, kubeconfig};

/// One request.
#[derive(Debug)]
enum Step {
    /// Creation by a manager.
    Create(&'static str, Value),
    /// Server-side apply by a manager, forced or not.
    Apply(&'static str, bool, Value),
    /// Server-side apply that writes nothing.
    Rehearse(&'static str, Value),
    /// A merge patch by a manager.
    Merge(&'static str, Value),
    /// Deletion; of the object with this uid only, if there is one.
    Delete(Option<&'static str>),
}

async fn client() -> Result<Client, Box<dyn Error>> {
    let config = Kubeconfig::read_from(kubeconfig())?;
    Ok(Client::try_from(Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?)?)
}

/// The same requests to the real server and to that of the rehearsal, and the same answers.
async fn same(space: &str, api_version: &str, kind: &str, steps: Vec<Step>) -> Result<(), Box<dyn Error>> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    let api: Api<DynamicObject> = Api::namespaced_with(client().await?, space, &resource);
    let mut server = Server::default();
    let key = |api_version: &str, kind: &str, namespace: &str, name: &str| {
        let kind = Kind::named(api_version, kind).expect("a kind that the rehearsal serves");
        Key { kind, namespace: namespace.to_owned(), name: name.to_owned() }
    };
    let request = |manager| Request { manager, time: "2026-01-01T00:00:00Z", dry_run: false };
    server.create(&key("v1", "Namespace", "", space), json!({"metadata": {}}), request("setup")).unwrap();
    let key = key(api_version, kind, space, "x");
    for (index, step) in steps.into_iter().enumerate() {
        let at = format!("{kind}, step {}", index + 1);
        let whole = |body: &Value| {
            let mut body = body.clone();
            body["apiVersion"] = json!(api_version);
            body["kind"] = json!(kind);
            body["metadata"]["name"] = json!("x");
            body
        };
        let (real, rehearsed) = match &step {
            Step::Create(manager, body) => {
                let params = PostParams { field_manager: Some((*manager).to_owned()), ..PostParams::default() };
                let real = api.create(&params, &serde_json::from_value(whole(body))?).await;
                (real, server.create(&key, whole(body), request(manager)))
            }
            Step::Apply(manager, force, body) => {
                let params = PatchParams { force: *force, ..PatchParams::apply(manager) };
                let real = api.patch("x", &params, &Patch::Apply(whole(body))).await;
                (real, server.apply(&key, &whole(body), *force, request(manager)))
            }
            Step::Rehearse(manager, body) => {
                let params = PatchParams { dry_run: true, ..PatchParams::apply(manager) };
                let real = api.patch("x", &params, &Patch::Apply(whole(body))).await;
                (real, server.apply(&key, &whole(body), false, Request { dry_run: true, ..request(manager) }))
            }
            Step::Merge(manager, body) => {
                let params = PatchParams { field_manager: Some((*manager).to_owned()), ..PatchParams::default() };
                let real = api.patch("x", &params, &Patch::Merge(body)).await;
                (real, server.merge(&key, body, request(manager)))
            }
            Step::Delete(uid) => {
                let preconditions = uid.map(|uid| Preconditions { uid: Some(uid.to_owned()), resource_version: None });
                let params = DeleteParams { preconditions, ..DeleteParams::default() };
                let before = api.get_opt("x").await?;
                let real = api.delete("x", &params).await.map(|_| before.expect("what was deleted was there"));
                if real.is_ok() {
                    eventually(30, "it is gone", || {
                        Namespace(space.to_owned())
                            .run(&["get", kind, "x"])
                            .status
                            .success()
                            .then_some(())
                            .xor(Some(()))
                    });
                }
                (real, server.delete(&key, *uid, false))
            }
        };
        compare(&at, real, rehearsed)?;
    }
    Ok(())
}

fn compare(
    at: &str,
    real: Result<DynamicObject, kube::Error>,
    rehearsed: Result<Arc<Value>, Status>,
) -> Result<(), Box<dyn Error>> {
    match (real, rehearsed) {
        (Ok(real), Ok(rehearsed)) => {
            let real = serde_json::to_value(real)?;
            assert_eq!(managers(&rehearsed), managers(&real), "{at}");
            let lost = missing(&essence(&rehearsed), &essence(&real), "");
            assert!(lost.is_empty(), "{at}: the server has not {lost:?}\n{rehearsed:#}\n{real:#}");
            let kept = missing(&essence(&real), &essence(&rehearsed), "");
            let kept: Vec<&String> = kept.iter().filter(|path| data(path)).collect();
            assert!(kept.is_empty(), "{at}: the rehearsal has not {kept:?}\n{rehearsed:#}\n{real:#}");
        }
        (Err(kube::Error::Api(real)), Err(rehearsed)) => {
            let details = |details: &Value| {
                json!({"name": details["name"], "group": details["group"], "kind": details["kind"],
                       "causes": details["causes"].as_array().cloned().unwrap_or_default()})
            };
            let answer = |code: u16, reason: &str, message: &str, of: &Value| {
                let text = json!([code, reason, message, details(of)]).to_string();
                // The uid that it has is another one each time.
                text.split("match the UID in record").next().unwrap_or_default().to_owned()
            };
            let mut of_real = serde_json::to_value(&real.details)?;
            for field in ["name", "group", "kind"] {
                if of_real[field] == "" {
                    of_real[field] = Value::Null;
                }
            }
            for cause in of_real["causes"].as_array_mut().into_iter().flatten() {
                *cause = json!({"reason": cause["reason"], "message": cause["message"], "field": cause["field"]});
            }
            assert_eq!(
                answer(rehearsed.code, rehearsed.reason, &rehearsed.message, &rehearsed.details),
                answer(real.code, &real.reason, &real.message, &of_real),
                "{at}"
            );
        }
        (real, rehearsed) => panic!("{at}: the server says {real:?}\nthe rehearsal says {rehearsed:?}"),
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

/// An object less what a server keeps about it.
fn essence(object: &Value) -> Value {
    let mut object = object.clone();
    let metadata = &object["metadata"];
    object["metadata"] = json!({"labels": metadata["labels"], "generation": metadata["generation"]});
    object["status"] = json!(null);
    object
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
    path.starts_with("/data") || path.starts_with("/metadata/") || path.contains("/env/")
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
    use Step::{Apply, Create, Delete, Merge, Rehearse};
    let namespace = Namespace("keyboss-conformance".to_owned());
    namespace.forget();
    namespace.say(&["create", "namespace", &namespace.0]);

    let steps = vec![
        Delete(None),
        Merge("a", json!({"data": {"a": "1"}})),
        Create("z", config_map(json!({"z": "1"}))),
        Create("z", config_map(json!({"z": "1"}))),
        Delete(Some("11111111-1111-4111-8111-111111111111")),
        Merge("z", json!({"metadata": {"resourceVersion": "1"}, "data": {"z": "2"}})),
        Apply("a", false, json!({"metadata": {"managedFields": [{"manager": "z"}]}})),
        Rehearse("a", config_map(json!({"z": "2"}))),
        Rehearse("a", config_map(json!({"y": "2"}))),
        Delete(None),
        Rehearse("a", config_map(json!({"y": "2"}))),
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
