//! Where a rehearsal takes place: a cluster, and the kubeconfig context that leads to it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::adopt::adopt;
use super::face::Face;
use super::kinds::Kind;
use super::rights::Denial;
use crate::cluster::ContextChoice;
use crate::environment::{ContextPattern, Environment};
use crate::render::{Generator, Plan};

/// The name of the context that leads to a cluster inside the process.
const CONTEXT: &str = "rehearsal";

/// Supplies the keys whose search takes seconds: nothing in a rehearsal uses them.
pub fn supply_keys(plan: &Plan, supplied: &mut BTreeMap<String, String>) {
    let secrets = plan.objects().filter_map(|(_, object)| object.secret.as_ref());
    for (key, generator) in secrets.flat_map(|keys| &keys.generated) {
        if *generator == Generator::Rsa {
            supplied.entry(key.clone()).or_insert_with(|| "rehearsal-rsa-key".to_owned());
        }
    }
}

/// A namespace that somebody else has made.
pub fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "uid": "tenant"},
           "status": {"phase": "Active"}})
}

/// What lives in a real cluster.
pub struct Copied {
    /// The context that leads there.
    pub context: ContextChoice,
    /// The namespace's objects.
    pub objects: Vec<Value>,
    /// The kinds that it serves and a plain cluster does not.
    pub extensions: Vec<&'static Kind>,
}

/// A cluster, and the context that leads to it.
pub struct Stage {
    /// The cluster.
    pub face: Face,
    /// The context.
    pub context: ContextChoice,
}

impl Stage {
    /// Sets the stage for an environment: with what was copied, else with what is there before the first deploy, and every
    /// kind that the plan holds.
    pub fn set(environment: &mut Environment, plan: &Plan, copied: Option<Copied>) -> Self {
        let face = Face::new(Timestamp::now());
        // A cluster inside the process has no address; that of the copied one was looked at when it was copied.
        environment.values.expect.server.clear();
        let install = |kinds: Vec<&'static Kind>| {
            face.change(|server| kinds.into_iter().for_each(|kind| server.install(kind)));
        };
        if let Some(Copied { context, objects, extensions }) = copied {
            install(extensions);
            adopt(&face, &objects);
            return Self { face, context };
        }
        let kinds = plan.objects().filter_map(|(_, object)| Kind::named(&object.id.api_version, &object.id.kind));
        install(kinds.filter(|kind| kind.is_extension()).collect());
        let values = &mut environment.values;
        // Where every context is bound to a namespace, the deployer is its tenant.
        let is_tenant = values.contexts.iter().all(|pattern| pattern.namespace != "*");
        if is_tenant {
            adopt(&face, [&namespace(&values.namespace)]);
            face.rights().deny(Denial { verb: "create".to_owned(), resource: "namespaces".to_owned() });
        }
        // An environment that names no context may be deployed nowhere, here neither.
        if !values.contexts.is_empty() {
            values.contexts.push(ContextPattern { name: CONTEXT.to_owned(), namespace: "*".to_owned() });
        }
        Self { face, context: ContextChoice::named(CONTEXT, &values.namespace) }
    }
}
