//! What the user of a rehearsal cluster may not do, to order
//! (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/>).

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::call::Call;
use super::route::Route;
use super::status::Status;

/// One right that the user has not. "*" is any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// "create".
    pub verb: String,
    /// The plural name: "roles", "pods/log".
    pub resource: String,
}

/// The rights that the user has: all but those denied.
#[derive(Clone, Debug, Default)]
pub struct Rights(Arc<Mutex<Vec<Denial>>>);

impl Rights {
    /// Takes a right away.
    pub fn deny(&self, denial: Denial) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(denial);
    }

    /// Whether the user may do that; asked for "*", whether everything.
    pub fn allow(&self, verb: &str, resource: &str) -> bool {
        let is = |denied: &str, asked: &str| denied == "*" || asked == "*" || denied == asked;
        let denials = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !denials.iter().any(|denial| is(&denial.verb, verb) && is(&denial.resource, resource))
    }

    /// The answer to a `SelfSubjectAccessReview`.
    pub(super) fn review(&self, review: &Value) -> bool {
        let asked = &review["spec"]["resourceAttributes"];
        let text = |field: &str| asked[field].as_str().unwrap_or_default();
        match text("subresource") {
            "" => self.allow(text("verb"), text("resource")),
            part => self.allow(text("verb"), &format!("{}/{part}", text("resource"))),
        }
    }

    /// Whether a request may be made. An apply that would make its object has to be allowed to create one too.
    ///
    /// # Errors
    /// 403 with the right that is missing.
    pub(super) fn check(&self, call: &Call, would_create: bool) -> Result<(), Status> {
        let (kind, namespace, name) = match &call.route {
            Some(Route::Objects(kind, namespace)) => (*kind, namespace.as_str(), ""),
            Some(Route::Object(key) | Route::Log(key)) => (key.kind, key.namespace.as_str(), key.name.as_str()),
            _ => return Ok(()),
        };
        let created = would_create.then_some("create");
        let missing =
            [Some(call.verb()), created].into_iter().flatten().find(|verb| !self.allow(verb, call.resource()));
        missing.map_or(Ok(()), |verb| Err(Status::forbidden(kind, name, verb, call.resource(), namespace)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_denied_one_right_has_not_all() {
        let rights = Rights::default();
        assert!(rights.allow("*", "*"));
        rights.deny(Denial { verb: "create".into(), resource: "roles".into() });
        rights.deny(Denial { verb: "*".into(), resource: "leases".into() });
        for (verb, resource, allowed) in [
            ("*", "*", false),
            ("create", "roles", false),
            ("get", "roles", true),
            ("get", "leases", false),
            ("create", "pods", true),
        ] {
            assert_eq!(rights.allow(verb, resource), allowed, "{verb} {resource}");
        }
    }
}
