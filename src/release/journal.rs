//! What a deploy set out to do, and how it went: the part of a release's record that is written as it goes on.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::render::{ObjectId, Phase};

/// The journal of one release. It holds no secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Journal {
    /// The release's number, from 1.
    pub release: u64,
    /// What was done.
    pub action: Action,
    /// How far it is.
    pub state: State,
    /// When it began.
    pub started: Timestamp,
    /// When it was over.
    pub finished: Option<Timestamp>,
    /// Who did it.
    pub author: Author,
    /// The environment's name.
    pub environment: String,
    /// The version of keyboss.
    pub keyboss: String,
    /// The git commit that was deployed, where it is known.
    pub commit: Option<String>,
    /// The images, by their names in the environment.
    pub images: BTreeMap<String, String>,
    /// A digest of the objects that a rollback to this release applies: equal ones are the same release to people.
    pub content: String,
    /// Every phase, once it is over.
    pub phases: Vec<PhaseEntry>,
    /// The writes that were intended, told once per phase before the first of them (RULES.md T3).
    pub intended: Vec<Intent>,
    /// What the writes left behind, told once per phase after the last of them.
    pub written: Vec<Written>,
    /// The uids of all its objects, by kind and name.
    pub objects: BTreeMap<String, String>,
    /// What was said at the end.
    pub message: Option<String>,
}

/// What a release was made by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Action {
    /// `keyboss deploy`.
    Deploy,
    /// `keyboss rollback`, to an earlier release.
    Rollback {
        /// The release that was deployed first with this content.
        to: u64,
    },
    /// `keyboss deploy --reset`, while it deletes.
    Reset,
}

/// How far a release is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Under way, or broken off: whoever did it says nothing more once its lock has expired.
    Running,
    /// It is what runs, or ran.
    Succeeded,
    /// It failed, and everything is as it was before.
    RolledBack,
    /// It failed, and could not be rolled back wholly.
    Incomplete,
    /// It failed, and stays as it is: a first install, or `--no-rollback`.
    Kept,
}

/// Who deployed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// The user's name on the machine.
    pub user: String,
    /// The machine.
    pub host: String,
    /// The address of the CI job, where there is one.
    pub job: Option<String>,
}

/// How a phase went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseEntry {
    /// Which.
    pub phase: Phase,
    /// How it ended, in one word.
    pub outcome: String,
    /// Seconds it took.
    pub seconds: f64,
}

/// One write that is intended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Its phase.
    pub phase: Phase,
    /// Of which object.
    pub id: ObjectId,
    /// "created", "changed" or "deleted".
    pub change: String,
}

/// What a write left behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Which object.
    pub id: ObjectId,
    /// Its `metadata.uid`.
    pub uid: String,
    /// Its `metadata.generation`; 0 where it has none.
    pub generation: i64,
}

impl Journal {
    /// That of a release that begins now, and has done nothing yet.
    pub fn new(release: u64, action: Action, started: Timestamp, author: Author) -> Self {
        Self {
            release,
            action,
            state: State::Running,
            started,
            finished: None,
            author,
            environment: String::new(),
            keyboss: env!("CARGO_PKG_VERSION").to_owned(),
            commit: None,
            images: BTreeMap::new(),
            content: String::new(),
            phases: Vec::new(),
            intended: Vec::new(),
            written: Vec::new(),
            objects: BTreeMap::new(),
            message: None,
        }
    }

    /// The release that was deployed first with this content.
    pub fn origin(&self) -> u64 {
        match self.action {
            Action::Rollback { to } => to,
            Action::Deploy | Action::Reset => self.release,
        }
    }

    /// Whether it deleted, or was to delete, everything that was there.
    pub fn is_reset(&self) -> bool {
        self.action == Action::Reset
    }

    /// Whether it is for another run to finish: nobody said how it ended, or its rollback was not complete.
    pub fn is_unfinished(&self) -> bool {
        matches!(self.state, State::Running | State::Incomplete)
    }
}

/// The releases since the last reset: what was before it is gone, and cannot be gone back to.
pub fn since_reset(journals: &[Journal]) -> impl Iterator<Item = &Journal> {
    let reset = journals.iter().filter(|journal| journal.is_reset()).map(|journal| journal.release).max();
    journals.iter().filter(move |journal| reset.is_none_or(|reset| journal.release > reset))
}

#[cfg(test)]
mod tests {
    use super::super::{NoTarget, expendable, rollback_target};
    use super::*;

    /// Releases from 1 on: what each did, and how it ended; each with content of its own.
    fn journals(releases: &[(Action, State)]) -> Vec<Journal> {
        let journal = |(number, (action, state)): (u64, &(Action, State))| {
            let journal = Journal::new(number, *action, Timestamp::UNIX_EPOCH, Author::default());
            Journal { state: *state, content: number.to_string(), ..journal }
        };
        (1..).zip(releases).map(journal).collect()
    }

    const DEPLOYED: (Action, State) = (Action::Deploy, State::Succeeded);
    const FAILED: (Action, State) = (Action::Deploy, State::RolledBack);
    const RESET: (Action, State) = (Action::Reset, State::Succeeded);

    #[test]
    fn nothing_goes_back_beyond_a_reset() {
        let there = |releases: &[(Action, State)]| rollback_target(&journals(releases), None);
        assert_eq!(there(&[DEPLOYED, DEPLOYED]), Ok(1));
        assert_eq!(there(&[DEPLOYED, DEPLOYED, RESET]), Err(NoTarget::NoRelease));
        assert_eq!(there(&[DEPLOYED, RESET, DEPLOYED]), Err(NoTarget::NoneBefore(3)));
        assert_eq!(there(&[DEPLOYED, RESET, DEPLOYED, FAILED, DEPLOYED]), Ok(3));
        let asked = |release| rollback_target(&journals(&[DEPLOYED, RESET, DEPLOYED, DEPLOYED]), Some(release));
        assert_eq!(asked(3), Ok(3));
        for release in [1, 2] {
            assert_eq!(asked(release), Err(NoTarget::NotThere(release, "3, 4".to_owned())));
        }
    }

    #[test]
    fn the_last_reset_is_remembered_and_is_no_release_that_succeeded() {
        let mut releases = vec![DEPLOYED, DEPLOYED, DEPLOYED, RESET, RESET];
        releases.extend([FAILED; 12]);
        assert_eq!(expendable(&journals(&releases)), [7, 6, 4]);
        assert_eq!(since_reset(&journals(&releases)).count(), 12);
        assert_eq!(since_reset(&journals(&[DEPLOYED, DEPLOYED])).count(), 2);
    }
}
