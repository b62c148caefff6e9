//! What somebody must be allowed to do who asks for backups by hand.

use crate::cluster::Access;

/// To run Jobs and see what they say.
pub fn rights(namespace: &str) -> Vec<Access> {
    let jobs = ["create", "get", "delete"].map(|verb| (verb, "batch", "jobs"));
    let pods = [("list", "", "pods"), ("watch", "", "pods"), ("get", "", "pods/log")];
    let all = jobs.into_iter().chain(pods).chain([("get", "batch", "cronjobs")]);
    all.map(|right| access(namespace, right)).collect()
}

/// To fetch one, besides.
pub fn rights_to_fetch(namespace: &str) -> Vec<Access> {
    vec![access(namespace, ("create", "", "pods/exec"))]
}

/// To replace the database by one, besides.
pub fn rights_to_replace(namespace: &str) -> Vec<Access> {
    let all = [("list", "batch", "jobs"), ("get", "apps", "deployments"), ("patch", "apps", "deployments")];
    all.into_iter().map(|right| access(namespace, right)).collect()
}

fn access(namespace: &str, (verb, group, resource): (&str, &str, &str)) -> Access {
    Access::to(verb, group, resource, namespace)
}
