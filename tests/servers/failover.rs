//! The watchdog against real servers: whatever fails, no acknowledged commit is lost and two servers never acknowledge at
//! once (HA.md).

pub mod api;
mod behind;
mod clock;
pub mod compare;
mod harness;
#[path = "../rehearsal/http.rs"]
mod http;
mod long;
mod patroni;
mod postgres;
mod redis;
mod redis_writer;
mod shop;
mod steps;
mod volumes;
pub mod writer;
