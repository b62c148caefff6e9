//! What there is to do about what was seen: a function from data to data.

use super::seen::{Opinion, PODS, Seen, Server};

/// A change to one Redis pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It acknowledges nothing any more while no replica is attached.
    Guard(usize),
    /// It acknowledges by itself.
    Unguard(usize),
    /// It becomes a replica of the other pod, and its clients have to look for the master.
    Demote(usize),
}

/// Why the shop may not be able to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No two Sentinels name the same pod.
    NoMajority,
    /// Their master does not answer.
    Silent(usize),
    /// Their master says that it is a replica.
    NoMaster(usize),
    /// Their master is empty, while the other master is not.
    Empty(usize),
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// The pod that writes have to go to.
    pub master: Option<usize>,
    /// What to change, in that order.
    pub steps: Vec<Step>,
    /// What is wrong.
    pub trouble: Option<Trouble>,
    /// Something is about to change: the next look is due soon.
    pub hurry: bool,
}

/// The pod that at least two Sentinels call master.
pub fn majority(seen: &Seen) -> Option<usize> {
    (0..PODS.len()).find(|pod| opinions(seen).filter(|opinion| opinion.master == *pod).count() >= 2)
}

/// The same, if no Sentinel is about to replace it or has done so: two find nothing wrong with it, none is at work on
/// another, and none names another. A Sentinel that has promoted the replica names it first; the others follow a second
/// later.
pub fn settled(seen: &Seen) -> Option<usize> {
    let master = majority(seen)?;
    let content = opinions(seen).filter(|opinion| opinion.master == master && opinion.up).count();
    let replaced = opinions(seen).any(|opinion| opinion.failing_over || opinion.master != master);
    (content >= 2 && !replaced).then_some(master)
}

fn opinions(seen: &Seen) -> impl Iterator<Item = &Opinion> {
    seen.sentinels.iter().flatten()
}

/// What to do.
pub fn decide(seen: &Seen) -> Decision {
    let Some(master) = majority(seen) else { return trouble(Trouble::NoMajority) };
    let Some(server) = &seen.servers[master] else { return trouble(Trouble::Silent(master)) };
    if !server.is_master || server.loading {
        // A pod that starts without its data is named master by the Sentinels, and copies them from the other one first.
        return trouble(Trouble::NoMaster(master));
    }
    let other = 1 - master;
    let settled = settled(seen).is_some();
    let stray = seen.servers[other].as_ref().filter(|server| server.is_master && !server.loading);
    if server.empty && stray.is_some_and(|stray| !stray.empty) {
        return trouble(Trouble::Empty(master));
    }
    let mut decision = Decision { master: Some(master), hurry: !settled || stray.is_some(), ..Decision::default() };
    if settled && stray.is_some() {
        decision.steps.push(Step::Demote(other));
    }
    if server.attached && !server.guarded {
        decision.steps.push(Step::Guard(master));
    }
    if settled && may_unguard(server, seen.servers[other].as_ref()) {
        decision.steps.push(Step::Unguard(master));
    }
    // A replica that is promoted must not stand still. As a replica it acknowledges nothing anyway.
    if settled && seen.servers[other].as_ref().is_some_and(|replica| replica.guarded && follows(replica, master)) {
        decision.steps.push(Step::Unguard(other));
    }
    decision
}

/// Whether a master without a replica may acknowledge by itself. It may not while the other pod is a master too: that one
/// may just have been promoted, which the Sentinels say a second later.
pub fn may_unguard(master: &Server, other: Option<&Server>) -> bool {
    master.is_master && master.guarded && !master.attached && other.is_none_or(|other| !other.is_master)
}

fn follows(replica: &Server, master: usize) -> bool {
    !replica.is_master && replica.linked && replica.follows == Some(master)
}

fn trouble(trouble: Trouble) -> Decision {
    Decision { trouble: Some(trouble), hurry: true, ..Decision::default() }
}

/// The master and the replica of a planned switchover, or why there can be none.
pub fn may_switch(seen: &Seen) -> Result<(usize, usize), String> {
    let Some(master) = settled(seen) else {
        return Err("no two Sentinels name the same master and find nothing wrong with it".to_owned());
    };
    let replica = 1 - master;
    let (name, other) = (PODS[master], PODS[replica]);
    let Some(server) = seen.servers[master].as_ref().filter(|server| server.is_master && !server.loading) else {
        return Err(format!("{name} does not answer as master"));
    };
    match &seen.servers[replica] {
        None => Err(format!("{other} does not answer")),
        Some(server) if server.loading || !follows(server, master) => {
            Err(format!("{other} is no replica of {name} that has its data"))
        }
        // Were it not guarded, it would acknowledge between the promotion and the moment when it learns of it.
        Some(_) if !server.attached || !server.guarded => Err(format!("{name} does not yet wait for {other}")),
        Some(_) => Ok((master, replica)),
    }
}

impl Trouble {
    /// The reason of the Event.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoMajority => "RedisNoMajority",
            Self::Silent(_) => "RedisMasterSilent",
            Self::NoMaster(_) => "RedisNoMaster",
            Self::Empty(_) => "RedisEmptyMaster",
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoMajority => write!(to, "Redis: no two Sentinels name the same master, so nothing is changed"),
            Self::Silent(pod) => {
                write!(to, "Redis: {}, the master by the Sentinels' word, does not answer the watchdog", PODS[*pod])
            }
            Self::NoMaster(pod) => {
                write!(to, "Redis: {}, the master by the Sentinels' word, is not master yet", PODS[*pod])
            }
            Self::Empty(pod) => write!(
                to,
                "Redis: {} is master by the Sentinels' word and has no key, while {} is a master that has some: neither \
                 is changed. To keep those keys: kubectl exec {0} -- redis-cli replicaof {1}.redis 6379, and \
                 redis-cli replicaof no one when it has them",
                PODS[*pod],
                PODS[1 - *pod]
            ),
        }
    }
}

#[cfg(test)]
mod tests;
