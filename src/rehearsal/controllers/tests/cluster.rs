//! A cluster whose time passes when it is told to.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::Memory;
use super::super::turn::Turn;
use crate::rehearsal::server::Server;

pub struct Cluster {
    server: Server,
    memory: Memory,
    now: Duration,
}

impl Cluster {
    pub fn new() -> Self {
        let mut cluster = Self { server: Server::default(), memory: Memory::default(), now: Duration::ZERO };
        cluster.create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}));
        cluster
    }

    pub fn turn(&mut self) -> Turn<'_> {
        let began: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        Turn::new(&mut self.server, began, self.now)
    }

    pub fn create(&mut self, mut object: Value) {
        if object["kind"] != "Namespace" {
            object["metadata"]["namespace"] = json!("a");
        }
        self.turn().create(object).unwrap();
    }

    pub fn list(&mut self, kind: &str) -> Vec<Arc<Value>> {
        self.turn().list(kind)
    }

    pub fn one(&mut self, kind: &str) -> Value {
        let all = self.list(kind);
        assert_eq!(all.len(), 1, "{kind}");
        Value::clone(&all[0])
    }

    pub fn change(&mut self, kind: &str, change: impl FnOnce(&mut Value)) {
        let mut object = self.one(kind);
        change(&mut object);
        self.turn().put(object).unwrap();
    }

    /// Lets that many seconds pass.
    pub fn pass(&mut self, seconds: u64) {
        let began: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let end = self.now + Duration::from_secs(seconds);
        loop {
            let wake = self.memory.round(&mut self.server, began, self.now);
            match wake.filter(|wake| *wake <= end) {
                Some(wake) => self.now = wake,
                None => break,
            }
        }
        self.now = end;
    }
}

pub fn template(restart: &str, claim: Option<&str>) -> Value {
    let volumes: Vec<Value> =
        claim.iter().map(|claim| json!({"name": "v", "persistentVolumeClaim": {"claimName": claim}})).collect();
    json!({"metadata": {"labels": {"app": "x"}},
           "spec": {"restartPolicy": restart, "volumes": volumes, "containers": [{"name": "c", "image": "i:1"}]}})
}

pub fn workload(kind: &str, spec: Value) -> Value {
    let version = if kind == "Job" { "batch/v1" } else { "apps/v1" };
    let mut object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "x"}, "spec": spec});
    if kind != "Job" {
        object["spec"]["selector"] = json!({"matchLabels": {"app": "x"}});
    }
    object
}

pub fn image(object: &mut Value, image: &str) {
    object["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
}

pub fn status(object: &Value, fields: &[&str]) -> Vec<i64> {
    fields.iter().map(|field| object["status"][field].as_i64().unwrap_or(0)).collect()
}
