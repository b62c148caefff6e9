//! The rehearsal cluster's API server against a real one: the same requests to both, from an empty namespace on.

mod controllers;
mod requests;

use std::error::Error;

use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::kinds::KINDS;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, Preconditions,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::kubectl::{Namespace, kubeconfig};

const SPACE: &str = "keyboss-conformance";

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
    /// How many there are.
    List,
    /// Deletion; of the object with this uid only, if there is one.
    Delete(Option<&'static str>),
}

/// The real server and the rehearsal's, each with an empty namespace.
async fn clients() -> Result<[Client; 2], Box<dyn Error>> {
    pair(&Face::new("2026-01-01T00:00:00Z".parse()?)).await
}

/// The real server and this one of the rehearsal's.
async fn pair(face: &Face) -> Result<[Client; 2], Box<dyn Error>> {
    let namespace = Namespace(SPACE.to_owned());
    namespace.forget();
    namespace.say(&["create", "namespace", SPACE]);
    let config = Kubeconfig::read_from(kubeconfig())?;
    let real = Client::try_from(Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?)?;
    let rehearsed = face.client(SPACE);
    let namespaces: Api<DynamicObject> = Api::all_with(rehearsed.clone(), &resource("v1", "Namespace"));
    namespaces.create(&PostParams::default(), &DynamicObject::new(SPACE, &resource("v1", "Namespace"))).await?;
    Ok([real, rehearsed])
}

