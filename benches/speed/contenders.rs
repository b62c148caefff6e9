//! The commands that are compared.

use std::ffi::OsString;
use std::fmt::Write;

use crate::cluster::Cluster;
use crate::manifests::Manifests;
use crate::measure::Contender;
use crate::project;

const UNCHANGED: &str = "nothing changed";

/// A shop on a cluster, and the commands that deploy it.
pub struct Contenders {
    pub cluster: Cluster,
    /// The folder of the manifests, where they are not the built-in ones.
    pub project: Option<tempfile::TempDir>,
}

/// A shop that keyboss has deployed, and another of the same manifests that kubectl has.
pub struct Deployed {
    pub contenders: Contenders,
    script: (Cluster, Manifests),
    manifests: Manifests,
}

impl Contenders {
    /// Those of a cluster where nothing is deployed, of so many objects if it is not the shop alone.
    pub fn new(cluster: Cluster, objects: Option<usize>) -> Self {
        Self { cluster, project: objects.map(project::with) }
    }

    /// Deploys both shops.
    pub fn deployed(self) -> Deployed {
        self.deploy(None).run(&self.cluster);
        let manifests = Manifests::of(&self, &self.cluster.namespace);
        let other = self.cluster.another();
        let script = Manifests::of(&self, &other.namespace);
        phases(&script, &other).run(&other);
        Deployed { contenders: self, script: (other, script), manifests }
    }

    /// A deploy by keyboss, which has to say this.
    pub fn deploy(&self, says: Option<&'static str>) -> Contender<'_> {
        let namespace = format!("namespace={}", self.cluster.namespace);
        let mut command = words(&[&keyboss(), "deploy", "--local", "--output", "json", "--set", &namespace]);
        if let Some(folder) = &self.project {
            command.extend(["--project".into(), folder.path().into()]);
        }
        Contender { name: "keyboss deploy", command, cluster: Some(&self.cluster), says }
    }

    /// What needs no cluster.
    pub fn at_start() -> Vec<Contender<'static>> {
        let command = |name, command: &[&str]| Contender { name, command: words(command), cluster: None, says: None };
        vec![
            command("keyboss --version", &[&keyboss(), "--version"]),
            command("kubectl version --client", &["kubectl", "version", "--client"]),
            command("keyboss render", &[&keyboss(), "render", "--local"]),
        ]
    }
}

impl Deployed {
    /// Deploys that find everything as it is.
    pub fn unchanged(&self) -> Vec<Contender<'_>> {
        let all = self.manifests.all();
        // As the same manager: a claim template that the server has completed is a conflict with any other.
        let server = ["kubectl", "apply", "--server-side", "--field-manager=keyboss", "--validate=false", "-f"];
        let command = words(&[&server[..], &[all.to_str().unwrap()]].concat());
        let cluster = Some(&self.contenders.cluster);
        let (other, script) = &self.script;
        vec![
            self.contenders.deploy(Some(UNCHANGED)),
            Contender { name: "kubectl apply --server-side", command, cluster, says: None },
            phases(script, other),
        ]
    }

    /// What both shops are made of.
    pub fn objects(&self) -> usize {
        self.manifests.objects
    }

    /// Deletes both.
    pub fn forget(&self) {
        self.contenders.cluster.forget();
        self.script.0.forget();
    }
}

/// The old script's way: each phase applied and waited for, one workload after the other.
pub fn phases<'a>(manifests: &Manifests, on: &'a Cluster) -> Contender<'a> {
    let mut script = "set -e\n".to_owned();
    for (file, workloads) in &manifests.stages {
        let _ = writeln!(script, "kubectl apply --validate=false -f {}", file.display());
        for workload in workloads {
            let waits = match workload.split_once('/') {
                Some(("job", _)) => "wait --for=condition=complete",
                _ => "rollout status",
            };
            let _ = writeln!(script, "kubectl {waits} --timeout=15m -n {} {workload}", on.namespace);
        }
    }
    let command = words(&["bash", "-c", &script]);
    Contender { name: "kubectl apply and rollout status, phase by phase", command, cluster: Some(on), says: None }
}

/// The program that is measured: the one that was built with this, or that of `KEYBOSS`.
fn keyboss() -> String {
    std::env::var("KEYBOSS").unwrap_or_else(|_| env!("CARGO_BIN_EXE_keyboss").to_owned())
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}
