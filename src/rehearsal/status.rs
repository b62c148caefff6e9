//! What the API server says when it does not do what it is asked
//! (<https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/>).

use serde_json::{Value, json};

use super::kinds::Kind;

/// A refusal.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// The HTTP status code.
    pub code: u16,
    /// The machine-readable reason: "NotFound".
    pub reason: &'static str,
    /// The words.
    pub message: String,
    /// The object and the causes; null where there are none.
    pub details: Value,
}

impl Status {
    fn about(code: u16, reason: &'static str, kind: &Kind, name: &str, message: String) -> Self {
        let mut details = json!({"kind": kind.plural});
        if !name.is_empty() {
            details["name"] = json!(name);
        }
        if !kind.group().is_empty() {
            details["group"] = json!(kind.group());
        }
        Self { code, reason, message, details }
    }

    /// There is no such object.
    pub fn not_found(kind: &Kind, name: &str) -> Self {
        Self::about(404, "NotFound", kind, name, format!("{} {name:?} not found", kind.resource()))
    }

    /// There is nothing at this URL.
    pub fn no_such_place() -> Self {
        let message = "the server could not find the requested resource".to_owned();
        Self { code: 404, reason: "NotFound", message, details: json!({}) }
    }

    /// An object of that name is there.
    pub fn already_exists(kind: &Kind, name: &str) -> Self {
        Self::about(409, "AlreadyExists", kind, name, format!("{} {name:?} already exists", kind.resource()))
    }

    /// The object is not the one that the writer saw.
    pub fn conflict(kind: &Kind, name: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} {name:?}: the object has been modified; please apply your changes to the latest version and try again",
            kind.resource()
        );
        Self::about(409, "Conflict", kind, name, message)
    }

    /// The object is another one of the same name.
    pub fn other_uid(kind: &Kind, name: &str, asked: &str, uid: &str) -> Self {
        Self::precondition(
            kind,
            name,
            format!(
                "the UID in the precondition ({asked}) does not match the UID in record ({uid}). The object might have been deleted and then recreated"
            ),
        )
    }

    /// The object has been written since it was seen.
    pub fn other_version(kind: &Kind, name: &str, asked: &str, version: &str) -> Self {
        Self::precondition(
            kind,
            name,
            format!(
                "the ResourceVersion in the precondition ({asked}) does not match the ResourceVersion in record ({version}). The object might have been modified"
            ),
        )
    }

    fn precondition(kind: &Kind, name: &str, why: String) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", kind.kind);
        let details = json!({"name": name, "kind": kind.kind});
        Self { code: 409, reason: "Conflict", message, details }
    }

    /// 422: an apply to another object of that name.
    pub fn is_another(kind: &Kind, name: &str, asked: &str) -> Self {
        let why = format!("Invalid value: {asked:?}: field is immutable");
        let message = format!("{} {name:?} is invalid: metadata.uid: {why}", kind.kind);
        let cause = json!({"reason": "FieldValueInvalid", "message": why, "field": "metadata.uid"});
        // The server finds it twice: as metadata of any object, and of this kind.
        let causes = [&cause, &cause];
        let mut details = json!({"name": name, "kind": kind.kind, "causes": causes});
        if !kind.group().is_empty() {
            details["group"] = json!(kind.group());
        }
        Self { code: 422, reason: "Invalid", message, details }
    }

    /// 409: an apply to an object that is gone.
    pub fn is_gone(kind: &Kind, name: &str, asked: &str) -> Self {
        let why = format!("uid mismatch: the provided object specified uid {asked}, and no existing object was found");
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", kind.resource());
        Self::about(409, "Conflict", kind, name, message)
    }

    /// A webhook does not let it in.
    pub fn denied_by_webhook(words: &str) -> Self {
        Self { code: 403, reason: "Forbidden", message: words.to_owned(), details: json!({}) }
    }

    /// The user may not do that.
    pub fn forbidden(kind: &Kind, name: &str, verb: &str, resource: &str, namespace: &str) -> Self {
        let place = match namespace {
            "" => "at the cluster scope".to_owned(),
            namespace => format!("in the namespace {namespace:?}"),
        };
        let named = if name.is_empty() { String::new() } else { format!(" {name:?}") };
        let message = format!(
            "{}{named} is forbidden: User \"rehearsal\" cannot {verb} resource {resource:?} in API group {:?} {place}",
            kind.resource(),
            kind.group()
        );
        Self::about(403, "Forbidden", kind, name, message)
    }

    /// A patch that cannot be applied.
    pub fn unprocessable() -> Self {
        let message = "the server rejected our request due to an error in our request".to_owned();
        Self { code: 422, reason: "Invalid", message, details: json!({}) }
    }

    /// What was written is not for the object of this URL.
    pub fn other_name(name: &str, asked: &str) -> Self {
        Self::bad_request(format!("the name of the object ({name}) does not match the name on the URL ({asked})"))
    }

    /// Other field managers own what an apply would change: their titles and the fields.
    pub fn owned_by_others(conflicts: &[(String, Vec<String>)]) -> Self {
        let causes: Vec<Value> = conflicts
            .iter()
            .flat_map(|(title, fields)| fields.iter().map(move |field| (title, field)))
            .map(|(title, field)| {
                json!({"reason": "FieldManagerConflict", "message": format!("conflict with {title}"), "field": field})
            })
            .collect();
        let plural = if causes.len() == 1 { "" } else { "s" };
        let lines: Vec<String> = conflicts.iter().map(|(title, fields)| words(title, fields)).collect();
        let message = format!("Apply failed with {} conflict{plural}: {}", causes.len(), lines.join("\n"));
        Self { code: 409, reason: "Conflict", message, details: json!({ "causes": causes }) }
    }

    /// The server could not make sense of what it was sent.
    pub fn internal(message: String) -> Self {
        Self { code: 500, reason: "", message, details: json!({}) }
    }

    /// The request is not one.
    pub fn bad_request(message: String) -> Self {
        Self { code: 400, reason: "BadRequest", message, details: Value::Null }
    }

    /// There is something at this URL, but nobody does that to it.
    pub fn not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource".to_owned();
        Self { code: 405, reason: "MethodNotAllowed", message, details: json!({}) }
    }

    /// A patch of a kind that nobody sends.
    pub fn unsupported(content_type: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml; not {content_type}"
        );
        Self { code: 415, reason: "UnsupportedMediaType", message, details: json!({}) }
    }

    /// What a watch asks to begin at is no longer known.
    pub fn expired(asked: u64, oldest: u64) -> Self {
        let message = format!("too old resource version: {asked} ({oldest})");
        Self { code: 410, reason: "Expired", message, details: json!({}) }
    }

    /// As the body of an answer.
    pub fn body(&self) -> Value {
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.details.is_null() {
            body["details"] = self.details.clone();
        }
        if !self.reason.is_empty() {
            body["reason"] = json!(self.reason);
        }
        body
    }
}

fn words(title: &str, fields: &[String]) -> String {
    match fields {
        [field] => format!("conflict with {title}: {field}"),
        _ => format!("conflicts with {title}:\n- {}", fields.join("\n- ")),
    }
}
