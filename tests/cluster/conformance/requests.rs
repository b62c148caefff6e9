//! Single requests, as they are sent: the same to both servers, and the same answers.

use std::error::Error;

use futures::future::try_join;
use http::Request;
use jiff::Timestamp;
use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::rights::Denial;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use super::{SPACE, pair};
use crate::kubectl::Namespace;

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";
const PATCH: &str = "application/json-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

/// Method, path below the namespace, what the body is, and the body.
type Sent = (&'static str, &'static str, &'static str, Value);

/// What a server keeps about an object, another each time.
const KEPT: [&str; 8] = [
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "resourceVersion",
    "selfLink",
    "managedFields",
    "generation",
    // A claim of a class that is not there is bound in a rehearsal only.
    "annotations",
];

async fn send(client: &Client, sent: &Sent) -> Result<Value, Box<dyn Error>> {
    send_as(client, "kubernetes-admin", sent).await
}

/// An administrator's group for everybody but the rehearsal's user, who may do nothing then.
fn group_of(user: &str) -> &'static str {
    if user == "rehearsal" { "nobody" } else { "system:masters" }
}

async fn send_as(
    client: &Client,
    user: &str,
    (method, path, content_type, body): &Sent,
) -> Result<Value, Box<dyn Error>> {
    let group = ["deployments", "replicasets", "statefulsets"].iter().any(|plural| path.starts_with(plural));
    let api = match () {
        () if path.starts_with("leases") => "/apis/coordination.k8s.io/v1",
        () if path.starts_with("jobs") => "/apis/batch/v1",
        () if path.starts_with("roles") => "/apis/rbac.authorization.k8s.io/v1",
        () if path.starts_with("ingresses") => "/apis/networking.k8s.io/v1",
        () if group => "/apis/apps/v1",
        () => "/api/v1",
    };
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = Request::builder()
        .method(*method)
        .uri(format!("{api}/namespaces/{SPACE}/{path}"))
        .header("content-type", *content_type)
        .header("impersonate-user", user)
        .header("impersonate-group", group_of(user))
        .body(Body::from(body))?;
    let response = client.send(request).await?;
    let code = response.status().as_u16();
    let body = response.into_body().collect_bytes().await?;
    let text = String::from_utf8(body.to_vec())?;
    let bodies = match path.contains("watch=") {
        true => {
            let events = text.lines().map(|line| Ok(event(&serde_json::from_str(line)?)));
            let mut events = events.collect::<Result<Vec<Value>, Box<dyn Error>>>()?;
            // How many bookmarks there are is the server's affair.
            events.dedup();
            Value::from(events)
        }
        false => essence(serde_json::from_str(&text).unwrap_or(Value::from(text))),
    };
    Ok(json!([code, bodies]))
}

/// An answer less what is another each time; of a list the names.
fn essence(mut body: Value) -> Value {
    if let Some(items) = body["items"].as_array() {
        let names: Vec<&Value> = items.iter().map(|item| &item["metadata"]["name"]).collect();
        return json!([body["kind"], names]);
    }
    let is_going = !body["metadata"]["deletionTimestamp"].is_null();
    for field in KEPT {
        body["metadata"].as_object_mut().map(|metadata| metadata.remove(field));
    }
    if body["kind"] == "Status" {
        body["details"].as_object_mut().map(|details| details.remove("uid"));
        let message = body["message"].as_str().unwrap_or_default();
        // The version that is there is another each time.
        body["message"] = json!(message.split("in record").next());
        return body;
    }
    // Defaults of a Job's labels are not rehearsed.
    let labels = if body["kind"] == "Job" { json!(null) } else { body["metadata"]["labels"].clone() };
    body["metadata"]["labels"] = labels;
    json!([body["kind"], body["metadata"], body["data"], is_going])
}

/// A watch's line: what happened to which object.
fn event(line: &Value) -> Value {
    json!([line["type"], line["object"]["kind"], line["object"]["metadata"]["name"]])
}

fn config_map(name: &str, labels: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}, "data": {"a": "1"}})
}

fn with_uid(name: &str) -> Value {
    let metadata = json!({"name": name, "uid": "11111111-1111-4111-8111-111111111111"});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "2"}})
}

