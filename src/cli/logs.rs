//! The command line of logs.

use std::time::Duration;

use clap::Args;

use super::{ClusterArgs, EnvironmentArgs, duration};
use crate::logs::Asked;

/// How many lines are shown where nobody says.
const TAIL: i64 = 100;

/// Arguments of `keyboss logs`.
#[derive(Args, Debug)]
pub struct LogsArgs {
    /// A Deployment, StatefulSet, CronJob, Job or pod, by its name; `KIND/NAME` where two kinds have it.
    #[arg(value_name = "WORKLOAD")]
    pub workload: String,

    /// Go on with what is written next, by the pods that come next too, until Ctrl-C.
    #[arg(short, long, conflicts_with = "previous")]
    pub follow: bool,

    /// What the containers wrote before they were started again last.
    #[arg(short, long)]
    pub previous: bool,

    /// So many lines from the end of each log; by default 100, or with --since all.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    pub tail: Option<i64>,

    /// What was written in this time (900, 900s, 15m, 1h).
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub since: Option<Duration>,

    /// This container; by default all but the init containers.
    #[arg(short, long, value_name = "NAME")]
    pub container: Option<String>,

    /// Which environment.
    #[command(flatten)]
    pub environment: EnvironmentArgs,

    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

impl LogsArgs {
    /// Which lines are wanted.
    pub fn asked(&self) -> Asked {
        Asked {
            container: self.container.clone(),
            previous: self.previous,
            tail: self.tail.or_else(|| self.since.is_none().then_some(TAIL)),
            age: self.since,
            with_init: false,
        }
    }
}
