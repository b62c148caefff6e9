//! Where an environment expects to be deployed to, whatever the kubeconfig calls it.

use glob_match::glob_match;

use super::Refused;
use crate::environment::Environment;

/// Refuses an API server or a namespace that the environment does not expect, whatever the context is called. A star
/// stands for slashes too: the address of a server behind a gateway has a path.
///
/// # Errors
/// Names what is there, the pattern, and the value to change.
pub fn check_expected(environment: &Environment, server: &str) -> Result<(), Refused> {
    let (name, values) = (&environment.name, &environment.values);
    let flat = |text: &str| text.replace('/', "|");
    let checks = [
        ("API server", server, "expect.server", &values.expect.server),
        ("namespace", values.namespace.as_str(), "expect.namespace", &values.expect.namespace),
    ];
    let other =
        checks.into_iter().filter(|(_, is, _, pattern)| !pattern.is_empty() && !glob_match(&flat(pattern), &flat(is)));
    let reasons: Vec<String> = other
        .map(|(what, is, value, pattern)| {
            format!(
                "the {what} {is} is not what environment {name} expects ({value}: {pattern}); choose another context with \
                 --context, or change `{value}` in envs/{name}.yaml"
            )
        })
        .collect();
    if reasons.is_empty() { Ok(()) } else { Err(Refused::Because(reasons)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Project;

    #[test]
    fn the_server_and_the_namespace_are_those_expected() {
        let (local, deti) = ("https://127.0.0.1:6443", "https://rancher.example.org/k8s/clusters/c-m-x");
        let table: &[(&str, &[&str], &[&str])] = &[
            (local, &[], &[]),
            (local, &["expect.server=https://127.0.0.1:*"], &[]),
            (deti, &["expect.server=\"*rancher.example.org*\""], &[]),
            (deti, &["expect.server=https://rancher.example.org/*"], &[]),
            (deti, &["expect.server=https://127.0.0.1:*"], &["API server https://rancher", "`expect.server`"]),
            (local, &["expect.namespace=key*"], &[]),
            (local, &["namespace=shop", "expect.namespace=key*"], &["namespace shop", "envs/local.yaml"]),
            (local, &["expect.server=x", "expect.namespace=x"], &["expect.server: x", "expect.namespace: x"]),
        ];
        for (server, sets, words) in table {
            let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
            let environment = Environment::load(&Project::BuiltIn, "local", &sets).unwrap();
            let refused = check_expected(&environment, server).err().map(|refused| refused.to_string());
            assert_eq!(refused.is_some(), !words.is_empty(), "{server} {sets:?}: {refused:?}");
            let refused = refused.unwrap_or_default();
            words.iter().for_each(|word| assert!(refused.contains(word), "{word} is not in {refused}"));
        }
    }
}