fn requests() -> Vec<Sent> {
    let list = |path| ("GET", path, JSON, Value::Null);
    let a = "configmaps/a?fieldManager=x";
    vec![
        ("POST", "configmaps?fieldManager=x", JSON, config_map("a", json!({"app": "x"}))),
        ("POST", "configmaps?fieldManager=x", JSON, config_map("a", json!({}))),
        ("POST", "configmaps?fieldManager=x", JSON, config_map("b", json!({"app": "y", "tier": "web"}))),
        list("configmaps/a"),
        list("configmaps/none"),
        list("configmaps?labelSelector=app"),
        list("configmaps?labelSelector=app%3Dx"),
        list("configmaps?labelSelector=app%3D%3Dx,tier"),
        list("configmaps?labelSelector=app,app!%3Dx"),
        list("configmaps?labelSelector=app%20in%20(x,z)"),
        list("configmaps?labelSelector=app,app%20notin%20(x,z)"),
        list("configmaps?labelSelector=app,!tier"),
        list("configmaps?fieldSelector=metadata.name%3Da"),
        list("configmaps?fieldSelector=metadata.name!%3Da&labelSelector=app"),
        list("configmaps?fieldSelector=spec.x%3D1"),
        list("pods?fieldSelector=status.phase%3DRunning"),
        list("pods/none/log"),
        // Replaced.
        ("PUT", a, JSON, config_map("a", json!({"app": "z"}))),
        ("PUT", a, JSON, config_map("b", json!({}))),
        ("PUT", "configmaps/none", JSON, config_map("none", json!({}))),
        (
            "PUT",
            a,
            JSON,
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "1"}}),
        ),
        // Patched.
        ("PATCH", a, PATCH, json!([{"op": "add", "path": "/data/b", "value": "2"}])),
        (
            "PATCH",
            a,
            PATCH,
            json!([{"op": "test", "path": "/data/b", "value": "2"}, {"op": "remove", "path": "/data/b"}]),
        ),
        (
            "PATCH",
            a,
            PATCH,
            json!([{"op": "test", "path": "/data/a", "value": "2"}, {"op": "remove", "path": "/data/a"}]),
        ),
        ("PATCH", a, PATCH, json!([{"op": "remove", "path": "/data/none"}])),
        ("PATCH", a, MERGE, json!({"data": {"a": null, "c": "3"}})),
        ("PATCH", "configmaps/none", MERGE, json!({"data": {"a": "1"}})),
        // Held back by a finalizer.
        ("PATCH", a, MERGE, json!({"metadata": {"finalizers": ["keyboss.io/x"]}})),
        ("DELETE", "configmaps/a", JSON, Value::Null),
        list("configmaps/a"),
        ("DELETE", "configmaps/a", JSON, Value::Null),
        ("PATCH", a, MERGE, json!({"metadata": {"finalizers": null}})),
        list("configmaps/a"),
        // Applied to an object that is another, or gone.
        ("PATCH", "configmaps/b?fieldManager=x&force=true", APPLY, with_uid("b")),
        ("PATCH", "configmaps/none?fieldManager=x&force=true", APPLY, with_uid("none")),
        // Not the one that is meant; not at all; at once.
        ("DELETE", "configmaps/b", JSON, json!({"preconditions": {"resourceVersion": "1"}})),
        ("DELETE", "configmaps/b?dryRun=All", JSON, Value::Null),
        list("configmaps/b"),
        ("DELETE", "configmaps/b", JSON, json!({"propagationPolicy": "Foreground"})),
        ("DELETE", "configmaps/none", JSON, Value::Null),
    ]
}

