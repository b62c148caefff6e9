//! The containers of the manifests against real PostgreSQL 15 and Redis 7, without Kubernetes: roles,
//! kills, restarts and lost volumes, in seconds. Needs root; `tests/run servers` installs the rest.
//!
//! They are ignored by a plain `cargo test`; `tests/run` runs them.

mod archive;
mod backup;
mod failover;
mod off_site;
mod pods;
mod postgres;
mod redis;
