//! The logs of a workload: which pods are its own, what their containers have written, and what they write next.
//!
//! A name leads to a [`Workload`] by `find`; [`read()`] gives its lines in the order in which they were written, [`follow()`]
//! as they come, from whichever pods it has then.

mod find;
mod follow;
mod merge;
mod owners;
mod read;
mod reader;
mod resume;
mod source;
mod state;

pub use find::{KINDS, Workload, find};
pub use follow::follow;
pub use read::{read, whole};
pub use source::Source;

use std::time::Duration;

use crate::cluster::Access;

/// Which lines are wanted.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// One container; None: all but the init containers.
    pub container: Option<String>,
    /// Those of the run before the last restart.
    pub previous: bool,
    /// So many from the end of each log at most.
    pub tail: Option<i64>,
    /// Those of this time before now.
    pub age: Option<Duration>,
    /// Where no container is named: those of the init containers too.
    pub with_init: bool,
}

/// What there is to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A line of a log.
    Line {
        /// Who wrote it.
        source: Source,
        /// The line.
        text: String,
    },
    /// Something about the pods.
    Note(String),
}

/// What somebody must be allowed to do who reads logs.
pub fn rights(namespace: &str, follows: bool) -> Vec<Access> {
    let lists =
        [("apps", "deployments"), ("apps", "statefulsets"), ("batch", "cronjobs"), ("batch", "jobs"), ("", "pods")];
    let lists = lists.map(|(group, resource)| ("list", group, resource));
    let reads = [("get", "", "pods/log"), ("get", "apps", "replicasets"), ("get", "batch", "jobs")];
    let watches = follows.then_some(("watch", "", "pods"));
    let all = lists.into_iter().chain(reads).chain(watches);
    all.map(|(verb, group, resource)| Access::to(verb, group, resource, namespace)).collect()
}
