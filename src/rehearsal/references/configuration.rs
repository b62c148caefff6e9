//! The ConfigMaps and Secrets that pods read: a pod waits forever for one that is not there
//! (<https://kubernetes.io/docs/concepts/configuration/configmap/#configmap-optional>).

use super::pod::Pod;
use super::{Field, Finding, Index};
use crate::render::SecretKeys;

/// Variables and volumes of ConfigMaps and Secrets, unless they are optional.
pub fn check(object: &Field, index: &Index) -> Vec<Finding> {
    let Some(pod) = Pod::of(object) else { return Vec::new() };
    references(&pod).iter().flat_map(|reference| reference.check(index)).collect()
}

struct Reference<'a> {
    kind: &'static str,
    name: Field<'a>,
    keys: Vec<Field<'a>>,
    is_optional: bool,
}

fn references<'a>(pod: &Pod<'a>) -> Vec<Reference<'a>> {
    let mut all = Vec::new();
    for container in pod.containers() {
        for from in container.at("env").items().iter().map(|variable| variable.at("valueFrom")) {
            for (kind, field) in [("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")] {
                let reference = from.at(field);
                all.extend(Reference::read(kind, &reference, "name", vec![reference.at("key")]));
            }
        }
        for from in container.at("envFrom").items() {
            all.extend(Reference::read("ConfigMap", &from.at("configMapRef"), "name", Vec::new()));
            all.extend(Reference::read("Secret", &from.at("secretRef"), "name", Vec::new()));
        }
    }
    for volume in pod.spec("volumes").items() {
        all.extend(sources(&volume, "secretName"));
        all.extend(volume.at("projected.sources").items().iter().flat_map(|source| sources(source, "name")));
    }
    all
}

/// What a volume, or a source of a projected one, is made of.
fn sources<'a>(volume: &Field<'a>, secret_name: &str) -> Vec<Reference<'a>> {
    let read = |kind, field, name| {
        let reference = volume.at(field);
        let keys = reference.at("items").items().iter().map(|item| item.at("key")).collect();
        Reference::read(kind, &reference, name, keys)
    };
    [read("ConfigMap", "configMap", "name"), read("Secret", "secret", secret_name)].into_iter().flatten().collect()
}

impl<'a> Reference<'a> {
    fn read(kind: &'static str, reference: &Field<'a>, name: &str, keys: Vec<Field<'a>>) -> Option<Self> {
        let is_optional = reference.at("optional").value.as_bool().unwrap_or_default();
        reference.is_given().then(|| Self { kind, name: reference.at(name), keys, is_optional })
    }

    fn check(&self, index: &Index) -> Vec<Finding> {
        if self.is_optional {
            return Vec::new();
        }
        let name = self.name.name();
        match index.get(self.kind, name) {
            // What it holds is not known.
            None if index.is_outside(self.kind, name) => Vec::new(),
            None => vec![self.name.wrong(format!("there is no {} {name}", self.kind))],
            Some(holder) => self.keys.iter().filter_map(|key| missing(&holder, key)).collect(),
        }
    }
}

