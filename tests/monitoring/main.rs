//! What `keyboss render` prints for Prometheus, Alertmanager and Grafana, judged by their own tools.
//!
//! Those that need promtool and amtool are ignored by a plain `cargo test`; `tests/run` runs them.

mod alertmanager;
mod alerts;
mod cases;
mod dashboards;
mod rendered;
