//! What a request asks for (<https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris>).

use std::collections::BTreeMap;

use super::kinds::Kind;
use super::store::Key;

/// What a URL's path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// The server's version.
    Version,
    /// The kinds of one group and version.
    Discovery(String),
    /// What the user may do.
    AccessReview,
    /// The objects of a kind, in one namespace or in all (empty).
    Objects(&'static Kind, String),
    /// One object.
    Object(Key),
    /// The log of a pod's container.
    Log(Key),
}

impl Route {
    /// Reads a path; None for one that leads nowhere.
    pub fn read(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (api_version, rest) = match parts.as_slice() {
            ["version"] => return Some(Self::Version),
            ["api", version, rest @ ..] => ((*version).to_owned(), rest),
            ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return None,
        };
        let objects =
            |namespace: &str, plural| Some(Self::Objects(Kind::at(&api_version, plural)?, namespace.to_owned()));
        let key = |namespace: &str, plural, name: &str| {
            let kind = Kind::at(&api_version, plural)?;
            Some(Key { kind, namespace: namespace.to_owned(), name: name.to_owned() })
        };
        match rest {
            [] => Some(Self::Discovery(api_version)),
            ["selfsubjectaccessreviews"] if api_version == "authorization.k8s.io/v1" => Some(Self::AccessReview),
            [plural] => objects("", plural),
            ["namespaces", name] => key("", "namespaces", name).map(Self::Object),
            ["namespaces", namespace, plural] => objects(namespace, plural),
            ["namespaces", namespace, plural, name] => key(namespace, plural, name).map(Self::Object),
            ["namespaces", namespace, "pods", name, "log"] => key(namespace, "pods", name).map(Self::Log),
            _ => None,
        }
    }
}

/// The parameters of a URL.
#[derive(Clone, Debug, Default)]
pub struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads a query.
    pub fn read(query: Option<&str>) -> Self {
        let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// One parameter; "" where it is not given.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    /// One parameter as a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.text(name).parse().ok()
    }

    /// Whether a parameter is switched on.
    pub fn is_on(&self, name: &str) -> bool {
        matches!(self.text(name), "true" | "1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_where_kubernetes_says() {
        let kind = |version, name| Kind::named(version, name).unwrap();
        let key = |kind, namespace: &str, name: &str| Key { kind, namespace: namespace.into(), name: name.into() };
        for (path, route) in [
            ("/version", Some(Route::Version)),
            ("/api/v1", Some(Route::Discovery("v1".into()))),
            ("/apis/apps/v1", Some(Route::Discovery("apps/v1".into()))),
            ("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", Some(Route::AccessReview)),
            ("/api/v1/namespaces/a", Some(Route::Object(key(kind("v1", "Namespace"), "", "a")))),
            ("/api/v1/namespaces/a/pods", Some(Route::Objects(kind("v1", "Pod"), "a".into()))),
            ("/api/v1/pods", Some(Route::Objects(kind("v1", "Pod"), String::new()))),
            (
                "/apis/apps/v1/namespaces/a/deployments/x",
                Some(Route::Object(key(kind("apps/v1", "Deployment"), "a", "x"))),
            ),
            ("/api/v1/namespaces/a/pods/x/log", Some(Route::Log(key(kind("v1", "Pod"), "a", "x")))),
            ("/api/v1/namespaces/a/pods/x/exec", None),
            ("/api/v1/namespaces/a/pots/x", None),
            ("/apis/apps/v2/namespaces/a/deployments/x", None),
            ("/healthz", None),
        ] {
            assert_eq!(Route::read(path), route, "{path}");
        }
    }
}