fn missing(holder: &Field, key: &Field) -> Option<Finding> {
    let (id, name) = (&holder.object.id, key.name());
    let in_data = ["data", "binaryData"].iter().any(|field| holder.key(field).key(name).is_given());
    let keys = holder.object.secret.as_ref();
    let always = |keys: &SecretKeys| {
        keys.generated.iter().map(|(generated, _)| generated).chain(&keys.required).any(|always| always == name)
    };
    if in_data || keys.is_some_and(always) {
        return None;
    }
    if keys.is_some_and(|keys| keys.optional.iter().any(|optional| optional == name)) {
        return Some(key.wrong(format!("{id} has the key {name} only when it is supplied; make this optional too")));
    }
    Some(key.wrong(format!("{id} has no key {name}")))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Edit, assert_findings};

    const CONTAINER: &str = "Deployment api: spec.template.spec.containers[0]";
    const VOLUMES: &str = "Deployment api: spec.template.spec.volumes";

    #[test]
    fn keys_and_names_have_to_be_there() {
        let table: &[(Edit, &[&str])] = &[
            (
                ("configMapKeyRef: {name: config, key: HOST}", "configMapKeyRef: {name: conf, key: HOST}"),
                &["env[0].valueFrom.configMapKeyRef.name: there is no ConfigMap conf"],
            ),
            (
                ("configMapKeyRef: {name: config, key: HOST}", "configMapKeyRef: {name: config, key: HOSTS}"),
                &["env[0].valueFrom.configMapKeyRef.key: ConfigMap config has no key HOSTS"],
            ),
            (
                ("secretKeyRef: {name: secrets, key: P}", "secretKeyRef: {name: secret, key: P}"),
                &["env[1].valueFrom.secretKeyRef.name: there is no Secret secret"],
            ),
            (
                ("secretKeyRef: {name: secrets, key: P}", "secretKeyRef: {name: secrets, key: MAIL}"),
                &["env[1].valueFrom.secretKeyRef.key: Secret secrets has the key MAIL only when it is supplied; \
                 make this optional too"],
            ),
            (
                ("key: MAIL, optional: true", "key: MAIL, optional: false"),
                &["env[2].valueFrom.secretKeyRef.key: Secret secrets has the key MAIL only when it is supplied; \
                 make this optional too"],
            ),
            (
                ("configMapRef: {name: config}", "configMapRef: {name: conf}"),
                &["envFrom[0].configMapRef.name: there is no ConfigMap conf"],
            ),
            (
                ("secretRef: {name: secrets}", "secretRef: {name: secret}"),
                &["envFrom[1].secretRef.name: there is no Secret secret"],
            ),
        ];
        assert_findings(&format!("{CONTAINER}."), table);
    }

    #[test]
    fn volumes_have_to_be_there() {
        let table: &[(Edit, &[&str])] = &[
            (
                ("configMap: {name: config, items: [{key: URL", "configMap: {name: conf, items: [{key: URL"),
                &["[0].configMap.name: there is no ConfigMap conf"],
            ),
            (
                ("items: [{key: URL", "items: [{key: URI"),
                &["[0].configMap.items[0].key: ConfigMap config has no key URI"],
            ),
            (
                ("secretName: secrets, items: [{key: P", "secretName: secrets, items: [{key: Q"),
                &["[1].secret.items[0].key: Secret secrets has no key Q"],
            ),
            (
                ("configMap: {name: config}", "configMap: {name: conf}"),
                &["[2].projected.sources[0].configMap.name: there is no ConfigMap conf"],
            ),
            (
                ("secret: {name: secrets, items: [{key: P", "secret: {name: secrets, items: [{key: Q"),
                &["[2].projected.sources[1].secret.items[0].key: Secret secrets has no key Q"],
            ),
            (
                ("configMap: {name: later, optional: true}", "configMap: {name: later}"),
                &["[3].configMap.name: there is no ConfigMap later"],
            ),
        ];
        assert_findings(VOLUMES, table);
    }

    #[test]
    fn a_first_value_is_a_value() {
        let table: &[(Edit, &[&str])] = &[
            (("initial: /data/HOST", "initial: /data/URL"), &[]),
            (
                ("data: {HOST: a, URL: b}", "data: {HOST: a, URI: b}"),
                &["spec.template.spec.volumes[0].configMap.items[0].key: ConfigMap config has no key URL"],
            ),
            (("data: {HOST: a, URL: b}", "data: {HOST: a}\nbinaryData: {URL: Yg==}"), &[]),
            (
                ("generate: P=password", "generate: Q=password"),
                &[
                    "spec.template.spec.containers[0].env[1].valueFrom.secretKeyRef.key: Secret secrets has no key P",
                    "spec.template.spec.volumes[1].secret.items[0].key: Secret secrets has no key P",
                    "spec.template.spec.volumes[2].projected.sources[1].secret.items[0].key: \
                     Secret secrets has no key P",
                ],
            ),
        ];
        assert_findings("Deployment api: ", table);
    }
}
