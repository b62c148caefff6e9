//! How fast the program is, run as a user runs it, beside kubectl in the same run: start-up, rendering, an unchanged deploy,
//! a first one, and the time from a workload's being ready to the program's saying so.
//!
//! Commands take turns, so that a noisy machine is noisy for all. By default the cluster is the rehearsal one, served over
//! HTTP on loopback; `--cluster` takes that of the current context, in a namespace of its own. `tests/cluster/speed` runs it.

mod cluster;
mod contenders;
#[path = "../../tests/rehearsal/http.rs"]
mod http;
mod manifests;
mod measure;
mod project;
mod ready;

use clap::Parser;

use cluster::Cluster;
use contenders::{Contenders, phases};
use manifests::Manifests;
use measure::{Row, alternate, table};

/// Settings of a measurement.
#[derive(Parser)]
struct Settings {
    /// How often each command runs.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// How often a first deploy runs; 0: not at all.
    #[arg(long, default_value_t = 3)]
    first_runs: usize,
    /// Measure on the current context's cluster, in this namespace and in NAMESPACE-script, which are deleted first and
    /// last.
    #[arg(long, value_name = "NAMESPACE")]
    cluster: Option<String>,
    /// Deploy so many objects on top of the shop's, too; 0: do not.
    #[arg(long, default_value_t = 1000)]
    objects: usize,
    /// What `cargo bench` says to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let settings = Settings::parse();
    let cluster = || settings.cluster.as_ref().map_or_else(Cluster::rehearsal, |namespace| Cluster::current(namespace));

    table("start-up and rendering, no cluster", &alternate(settings.runs, &Contenders::at_start()));
    if settings.first_runs > 0 {
        first(&settings, &cluster);
    }
    unchanged(&settings, cluster(), None);
    if settings.objects > 0 {
        unchanged(&settings, cluster(), Some(settings.objects));
    }
}

/// Deploys that change nothing.
fn unchanged(settings: &Settings, cluster: Cluster, objects: Option<usize>) {
    let title = cluster.describe();
    let deployed = Contenders::new(cluster, objects).deployed();
    let rows = alternate(settings.runs, &deployed.unchanged());
    table(&format!("an unchanged deploy of {} objects to {title}", deployed.objects()), &rows);
    deployed.forget();
}

/// First deploys, each to a cluster or namespace where nothing is.
fn first(settings: &Settings, cluster: &dyn Fn() -> Cluster) {
    let (mut ours, mut script, mut lags) =
        (Row::new("keyboss deploy"), Row::new("kubectl, phase by phase"), Vec::new());
    let mut described = String::new();
    for _ in 0..settings.first_runs {
        let cluster = cluster();
        described = cluster.describe();
        let contenders = Contenders::new(cluster, None);
        let (run, more) = ready::deploy(&contenders);
        ours.add(run);
        lags.extend(more);
        // With the values that this deploy has generated: the same shop.
        let next = contenders.cluster.another();
        script.add(phases(&Manifests::of(&contenders, &next.namespace), &next).run(&next));
        next.forget();
        contenders.cluster.forget();
    }
    table(&format!("a first deploy to {described}"), &[ours, script]);
    println!("from when a workload is ready until keyboss says so, ms: {}\n", ready::summary(&lags));
}
