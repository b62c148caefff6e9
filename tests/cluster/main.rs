//! keyboss on a real cluster, through its front door. Needs `tests/cluster/up`, or `KUBECONFIG_TEST` naming
//! the kubeconfig of another cluster whose context `envs/local.yaml` allows.
//!
//! They are ignored by a plain `cargo test`; `tests/run` runs them, one after the other. Those of `smoke` run
//! in every run, those of `long` and `conformance` with `tests/run --all`.

mod conformance;
mod kubectl;
mod long;
mod monitors;
mod project;
#[path = "../schema/mod.rs"]
mod schema;
mod shop;
mod smoke;
mod traffic;
