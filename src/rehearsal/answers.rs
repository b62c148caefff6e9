//! What the API server answers to one request that is no watch.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde_json::{Value, json};

use super::call::Call;
use super::kinds::{Kind, discovery};
use super::logs::Part;
use super::rights::Rights;
use super::route::Route;
use super::schema::Schema;
use super::selection::Selection;
use super::server::{Request, Server};
use super::status::Status;
use super::store::Key;

/// An answer.
#[derive(Debug)]
pub enum Answer {
    /// An object, and the HTTP status code.
    Object(u16, Value),
    /// A log.
    Text(String),
}

/// Does what a request asks for.
///
/// # Errors
/// Why it is not done.
pub fn answer(server: &mut Server, rights: &Rights, call: &Call, time: &str) -> Result<Answer, Status> {
    let parameters = &call.parameters;
    let request = Request {
        manager: Some(parameters.text("fieldManager")).filter(|manager| !manager.is_empty()).unwrap_or("unknown"),
        time,
        dry_run: parameters.text("dryRun") == "All",
    };
    let is_apply = call.content_type == "application/apply-patch+yaml";
    let route = call.route.clone().filter(|route| is_served(server, route)).ok_or_else(Status::no_such_place)?;
    let is_new = matches!(&route, Route::Object(key) if is_apply && server.get(key).is_err());
    rights.check(call, is_new)?;
    let object = |code, object: Arc<Value>| Ok(Answer::Object(code, Value::clone(&object)));
    match (call.method.as_str(), route) {
        ("GET", Route::Version) => Ok(Answer::Object(200, version())),
        ("GET", Route::Discovery(of)) => match discovery(&of, |kind| server.serves(kind)) {
            Some(list) => Ok(Answer::Object(200, list)),
            None => Err(Status::no_such_place()),
        },
        ("POST", Route::AccessReview) => {
            let mut review = call.json()?;
            review["status"] = json!({"allowed": rights.review(&review)});
            Ok(Answer::Object(201, review))
        }
        ("GET", Route::Objects(kind, namespace)) => {
            let selection = Selection::read(kind, parameters)?;
            Ok(Answer::Object(200, list(server, kind, &namespace, &selection)))
        }
        ("POST", Route::Objects(kind, namespace)) => {
            let body = call.json()?;
            let name = body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            object(201, server.create(&Key { kind, namespace, name }, body, request)?)
        }
        ("GET", Route::Object(key)) => object(200, server.get(&key)?),
        ("PUT", Route::Object(key)) => object(200, server.write(&key, call.json()?, request)?),
        ("PATCH", Route::Object(key)) => {
            let body = call.json()?;
            let patched = match call.content_type.as_str() {
                _ if is_apply => server.apply(&key, &body, parameters.is_on("force"), request)?,
                "application/merge-patch+json" => server.merge(&key, &body, request)?,
                "application/json-patch+json" => server.patch(&key, body, request)?,
                other => return Err(Status::unsupported(other)),
            };
            object(if is_new { 201 } else { 200 }, patched)
        }
        ("DELETE", Route::Object(key)) => {
            let options = match call.json()? {
                Value::Null => DeleteOptions::default(),
                body => serde_json::from_value(body).map_err(|error| Status::bad_request(error.to_string()))?,
            };
            let last = server.delete(&key, &options, request)?;
            let is_gone = request.dry_run || server.get(&key).is_err();
            let is_told = is_gone && !RETURNED.contains(&key.kind.kind);
            Ok(Answer::Object(200, if is_told { deleted(&key, &last) } else { Value::clone(&last) }))
        }
        ("GET", Route::Log(key)) => {
            let now = time.parse().unwrap_or(Timestamp::MIN);
            server.log(&key, &Part::read(parameters, now)?, 0).map(|(text, _)| Answer::Text(text))
        }
        _ => Err(Status::not_allowed()),
    }
}

/// Whether there is something where a request leads.
pub fn is_served(server: &Server, route: &Route) -> bool {
    match route {
        Route::Objects(kind, _) => server.serves(kind),
        Route::Object(key) | Route::Log(key) => server.serves(key.kind),
        Route::Version | Route::Discovery(_) | Route::AccessReview => true,
    }
}

/// Kinds whose objects are the answer to their deletion (k8s:pkg/registry, `ReturnDeletedObject`).
const RETURNED: [&str; 3] = ["Pod", "PersistentVolumeClaim", "ServiceAccount"];

fn version() -> Value {
    let version = &Schema::v1_20().version;
    let mut numbers = version.trim_start_matches('v').split('.');
    let mut number = || numbers.next().unwrap_or_default().to_owned();
    json!({"major": number(), "minor": number(), "gitVersion": version, "gitCommit": "", "gitTreeState": "",
           "buildDate": "", "goVersion": "", "compiler": "", "platform": ""})
}

/// The server leaves kind and version out of a list's items.
fn list(server: &Server, kind: &'static Kind, namespace: &str, selection: &Selection) -> Value {
    let item = |object: &Arc<Value>| {
        let mut item = Value::clone(object);
        if let Some(map) = item.as_object_mut() {
            map.remove("kind");
            map.remove("apiVersion");
        }
        item
    };
    let store = server.store();
    let items: Vec<Value> = store.list(kind, namespace).filter(|object| selection.takes(object)).map(item).collect();
    let version = store.version().to_string();
    json!({"kind": format!("{}List", kind.kind), "apiVersion": kind.api_version,
           "metadata": {"resourceVersion": version}, "items": items})
}

/// What a deletion is answered with that is done at once.
fn deleted(key: &Key, last: &Value) -> Value {
    let mut details = json!({"name": key.name, "kind": key.kind.plural, "uid": last["metadata"]["uid"]});
    if !key.kind.group().is_empty() {
        details["group"] = json!(key.kind.group());
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}
