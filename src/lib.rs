//! keyboss deploys the KeyBoss shop to Kubernetes: an [`environment::Environment`] and the manifests
//! become a [`render::Plan`], the [`pipeline`] applies it phase by phase and tells what happens as
//! events, and [`report`] shows them.

pub mod backup;
pub mod cli;
pub mod cluster;
pub mod commands;
pub mod diff;
pub mod doctor;
pub mod environment;
pub mod exporter;
pub mod forward;
pub mod logs;
pub mod pipeline;
pub mod readiness;
pub mod rehearsal;
pub mod release;
pub mod render;
pub mod report;
pub mod scraped;
pub mod status;
pub mod watchdog;
