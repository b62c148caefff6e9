//! A Kubernetes cluster inside the process: its objects, and what its API server does with each write.
//!
//! How its API server answers, and what its controllers make of it, is compared with a real one by
//! `tests/cluster/conformance.rs`; the times of steps and what pods say while they fail are not.

pub mod admission;
pub mod adopt;
pub mod ailments;
pub mod answers;
pub mod call;
pub mod controllers;
pub mod defaults;
pub mod deletion;
pub mod face;
pub mod faults;
pub mod fields;
mod following;
pub mod kinds;
pub mod logs;
pub mod managers;
pub mod merge;
pub mod references;
pub mod retold;
pub mod rights;
pub mod route;
pub mod scenario;
pub mod schema;
pub mod selection;
pub mod server;
pub mod stage;
pub mod status;
pub mod store;
pub mod watching;
