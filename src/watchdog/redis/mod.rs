//! Redis: the Sentinels decide, and the watchdog follows them.
//!
//! One loop looks at the servers and sees to it that one pod at most acknowledges (`observe`); it needs no API server.
//! Another makes Service `redis-master` and the record name that pod (`point`), and does what is planned (`switch`).

mod decide;
mod lines;
mod listen;
mod observe;
mod point;
mod seen;
mod switch;

use tokio::sync::{Notify, watch};

pub use lines::addresses;

use super::Context;

/// Follows the Sentinels as long as this watchdog leads.
pub async fn follow(context: &Context) {
    let lines = lines::Lines::default();
    let (agreed, agreement) = watch::channel(None);
    let wake = Notify::new();
    tokio::join!(
        observe::observe(context, &lines, &agreed, &wake),
        point::point(context, &lines, agreement),
        listen::listen(&wake),
    );
}