/// One object of each kind, and its deletion.
fn deletions() -> Vec<Sent> {
    let named = |kind: &str, version: &str, rest: Value| {
        let mut object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "d"}});
        json_patch::merge(&mut object, &rest);
        object
    };
    let pod = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "keyboss-test/none:1"}]}});
    let selector = json!({"matchLabels": {"a": "b"}});
    let mut always = pod.clone();
    always["spec"]["restartPolicy"] = json!("Always");
    let claim = json!({"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}, "storageClassName": "none"}});
    let set = json!({"spec": {"replicas": 0, "selector": selector, "template": always}});
    let made = [
        ("configmaps", "configmaps/d", named("ConfigMap", "v1", json!({}))),
        ("secrets", "secrets/d", named("Secret", "v1", json!({}))),
        (
            "services",
            "services/d",
            named("Service", "v1", json!({"spec": {"clusterIP": "None", "ports": [{"port": 80}]}})),
        ),
        ("serviceaccounts", "serviceaccounts/d", named("ServiceAccount", "v1", json!({}))),
        ("persistentvolumeclaims", "persistentvolumeclaims/d", named("PersistentVolumeClaim", "v1", claim)),
        ("deployments", "deployments/d", named("Deployment", "apps/v1", set.clone())),
        ("statefulsets", "statefulsets/d", named("StatefulSet", "apps/v1", set)),
        ("jobs", "jobs/d", named("Job", "batch/v1", json!({"spec": {"parallelism": 0, "template": pod}}))),
        ("leases", "leases/d", named("Lease", "coordination.k8s.io/v1", json!({"spec": {"holderIdentity": "x"}}))),
        ("roles", "roles/d", named("Role", "rbac.authorization.k8s.io/v1", json!({"rules": []}))),
        (
            "ingresses",
            "ingresses/d",
            named(
                "Ingress",
                "networking.k8s.io/v1",
                json!({"spec": {"defaultBackend": {"service": {"name": "d", "port": {"number": 80}}}}}),
            ),
        ),
    ];
    let background = json!({"propagationPolicy": "Background"});
    let sent = made
        .into_iter()
        .flat_map(|(list, path, object)| [("POST", list, JSON, object), ("DELETE", path, JSON, background.clone())]);
    sent.collect()
}

async fn compare(clients: &[Client; 2], sent: &[Sent]) -> Result<Vec<String>, Box<dyn Error>> {
    let mut found = Vec::new();
    for sent in sent {
        let (real, rehearsed) = try_join(send(&clients[0], sent), send(&clients[1], sent)).await?;
        if real != rehearsed {
            found.push(format!("{sent:?}\n  server:    {real}\n  rehearsal: {rehearsed}"));
        }
        // Finalizers of deletions are let go by controllers.
        if sent.0 == "DELETE" {
            sleep(Duration::from_secs(1)).await;
        }
    }
    Ok(found)
}

/// What a watch of some objects sees of others' changes.
async fn watch(client: &Client) -> Result<Value, Box<dyn Error>> {
    let sent = |method, path, body| (method, path, JSON, body);
    let merge = |path, body| ("PATCH", path, MERGE, body);
    let watch = "configmaps?watch=1&labelSelector=w%3D1&timeoutSeconds=4&allowWatchBookmarks=true";
    let changes = async {
        sleep(Duration::from_secs(1)).await;
        for change in [
            sent("POST", "configmaps", config_map("w", json!({}))),
            merge("configmaps/w", json!({"metadata": {"labels": {"w": "1"}}})),
            merge("configmaps/w", json!({"data": {"a": "2"}})),
            merge("configmaps/w", json!({"metadata": {"labels": {"w": "2"}}})),
            merge("configmaps/w", json!({"metadata": {"labels": {"w": "1"}}})),
            sent("DELETE", "configmaps/w", Value::Null),
        ] {
            send(client, &change).await?;
        }
        Ok(Value::Null)
    };
    let (seen, _) = try_join(async { send(client, &sent("GET", watch, Value::Null)).await }, changes).await?;
    Ok(seen)
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn what_is_answered() -> Result<(), Box<dyn Error>> {
    let face = Face::new(Timestamp::now());
    let _controllers = Controllers::start(&face);
    let clients = pair(&face).await?;
    let mut found = compare(&clients, &requests()).await?;
    found.extend(compare(&clients, &deletions()).await?);
    let (real, rehearsed) = try_join(watch(&clients[0]), watch(&clients[1])).await?;
    if real != rehearsed {
        found.push(format!("a watch\n  server:    {real}\n  rehearsal: {rehearsed}"));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    Namespace(SPACE.to_owned()).forget();
    Ok(())
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn what_is_denied() -> Result<(), Box<dyn Error>> {
    let face = Face::new(Timestamp::now());
    let clients = pair(&face).await?;
    face.rights().deny(Denial { verb: "*".to_owned(), resource: "*".to_owned() });
    let apply = "application/apply-patch+yaml";
    let denied: [Sent; 8] = [
        ("GET", "configmaps", JSON, Value::Null),
        ("GET", "configmaps?watch=1", JSON, Value::Null),
        ("GET", "deployments/x", JSON, Value::Null),
        (
            "POST",
            "roles",
            JSON,
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "x"}}),
        ),
        ("PATCH", "configmaps/x?fieldManager=x", apply, config_map("x", json!({}))),
        (
            "PUT",
            "leases/x",
            JSON,
            json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "x"}}),
        ),
        ("DELETE", "jobs/x", JSON, Value::Null),
        ("GET", "pods/x/log", JSON, Value::Null),
    ];
    let mut found = Vec::new();
    for sent in &denied {
        let (real, rehearsed) =
            try_join(send_as(&clients[0], "rehearsal", sent), send_as(&clients[1], "rehearsal", sent)).await?;
        if real != rehearsed {
            found.push(format!("{sent:?}\n  server:    {real}\n  rehearsal: {rehearsed}"));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    Namespace(SPACE.to_owned()).forget();
    Ok(())
}
