//! Who pods are: ServiceAccounts, the rights that are bound to them, credentials for registries.

use super::pod::Pod;
use super::{Field, Finding, Index};

/// The account and the pull secrets of a pod or of an account; the Role and the accounts of a RoleBinding.
pub fn check(object: &Field, index: &Index) -> Vec<Finding> {
    if let Some(pod) = Pod::of(object) {
        let account = pod.spec("serviceAccountName");
        let account = account.is_given().then(|| not_there(index, "ServiceAccount", &account)).flatten();
        return account.into_iter().chain(pull_secrets(index, &pod.spec("imagePullSecrets"))).collect();
    }
    match object.kind() {
        "ServiceAccount" => pull_secrets(index, &object.at("imagePullSecrets")),
        "RoleBinding" => binding(object, index),
        _ => Vec::new(),
    }
}

/// A wrong name is no error to Kubernetes: the image is pulled without credentials
/// (<https://kubernetes.io/docs/concepts/containers/images/#specifying-imagepullsecrets-on-a-pod>).
fn pull_secrets(index: &Index, references: &Field) -> Vec<Finding> {
    references.items().iter().filter_map(|reference| not_there(index, "Secret", &reference.at("name"))).collect()
}

/// A RoleBinding may name what is not there: it then grants nothing
/// (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/#rolebinding-and-clusterrolebinding>).
fn binding(object: &Field, index: &Index) -> Vec<Finding> {
    let role = object.at("roleRef");
    let (kind, name) = (role.at("kind").name(), role.at("name").name());
    let mut findings = Vec::new();
    if kind != "Role" || index.get("Role", name).is_none() {
        findings.push(role.wrong(format!("{kind} {name} is no Role of the plan")));
    }
    for subject in object.at("subjects").items() {
        if subject.at("kind").text() != Some("ServiceAccount") {
            continue;
        }
        let namespace = subject.at("namespace");
        if namespace.value != object.at("metadata.namespace").value {
            findings.push(namespace.wrong("the ServiceAccount has to be of the namespace of the plan"));
        } else {
            findings.extend(not_there(index, "ServiceAccount", &subject.at("name")));
        }
    }
    findings
}

fn not_there(index: &Index, kind: &str, name: &Field) -> Option<Finding> {
    (!index.has(kind, name.name())).then(|| name.wrong(format!("there is no {kind} {}", name.name())))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Edit, assert_findings};

    #[test]
    fn accounts_and_roles_have_to_be_there() {
        let table: &[(Edit, &[&str])] = &[
            (
                ("serviceAccountName: api", "serviceAccountName: apis"),
                &["Deployment api: spec.template.spec.serviceAccountName: there is no ServiceAccount apis"],
            ),
            (("serviceAccountName: api", "serviceAccountName: default"), &[]),
            (
                ("serviceAccountName: outside", "serviceAccountName: elsewhere"),
                &["CronJob dump: spec.jobTemplate.spec.template.spec.serviceAccountName: \
                 there is no ServiceAccount elsewhere"],
            ),
            (
                ("imagePullSecrets: [{name: registry}]", "imagePullSecrets: [{name: registrar}]"),
                &["CronJob dump: spec.jobTemplate.spec.template.spec.imagePullSecrets[0].name: \
                 there is no Secret registrar"],
            ),
            (
                ("automountServiceAccountToken: false", "imagePullSecrets: [{name: secrets}, {name: registrar}]"),
                &["ServiceAccount api: imagePullSecrets[1].name: there is no Secret registrar"],
            ),
            (
                ("kind: Role, name: reader}", "kind: Role, name: writer}"),
                &["RoleBinding reader: roleRef: Role writer is no Role of the plan"],
            ),
            (
                ("kind: Role, name: reader}", "kind: ClusterRole, name: reader}"),
                &["RoleBinding reader: roleRef: ClusterRole reader is no Role of the plan"],
            ),
            (
                ("{kind: ServiceAccount, name: api, namespace: n}", "{kind: ServiceAccount, name: apis, namespace: n}"),
                &["RoleBinding reader: subjects[1].name: there is no ServiceAccount apis"],
            ),
            (
                ("{kind: ServiceAccount, name: api, namespace: n}", "{kind: ServiceAccount, name: api, namespace: m}"),
                &["RoleBinding reader: subjects[1].namespace: \
                     the ServiceAccount has to be of the namespace of the plan"],
            ),
        ];
        assert_findings("", table);
    }
}
