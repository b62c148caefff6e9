//! Objects that need no second look: nothing that belongs to them has changed since the last one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::object::uid;
use super::turn::Turn;

/// What was seen of each object (by its uid) at the last look: its own state and others' that belong to it, and the
/// moment it waited for.
#[derive(Debug, Default)]
pub struct Looks(BTreeMap<String, (Vec<Arc<Value>>, Option<Duration>)>);

impl Looks {
    /// Looks at an object, unless everything that belongs to it (itself the first) is as it was and no moment has come.
    pub fn look(&mut self, turn: &mut Turn, all: Vec<Arc<Value>>, look: impl FnOnce(&mut Turn)) {
        let uid = uid(&all[0]);
        let others = turn.take_wake();
        let known = self.0.get(&uid).filter(|(seen, wake)| {
            let same = seen.len() == all.len() && seen.iter().zip(&all).all(|(seen, now)| Arc::ptr_eq(seen, now));
            same && wake.is_none_or(|wake| wake > turn.now())
        });
        let own = match known {
            Some((_, wake)) => *wake,
            None => {
                look(turn);
                let wake = turn.take_wake();
                self.0.insert(uid, (all, wake));
                wake
            }
        };
        for wake in [others, own].into_iter().flatten() {
            turn.is_due(wake);
        }
    }
}
