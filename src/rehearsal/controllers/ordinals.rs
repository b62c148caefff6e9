//! Which pods of a StatefulSet are created and deleted, and in which order
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#deployment-and-scaling-guarantees>).

use std::collections::BTreeMap;

/// What a StatefulSet wants.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// How many pods.
    pub replicas: i64,
    /// The first ordinal that is updated.
    pub partition: i64,
    /// One pod after the other (`OrderedReady`), or all at once (`Parallel`).
    pub ordered: bool,
}

/// What is to be known of a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// It runs and is Ready.
    pub ready: bool,
    /// It has been told to go.
    pub terminating: bool,
    /// It has failed.
    pub failed: bool,
    /// It is of the present template.
    pub updated: bool,
}

/// What is to be done to the pod of an ordinal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make it.
    Create(i64),
    /// Tell it to go.
    Delete(i64),
}

impl Seen {
    fn is_healthy(self) -> bool {
        self.ready && !self.terminating
    }
}

/// The next actions (k8s:pkg/controller/statefulset/stateful_set_control.go, `updateStatefulSet`).
pub fn plan(wanted: Wanted, pods: &BTreeMap<i64, Seen>) -> Vec<Action> {
    let mut actions = Vec::new();
    for ordinal in 0..wanted.replicas {
        match pods.get(&ordinal) {
            Some(pod) if pod.failed => actions.extend([Action::Delete(ordinal), Action::Create(ordinal)]),
            None => actions.push(Action::Create(ordinal)),
            Some(pod) if wanted.ordered && !pod.is_healthy() => return actions,
            Some(_) => continue,
        }
        if wanted.ordered {
            return actions;
        }
    }
    let first_unhealthy = (0..wanted.replicas)
        .chain(pods.range(wanted.replicas..).map(|(ordinal, _)| *ordinal))
        .find(|ordinal| !pods.get(ordinal).is_some_and(|pod| pod.is_healthy()));
    for (ordinal, pod) in pods.range(wanted.replicas..).rev() {
        let waits = pod.terminating || (!pod.ready && first_unhealthy != Some(*ordinal));
        if wanted.ordered && waits {
            return actions;
        }
        if !pod.terminating {
            actions.push(Action::Delete(*ordinal));
            if wanted.ordered {
                return actions;
            }
        }
    }
    for ordinal in (wanted.partition..wanted.replicas).rev() {
        let Some(pod) = pods.get(&ordinal).filter(|pod| !pod.failed) else { return actions };
        if !pod.updated && !pod.terminating {
            actions.push(Action::Delete(ordinal));
            return actions;
        }
        if !pod.is_healthy() {
            return actions;
        }
    }
    actions
}
