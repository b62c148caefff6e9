//! One command's time, memory and requests, and tables of many.

use std::ffi::OsString;
use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::cluster::Cluster;

/// What one run took.
#[derive(Clone, Copy)]
pub struct Run {
    pub milliseconds: f64,
    /// The most memory that one process of it held.
    pub mebibytes: f64,
    /// Requests to the API server; None where nobody counts.
    pub requests: Option<u64>,
}

/// A command that can be run again and again.
pub struct Contender<'a> {
    pub name: &'static str,
    pub command: Vec<OsString>,
    pub cluster: Option<&'a Cluster>,
    /// What it has to have said on stdout, if it is known.
    pub says: Option<&'static str>,
}

impl Contender<'_> {
    /// Runs it on a cluster. It has to succeed, and to say what it says.
    pub fn run(&self, cluster: &Cluster) -> Run {
        self.told(cluster).0
    }

    /// The same, and all that it said on stdout.
    pub fn told(&self, cluster: &Cluster) -> (Run, String) {
        let folder = tempfile::tempdir().unwrap();
        let [out, memory] = ["out", "memory"].map(|name| folder.path().join(name));
        let mut command = Command::new("/usr/bin/time");
        command.args(["-f", "%M", "-o"]).arg(&memory).args(&self.command).stdin(Stdio::null());
        command.env("KUBECONFIG", &cluster.kubeconfig).env_remove("RUST_LOG").stdout(File::create(&out).unwrap());
        let (requests, began) = (cluster.requests(), Instant::now());
        let output = command.stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        let milliseconds = began.elapsed().as_secs_f64() * 1e3;
        let said = std::fs::read_to_string(out).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}{errors}", self.name);
        assert!(self.says.is_none_or(|words| said.contains(words)), "{}: {said}{errors}", self.name);
        let kibibytes: f64 = std::fs::read_to_string(memory).unwrap().trim().parse().unwrap();
        let requests = cluster.requests().zip(requests).map(|(now, before)| now - before);
        (Run { milliseconds, mebibytes: kibibytes / 1024.0, requests }, said)
    }
}

/// Runs of one command.
pub struct Row {
    name: &'static str,
    runs: Vec<Run>,
}

impl Row {
    pub fn new(name: &'static str) -> Self {
        Self { name, runs: Vec::new() }
    }

    pub fn add(&mut self, run: Run) {
        self.runs.push(run);
    }

    /// Least, middle and most of something.
    fn spread(&self, of: impl Fn(&Run) -> f64) -> [f64; 3] {
        spread(self.runs.iter().map(of).collect())
    }
}

/// The least, the middle and the most of these; nothing of none.
pub fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    [at(0), at(values.len() / 2), at(values.len().saturating_sub(1))]
}

/// Runs all in turn, so often, after once for nothing: what is on the disk is in memory from then on.
pub fn alternate(runs: usize, contenders: &[Contender<'_>]) -> Vec<Row> {
    let mut rows: Vec<Row> = contenders.iter().map(|contender| Row::new(contender.name)).collect();
    let nowhere = Cluster::nowhere();
    for round in 0..=runs {
        for (contender, row) in contenders.iter().zip(&mut rows) {
            let run = contender.run(contender.cluster.unwrap_or(&nowhere));
            if round > 0 {
                row.add(run);
            }
        }
    }
    rows
}

/// Prints medians, least and most, and each median's ratio to that of the first row.
pub fn table(title: &str, rows: &[Row]) {
    println!("{title}\n");
    println!("| command | ms: median (least to most) | times the first | MiB | requests |");
    println!("|---|---|---|---|---|");
    let first = rows[0].spread(|run| run.milliseconds)[1];
    for row in rows {
        let [least, median, most] = row.spread(|run| run.milliseconds);
        let [_, mebibytes, _] = row.spread(|run| run.mebibytes);
        let requests = row.runs.last().and_then(|run| run.requests);
        let requests = requests.map_or_else(|| "-".to_owned(), |requests| requests.to_string());
        let ratio = median / first;
        println!("| {} | {median:.1} ({least:.1} to {most:.1}) | {ratio:.1} | {mebibytes:.1} | {requests} |", row.name);
    }
    println!();
}
