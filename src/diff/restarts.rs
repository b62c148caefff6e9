//! Which pods a change of a workload restarts
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#update-strategies>).

use serde::Serialize;
use serde_json::Value;

/// Which of a workload's pods restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// None.
    None,
    /// All of them.
    All,
    /// Those of a StatefulSet whose ordinal is at least this: its partition.
    From(i64),
    /// None by itself: each when somebody deletes it.
    OnDelete,
}

impl Restart {
    /// Whether any pod restarts by itself.
    pub fn is_restart(self) -> bool {
        matches!(self, Self::All | Self::From(_))
    }

    /// In words; None where there is nothing to say.
    pub fn words(self) -> Option<String> {
        match self {
            Self::None => None,
            Self::All => Some("its pods restart".to_owned()),
            Self::From(ordinal) => Some(format!("its pods restart from ordinal {ordinal} on")),
            Self::OnDelete => Some("its pods restart only when they are deleted".to_owned()),
        }
    }
}

/// Decides from the two states of a workload. Only a template makes pods new, and one without pods restarts none.
pub fn of(kind: &str, before: &Value, after: &Value) -> Restart {
    let has_changed = before["spec"]["template"] != after["spec"]["template"];
    let [replicas, before_replicas] = [after, before].map(|state| state["spec"]["replicas"].as_i64().unwrap_or(1));
    // Pods that are new with the template restart nothing.
    let running = replicas.min(before_replicas);
    match kind {
        "Deployment" if has_changed && running > 0 => Restart::All,
        "StatefulSet" if has_changed && running > 0 => {
            let strategy = &after["spec"]["updateStrategy"];
            let partition = strategy["rollingUpdate"]["partition"].as_i64().unwrap_or(0);
            match strategy["type"].as_str() {
                Some("OnDelete") => Restart::OnDelete,
                _ if partition >= running => Restart::None,
                _ if partition > 0 => Restart::From(partition),
                _ => Restart::All,
            }
        }
        _ => Restart::None,
    }
}
