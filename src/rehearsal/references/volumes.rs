//! The volumes of a pod: claims that exist, mounts of volumes that it has
//! (<https://kubernetes.io/docs/concepts/storage/volumes/>).

use super::pod::Pod;
use super::{Field, Finding, Index};

/// The claims that a pod's volumes name, and the volumes that its containers mount.
pub fn check(object: &Field, index: &Index) -> Vec<Finding> {
    let Some(pod) = Pod::of(object) else { return Vec::new() };
    let volumes = pod.spec("volumes").items();
    let names = volumes.iter().map(|volume| volume.at("name").name());
    let names: Vec<&str> = names.chain(claim_templates(object)).collect();

    let mut findings = Vec::new();
    for claim in volumes.iter().map(|volume| volume.at("persistentVolumeClaim.claimName")) {
        if claim.text().is_some_and(|name| !is_claim(index, name)) {
            findings.push(claim.wrong(format!("there is no PersistentVolumeClaim {}", claim.name())));
        }
    }
    for container in pod.containers() {
        for mount in [container.at("volumeMounts").items(), container.at("volumeDevices").items()].concat() {
            let name = mount.at("name");
            if !names.contains(&name.name()) {
                findings.push(name.wrong(format!("the pod has no volume {}", name.name())));
            }
        }
    }
    findings
}

/// The names of a StatefulSet's claim templates, which are volumes of its pods.
fn claim_templates<'a>(object: &Field<'a>) -> impl Iterator<Item = &'a str> {
    object.at("spec.volumeClaimTemplates").items().into_iter().map(|template| template.at("metadata.name").name())
}

/// Whether there is such a claim: of the plan, or of a pod of one of its StatefulSets.
fn is_claim(index: &Index, name: &str) -> bool {
    let is_of = |pod: &Pod| {
        let pods = pod.names();
        claim_templates(&pod.owner).any(|template| pods.iter().any(|pod| name == format!("{template}-{pod}")))
    };
    index.get("PersistentVolumeClaim", name).is_some() || index.pods().any(|pod| is_of(&pod))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Edit, assert_findings};

    #[test]
    fn claims_and_volumes_have_to_be_there() {
        let table: &[(Edit, &[&str])] = &[
            (
                ("claimName: media", "claimName: medium"),
                &["Deployment api: spec.template.spec.volumes[4].persistentVolumeClaim.claimName: \
                 there is no PersistentVolumeClaim medium"],
            ),
            (("claimName: media", "claimName: data-db-1"), &[]),
            (
                ("claimName: media", "claimName: data-db-2"),
                &["Deployment api: spec.template.spec.volumes[4].persistentVolumeClaim.claimName: \
                 there is no PersistentVolumeClaim data-db-2"],
            ),
            (
                ("{name: media, mountPath: /first}", "{name: medium, mountPath: /first}"),
                &["Deployment api: spec.template.spec.initContainers[0].volumeMounts[0].name: \
                     the pod has no volume medium"],
            ),
            (
                ("{name: files, mountPath", "{name: file, mountPath"),
                &["Deployment api: spec.template.spec.containers[0].volumeMounts[0].name: the pod has no volume file"],
            ),
            (
                ("{metadata: {name: data}", "{metadata: {name: date}"),
                &["StatefulSet db: spec.template.spec.containers[0].volumeMounts[0].name: the pod has no volume data"],
            ),
        ];
        assert_findings("", table);
    }
}
