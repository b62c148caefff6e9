//! A Kubernetes cluster inside the process: how its API server merges what is applied, and keeps who owns which field.
//!
//! Every rule here is compared with a real API server by `tests/cluster`.

pub mod fields;
pub mod managers;
pub mod merge;
pub mod schema;
