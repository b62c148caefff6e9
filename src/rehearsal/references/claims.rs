//! Claims: of the environment's storage class, and within its cap
//! (<https://kubernetes.io/docs/concepts/storage/persistent-volumes/#persistentvolumeclaims>).

use super::pod::Pod;
use super::resources::{read, text};
use super::{Field, Finding, Index};
use crate::environment::{Quantity, Storage};

/// A PersistentVolumeClaim, a StatefulSet's claim templates, and the claims that are made with a pod.
pub fn check(object: &Field, index: &Index) -> Vec<Finding> {
    let mut claims = object.at("spec.volumeClaimTemplates").items();
    if object.kind() == "PersistentVolumeClaim" {
        claims.push(object.clone());
    }
    let volumes = Pod::of(object).map_or_else(Vec::new, |pod| pod.spec("volumes").items());
    let of_pods = volumes.iter().map(|volume| volume.at("ephemeral.volumeClaimTemplate"));
    claims.extend(of_pods.filter(Field::is_given));
    claims.iter().flat_map(|claim| [class(claim, index.storage), size(claim, index.storage)]).flatten().collect()
}

fn class(claim: &Field, storage: &Storage) -> Option<Finding> {
    let class = claim.at("spec.storageClassName");
    let is_the_one = class.text() == Some(&storage.class);
    (!is_the_one).then(|| class.wrong(format!("is {}, where the environment's is {:?}", class.value, storage.class)))
}

fn size(claim: &Field, storage: &Storage) -> Option<Finding> {
    let asked = claim.at("spec.resources.requests.storage");
    if !asked.is_given() {
        return Some(asked.wrong("the claim asks for no storage"));
    }
    // No cap is written as "", which is no quantity.
    match (read(&asked), storage.max_size.parse::<Quantity>()) {
        (Err(finding), _) => Some(finding),
        (Ok(size), Ok(cap)) if size > cap => {
            Some(asked.wrong(format!("asks for {} where the cap is {}", text(&asked), storage.max_size)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Edit, assert_findings};

    #[test]
    fn every_claim_is_of_the_class_and_within_the_cap() {
        let table: &[(Edit, &[&str])] = &[
            (
                ("requests: {storage: 1Gi}", "requests: {storage: 2Gi}"),
                &["PersistentVolumeClaim media: spec.resources.requests.storage: asks for 2Gi where the cap is 1Gi"],
            ),
            (
                ("requests: {storage: 1Gi}", "requests: {storage: 1GB}"),
                &["PersistentVolumeClaim media: spec.resources.requests.storage: \
                 \"1GB\" is not a quantity such as 1Gi or 500M"],
            ),
            (
                ("requests: {storage: 1Gi}", "limits: {storage: 1Gi}"),
                &["PersistentVolumeClaim media: spec.resources.requests.storage: the claim asks for no storage"],
            ),
            (
                ("accessModes: [ReadWriteMany], storageClassName: fast", "accessModes: [ReadWriteMany]"),
                &["PersistentVolumeClaim media: spec.storageClassName: is null, where the environment's is \"fast\""],
            ),
            (
                (
                    "spec: {storageClassName: fast, resources: {requests: {storage: 512Mi",
                    "spec: {storageClassName: slow, \
              resources: {requests: {storage: 1025Mi",
                ),
                &[
                    "StatefulSet db: spec.volumeClaimTemplates[0].spec.storageClassName: is \"slow\", where the \
                 environment's is \"fast\"",
                    "StatefulSet db: spec.volumeClaimTemplates[0].spec.resources.requests.storage: \
                     asks for 1025Mi where the cap is 1Gi",
                ],
            ),
            (
                (
                    "ephemeral: {volumeClaimTemplate: {spec: {storageClassName: fast",
                    "ephemeral: {volumeClaimTemplate: \
              {spec: {storageClassName: slow",
                ),
                &["Deployment api: spec.template.spec.volumes[6].ephemeral.\
                     volumeClaimTemplate.spec.storageClassName: is \"slow\", where the environment's is \"fast\""],
            ),
        ];
        assert_findings("", table);
    }
}
