//! A pod template, and the pods that become of it.

use serde_json::Value;

use super::Field;
use super::selector::{Labels, labels};

/// The label that the controller gives each pod of a StatefulSet
/// (<https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#pod-name-label>).
const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";

/// A pod template.
pub struct Pod<'a> {
    /// The object that it is of.
    pub owner: Field<'a>,
    template: Field<'a>,
}

impl<'a> Pod<'a> {
    /// The pod template of an object, where its kind has one.
    pub fn of(owner: &Field<'a>) -> Option<Self> {
        owner.object.pod_template()?;
        let path = if owner.kind() == "CronJob" { "spec.jobTemplate.spec.template" } else { "spec.template" };
        Some(Self { owner: owner.clone(), template: owner.at(path) })
    }

    /// A field of its spec.
    pub fn spec(&self, path: &str) -> Field<'a> {
        self.template.at("spec").at(path)
    }

    /// Its containers, those that initialise it first.
    pub fn containers(&self) -> Vec<Field<'a>> {
        [self.spec("initContainers").items(), self.spec("containers").items()].concat()
    }

    /// The labels of its pods: those of the template, and of each pod of a StatefulSet.
    pub fn labels(&self) -> Vec<Labels> {
        let every = labels(self.template.at("metadata.labels").value);
        let one = |name: String| {
            let mut labels = every.clone();
            labels.insert(POD_NAME.to_owned(), name);
            labels
        };
        let mut all: Vec<Labels> = self.names().into_iter().map(one).collect();
        all.push(every);
        all
    }

    /// The names of its pods, where they are known: those of a StatefulSet.
    pub fn names(&self) -> Vec<String> {
        if self.owner.kind() != "StatefulSet" {
            return Vec::new();
        }
        let replicas = self.owner.at("spec.replicas").value.as_u64().unwrap_or(1);
        (0..replicas).map(|ordinal| format!("{}-{ordinal}", self.owner.object.id.name)).collect()
    }

    /// Whether one of its containers has this port, by name or number: not one that ends before the others begin.
    pub fn has_port(&self, port: &Value, protocol: &str) -> bool {
        let mut containers = self.spec("initContainers").items();
        containers.retain(|container| container.at("restartPolicy").text() == Some("Always"));
        containers.extend(self.spec("containers").items());
        let field = if port.is_string() { "name" } else { "containerPort" };
        containers.iter().flat_map(|container| container.at("ports").items()).any(|candidate| {
            candidate.at(field).value == port && candidate.at("protocol").text().unwrap_or("TCP") == protocol
        })
    }
}