fn resource(api_version: &str, kind: &str) -> ApiResource {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

/// The same requests to both servers, and the same answers.
async fn same(clients: &[Client; 2], api_version: &str, kind: &str, steps: Vec<Step>) -> Result<(), Box<dyn Error>> {
    let [real, rehearsed] =
        clients.each_ref().map(|client| Api::namespaced_with(client.clone(), SPACE, &resource(api_version, kind)));
    for (index, step) in steps.into_iter().enumerate() {
        let at = format!("{kind}, step {}: {step:?}", index + 1);
        let answers = (make(&real, &step, api_version, kind).await, make(&rehearsed, &step, api_version, kind).await);
        match answers {
            (Ok(real), Ok(rehearsed)) => compare_objects(&at, &real, &rehearsed),
            (Err(real), Err(rehearsed)) => assert_eq!(answer(&rehearsed), answer(&real), "{at}"),
            (real, rehearsed) => panic!("{at}: the server says {real:?}\nthe rehearsal says {rehearsed:?}"),
        }
    }
    Ok(())
}

async fn make(api: &Api<DynamicObject>, step: &Step, api_version: &str, kind: &str) -> Result<Value, kube::Error> {
    let whole = |body: &Value| {
        let mut body = body.clone();
        body["apiVersion"] = json!(api_version);
        body["kind"] = json!(kind);
        body["metadata"]["name"] = json!("x");
        body
    };
    let named = |manager: &str| Some(manager.to_owned());
    let object = match step {
        Step::Create(manager, body) => {
            let params = PostParams { field_manager: named(manager), ..PostParams::default() };
            let object = serde_json::from_value(whole(body)).map_err(kube::Error::SerdeError)?;
            api.create(&params, &object).await?
        }
        Step::Apply(manager, force, body) => {
            let params = PatchParams { force: *force, ..PatchParams::apply(manager) };
            api.patch("x", &params, &Patch::Apply(whole(body))).await?
        }
        Step::Rehearse(manager, body) => {
            let params = PatchParams { dry_run: true, ..PatchParams::apply(manager) };
            api.patch("x", &params, &Patch::Apply(whole(body))).await?
        }
        Step::Merge(manager, body) => {
            let params = PatchParams { field_manager: named(manager), ..PatchParams::default() };
            api.patch("x", &params, &Patch::Merge(body)).await?
        }
        Step::List => {
            let list = api.list(&ListParams::default()).await?;
            assert!(list.items.iter().all(|object| object.types.is_none()), "a list's items have no kind");
            let mine: Vec<DynamicObject> =
                list.items.into_iter().filter(|object| object.metadata.name.as_deref() == Some("x")).collect();
            return Ok(json!({"items": mine.len()}));
        }
        Step::Delete(uid) => {
            let preconditions = uid.map(|uid| Preconditions { uid: named(uid), resource_version: None });
            let params = DeleteParams { preconditions, ..DeleteParams::default() };
            api.delete("x", &params).await?;
            while api.get_opt("x").await?.is_some() {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            return Ok(json!({}));
        }
    };
    serde_json::to_value(object).map_err(kube::Error::SerdeError)
}

fn compare_objects(at: &str, real: &Value, rehearsed: &Value) {
    assert_eq!(rehearsed["items"], real["items"], "{at}");
    assert_eq!(managers(rehearsed), managers(real), "{at}");
    let lost = missing(&essence(rehearsed), &essence(real), "");
    assert!(lost.is_empty(), "{at}: the server has not {lost:?}\n{rehearsed:#}\n{real:#}");
    let kept = missing(&essence(real), &essence(rehearsed), "");
    let kept: Vec<&String> = kept.iter().filter(|path| data(path)).collect();
    assert!(kept.is_empty(), "{at}: the rehearsal has not {kept:?}\n{rehearsed:#}\n{real:#}");
}

/// A refusal, less the uids, which are others each time.
fn answer(error: &kube::Error) -> Value {
    let kube::Error::Api(status) = error else { panic!("no answer: {error}") };
    let message = status.message.split("match the UID in record").next().unwrap_or_default();
    let details = serde_json::to_value(&status.details).unwrap();
    let text = |field: &str| details[field].as_str().unwrap_or_default().to_owned();
    let cause = |cause: &Value| json!([cause["reason"], cause["message"], cause["field"]]);
    let causes: Vec<Value> = details["causes"].as_array().into_iter().flatten().map(cause).collect();
    json!([status.code, status.reason, message, text("name"), text("group"), text("kind"), causes])
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
    use Step::{Apply, Create, Delete, List, Merge, Rehearse};
    let clients = clients().await?;

    let steps = vec![
        Delete(None),
        Merge("a", json!({"data": {"a": "1"}})),
        List,
        Create("z", config_map(json!({"z": "1"}))),
        List,
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
    same(&clients, "v1", "ConfigMap", steps).await?;

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
    same(&clients, "v1", "Service", steps).await?;

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
    same(&clients, "apps/v1", "Deployment", steps).await?;
    Namespace(SPACE.to_owned()).forget();
    Ok(())
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn what_is_served() -> Result<(), Box<dyn Error>> {
    let [real, rehearsed] = clients().await?;
    let versions = async |client: Client| client.apiserver_version().await.map(|version| version.git_version);
    assert_eq!(versions(rehearsed.clone()).await?, versions(real.clone()).await?);
    for version in KINDS.iter().map(|kind| kind.api_version).chain(["autoscaling/v2", "batch/v2", "x.example/v1"]) {
        let kinds = async |client: &Client| {
            let list = match version {
                "v1" => client.list_core_api_resources(version).await,
                _ => client.list_api_group_resources(version).await,
            };
            let ours = |kind: &str| KINDS.iter().any(|known| known.api_version == version && known.kind == kind);
            let mut kinds: Vec<Value> = match list {
                Ok(list) => list
                    .resources
                    .iter()
                    .filter(|kind| !kind.name.contains('/') && ours(&kind.kind))
                    .map(|kind| json!([kind.name, kind.kind, kind.namespaced]))
                    .collect(),
                Err(kube::Error::Api(status)) => vec![json!(status.code)],
                Err(error) => panic!("{error}"),
            };
            kinds.sort_by_key(Value::to_string);
            kinds
        };
        assert_eq!(kinds(&rehearsed).await, kinds(&real).await, "{version}");
    }
    Ok(())
}
