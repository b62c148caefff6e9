//! Whether the Secrets are there by which the plan's images are pulled
//! (<https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/>). Of their content only the
//! names of registries are told.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use glob_match::glob_match;
use serde_json::Value;

use super::Finding;
use super::workloads::Workload;
use crate::render::containers;

/// The check's name.
pub const CHECK: &str = "pull secrets";

/// The registry of an image that names none.
const HUB: &str = "docker.io";
/// What it was called, in files that are still written.
const HUB_NAMES: [&str; 3] = ["index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];

/// The names of the Secrets that the pods of a plan name.
pub fn named(workloads: &[Workload]) -> BTreeSet<String> {
    let lists = workloads.iter().filter_map(|workload| workload.spec["imagePullSecrets"].as_array());
    lists.flatten().filter_map(|reference| reference["name"].as_str().map(str::to_owned)).collect()
}

/// Looks at each Secret: its content, None where it is not there, or why that is not known.
pub fn check(secrets: &BTreeMap<String, Result<Option<Value>, String>>, workloads: &[Workload]) -> Vec<Finding> {
    if secrets.is_empty() {
        return vec![Finding::ok(CHECK, "the plan names none")];
    }
    let registries: BTreeSet<String> = workloads.iter().flat_map(images).map(registry).collect();
    secrets.iter().map(|(name, secret)| of_secret(name, secret, &registries)).collect()
}

fn of_secret(name: &str, secret: &Result<Option<Value>, String>, registries: &BTreeSet<String>) -> Finding {
    let create = format!(
        "kubectl create secret docker-registry {name} --docker-server=... , or take it out of imagePullSecrets"
    );
    let secret = match secret {
        Err(why) => return Finding::unmade(CHECK, &format!("Secret {name}: {why}")),
        Ok(None) => return Finding::fail(CHECK, format!("Secret {name} is not there"), create),
        Ok(Some(secret)) => secret,
    };
    let found = match known_registries(secret) {
        Ok(found) => found,
        Err(why) => return Finding::fail(CHECK, format!("Secret {name} {why}"), create),
    };
    let used: Vec<&str> =
        registries.iter().map(String::as_str).filter(|registry| found.iter().any(|of| covers(of, registry))).collect();
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    if used.is_empty() {
        let wanted: Vec<&str> = registries.iter().map(String::as_str).collect();
        return Finding::warn(
            CHECK,
            format!(
                "Secret {name} is for {}, and the images come from {}",
                if found.is_empty() { "no registry".to_owned() } else { found.join(", ") },
                wanted.join(", ")
            ),
            "images of these are pulled without credentials; add the registry to the Secret if it is private",
        );
    }
    Finding::ok(CHECK, format!("Secret {name} is for {}", used.join(", ")))
}

/// The registries of a Secret; in words why it is of no use.
fn known_registries(secret: &Value) -> Result<Vec<String>, String> {
    let (key, is_new) = match secret["type"].as_str() {
        Some("kubernetes.io/dockerconfigjson") => (".dockerconfigjson", true),
        Some("kubernetes.io/dockercfg") => (".dockercfg", false),
        other => {
            return Err(format!("is of type {}, not kubernetes.io/dockerconfigjson", other.unwrap_or("Opaque")));
        }
    };
    let text = secret["data"][key].as_str().ok_or_else(|| format!("has no key {key}"))?;
    let bytes = STANDARD.decode(text).map_err(|_| format!("holds no base64 in {key}"))?;
    let config: Value = serde_json::from_slice(&bytes).map_err(|_| format!("holds no JSON in {key}"))?;
    let auths = if is_new { &config["auths"] } else { &config };
    let auths = auths.as_object().ok_or_else(|| format!("names no registries in {key}"))?;
    Ok(auths.keys().map(|address| host(address)).collect())
}

/// "ghcr.io" of `https://ghcr.io/v2/`.
fn host(address: &str) -> String {
    let address = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = address.split('/').next().unwrap_or_default();
    if HUB_NAMES.contains(&host) { HUB.to_owned() } else { host.to_owned() }
}

/// Whether the credentials of one address are used for a registry: the kubelet takes `*.example.com` for a pattern.
fn covers(address: &str, registry: &str) -> bool {
    glob_match(address, registry)
}

fn images<'a>(workload: &'a Workload) -> impl Iterator<Item = &'a str> + use<'a> {
    containers(workload.spec).filter_map(|container| container["image"].as_str())
}

/// The registry of an image: what stands before its first slash, where that is a host
/// (<https://pkg.go.dev/github.com/distribution/reference#ParseNormalizedNamed>).
fn registry(image: &str) -> String {
    match image.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => host(first),
        _ => HUB.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::doctor::Verdict;

    fn secret(of_type: &str, key: &str, text: &str) -> Value {
        json!({"type": of_type, "data": {key: STANDARD.encode(text)}})
    }

    #[test]
    fn a_pull_secret_is_one_and_is_for_the_images() {
        let new = |text: &str| secret("kubernetes.io/dockerconfigjson", ".dockerconfigjson", text);
        let registries = ["postgres:15", "ghcr.io/saleor/saleor:3", "r.example.com:5000/a/b:1"].map(registry).into();
        for (secret, verdict, words) in [
            (Ok(Some(new(r#"{"auths": {"ghcr.io": {"auth": "aHVudGVyMjI="}}}"#))), Verdict::Ok, "is for ghcr.io"),
            (Ok(Some(new(r#"{"auths": {"https://index.docker.io/v1/": {}}}"#))), Verdict::Ok, "is for docker.io"),
            (Ok(Some(new(r#"{"auths": {"*.example.com:5000": {}}}"#))), Verdict::Ok, "r.example.com:5000"),
            (
                Ok(Some(secret("kubernetes.io/dockercfg", ".dockercfg", r#"{"https://ghcr.io/v2/": {}}"#))),
                Verdict::Ok,
                "is for ghcr.io",
            ),
            (
                Ok(Some(new(r#"{"auths": {"quay.io": {"auth": "aHVudGVyMjI="}}}"#))),
                Verdict::Warn,
                "is for quay.io, and the images come from docker.io, ghcr.io, r.example.com:5000",
            ),
            (Ok(Some(new(r#"{"auths": {}}"#))), Verdict::Warn, "is for no registry"),
            (Ok(Some(new("hunter22"))), Verdict::Fail, "holds no JSON"),
            (Ok(Some(new("{}"))), Verdict::Fail, "names no registries"),
            (Ok(Some(secret("Opaque", ".dockerconfigjson", "{}"))), Verdict::Fail, "is of type Opaque"),
            (Ok(Some(json!({"type": "kubernetes.io/dockerconfigjson"}))), Verdict::Fail, "has no key"),
            (Ok(None), Verdict::Fail, "is not there"),
            (Err("forbidden".to_owned()), Verdict::Warn, "not checked: Secret pull: forbidden"),
        ] {
            let finding = of_secret("pull", &secret, &registries);
            assert_eq!(finding.verdict, verdict, "{finding:?}");
            assert!(finding.found.contains(words), "{words}: {finding:?}");
            assert!(!format!("{finding:?}").contains("hunter22") && !format!("{finding:?}").contains("aHVud"));
        }
    }
}
