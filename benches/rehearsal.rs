//! How many first deploys of `local` a second a rehearsal cluster takes, beside the rendering of the same plan.
//!
//! Prints medians of seven rounds each; both are measured in turn, so that a noisy machine is noisy for both.

use std::time::{Duration, Instant};

use keyboss::environment::{Environment, Project};
use keyboss::pipeline::{Ending, Events, Options, Request, Selection, deploy, prepare};
use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::stage::Stage;
use keyboss::release::Author;
use keyboss::render::{Plan, plan};

const ROUNDS: usize = 7;
const DEPLOYS: u32 = 10;

fn render() -> (Environment, Plan) {
    let environment = Environment::load(&Project::BuiltIn, "local", &[]).unwrap();
    let plan = plan(&Project::BuiltIn, &environment).unwrap();
    (environment, plan)
}

async fn rehearse(mut environment: Environment, plan: Plan) {
    let Stage { face, context } = Stage::set(&mut environment, &plan, None);
    let _controllers = Controllers::start(&face);
    let connection = face.connection(&environment.values.namespace).unwrap();
    let supplied = [("RSA_PRIVATE_KEY".to_owned(), "no key".to_owned())].into();
    let (selection, clock) = (Selection::All, face.clock());
    let request = Request { environment, plan, context, connection, supplied, selection, adopts: false, clock };
    let (events, _receiver) = Events::channel();
    let options = Options::new(Duration::from_secs(900), Author::default());
    let ending = deploy(prepare(request).await.unwrap(), &options, &events).await;
    assert_eq!(ending.unwrap(), Ending::Done);
}

/// Seconds for each of several, on average.
fn seconds(mut one: impl FnMut()) -> f64 {
    let began = Instant::now();
    (0..DEPLOYS).for_each(|_| one());
    began.elapsed().as_secs_f64() / f64::from(DEPLOYS)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let (environment, plan) = render();
    let (mut rendering, mut deploying) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        rendering.push(seconds(|| drop(render())));
        deploying.push(seconds(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
            runtime.unwrap().block_on(rehearse(environment.clone(), plan.clone()));
        }));
    }
    let (rendering, deploying) = (median(rendering), median(deploying));
    println!("rendering a plan:   {:7.1} ms", rendering * 1e3);
    println!(
        "rehearsing it:      {:7.1} ms, {:.1} a second, {:.1} times as long",
        deploying * 1e3,
        1.0 / deploying,
        deploying / rendering
    );
}
