//! The rehearsal cluster's controllers against real ones: the same requests to both, and what has become of them once
//! nothing moves any more. Times are not compared; the order of steps is, where Kubernetes promises one.

mod both;
mod deployments;
mod log;
mod objects;
mod others;
mod sets;
mod view;

use std::error::Error;

use futures::future::join_all;
use jiff::Timestamp;
use keyboss::rehearsal::face::Face;

use super::SPACE;
use crate::kubectl::Namespace;
use both::{Both, Stage};

/// What is asked about an app of this name.
type Scenario = fn(&str) -> Vec<Stage>;

#[tokio::test]
#[ignore = "needs a cluster"]
async fn what_controllers_make_of_it() -> Result<(), Box<dyn Error>> {
    let face = Face::new(Timestamp::now());
    let both = Both::start(&face).await?;
    let scenarios: [(&str, Scenario); 12] = [
        ("rolling", deployments::rolling),
        ("recreate", deployments::recreate),
        ("paused", deployments::paused),
        ("stuck", deployments::stuck),
        ("ordered", sets::ordered),
        ("broken", sets::broken),
        ("parallel", sets::parallel),
        ("job", others::job),
        ("cron", others::cron),
        ("service", others::service),
        ("headless", others::headless),
        ("autoscaled", others::autoscaled),
    ];
    let runs = scenarios.iter().map(|(app, stages)| both.run(app, stages(app)));
    let found: Vec<String> = join_all(runs).await.into_iter().flatten().collect();
    assert!(found.is_empty(), "the server's, then the rehearsal's:\n{}", found.join("\n"));
    Namespace(SPACE.to_owned()).forget();
    Ok(())
}
