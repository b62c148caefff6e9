//! What containers ask for and may use
//! (<https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/>).

use super::pod::Pod;
use super::{Field, Finding, Index};
use crate::environment::Quantity;

/// Quantities are quantities, and nobody asks for more than they may use.
pub fn check(object: &Field, _: &Index) -> Vec<Finding> {
    let Some(pod) = Pod::of(object) else { return Vec::new() };
    let containers = pod.containers();
    let sizes = pod.spec("volumes").items().into_iter().map(|volume| volume.at("emptyDir.sizeLimit"));
    let sizes = sizes.filter(Field::is_given).filter_map(|size| read(&size).err());
    containers.iter().flat_map(resources).chain(sizes).collect()
}

fn resources(container: &Field) -> Vec<Finding> {
    let (requests, limits) = (container.at("resources.requests"), container.at("resources.limits"));
    let all = [requests.members(), limits.members()].concat();
    let unread = all.iter().filter_map(|(_, amount)| read(amount).err());
    let above = requests.members().into_iter().filter_map(|(name, request)| above(&request, &limits.key(name)));
    unread.chain(above).collect()
}

fn above(request: &Field, limit: &Field) -> Option<Finding> {
    let more = read(request).ok()? > read(limit).ok()?;
    more.then(|| request.wrong(format!("asks for {} with a limit of {}", text(request), text(limit))))
}

/// The quantity in a field.
///
/// # Errors
/// A finding when it is none.
pub fn read(field: &Field) -> Result<Quantity, Finding> {
    text(field).parse::<Quantity>().map_err(|error| field.wrong(error.to_string()))
}

/// A quantity may be written as a number too.
pub fn text(field: &Field) -> String {
    field.text().map_or_else(|| field.value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Edit, assert_findings};

    #[test]
    fn nobody_asks_for_more_than_they_may_use() {
        let table: &[(Edit, &[&str])] = &[
            (("requests: {cpu: 100m", "requests: {cpu: 1"), &[]),
            (
                ("requests: {cpu: 100m", "requests: {cpu: 1001m"),
                &["containers[0].resources.requests.cpu: asks for 1001m with a limit of 1"],
            ),
            (
                ("memory: 1Gi}", "memory: 64M}"),
                &["containers[0].resources.requests.memory: asks for 64Mi with a limit of 64M"],
            ),
            (
                ("requests: {memory: 8Mi}", "requests: {memory: 8mi}"),
                &["initContainers[0].resources.requests.memory: \"8mi\" is not a quantity such as 1Gi or 500M"],
            ),
            (
                ("limits: {cpu: 1,", "limits: {cpu: one,"),
                &["containers[0].resources.limits.cpu: \"one\" is not a quantity such as 1Gi or 500M"],
            ),
            (
                ("sizeLimit: 16Mi", "sizeLimit: 16Mb"),
                &["volumes[5].emptyDir.sizeLimit: \"16Mb\" is not a quantity such as 1Gi or 500M"],
            ),
        ];
        assert_findings("Deployment api: spec.template.spec.", table);
    }
}
