//! Which phases of a deploy.

use clap::Args;

use crate::pipeline::Selection;
use crate::render::Phase;

/// Which phases; by default all.
#[derive(Args, Debug)]
pub struct PhasesArgs {
    /// Begin with this phase (name or number).
    #[arg(long, value_name = "PHASE", conflicts_with = "only")]
    from: Option<Phase>,

    /// Run this phase only (name or number).
    #[arg(long, value_name = "PHASE", alias = "phase")]
    only: Option<Phase>,
}

impl PhasesArgs {
    /// The phases that run.
    pub fn selection(&self) -> Selection {
        match (self.from, self.only) {
            (Some(first), _) => Selection::From(first),
            (_, Some(only)) => Selection::Only(only),
            _ => Selection::All,
        }
    }
}
