//! Which phases run.

use crate::render::Phase;

/// All phases, those from one on, or one only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Every phase.
    All,
    /// This phase and all after it.
    From(Phase),
    /// This phase.
    Only(Phase),
}

impl Selection {
    /// Whether the phase runs.
    pub fn includes(self, phase: Phase) -> bool {
        match self {
            Self::All => true,
            Self::From(first) => phase >= first,
            Self::Only(one) => phase == one,
        }
    }

    /// Whether the phase comes before those that run, so that what it applies has to be there already.
    pub fn relies_on(self, phase: Phase) -> bool {
        match self {
            Self::All => false,
            Self::From(first) | Self::Only(first) => phase < first,
        }
    }
}
