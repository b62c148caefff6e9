//! A project of more objects than the shop has.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The shop's manifests and, in its first and fourth phase, ConfigMaps and Deployments without pods: so many more objects.
pub fn with(objects: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    for part in ["envs", "manifests"] {
        let copied = Command::new("cp").arg("-r").arg(source.join(part)).arg(folder.path()).status().unwrap();
        assert!(copied.success());
    }
    let deployments = objects / 3;
    let write = |path: &str, count: usize, body: &str| {
        let text = format!("{{% for number in range({count}) %}}\n---\n{body}{{% endfor %}}\n");
        fs::write(folder.path().join("manifests").join(path), text).unwrap();
    };
    write("1-config/many.yaml", objects - deployments, CONFIG_MAP);
    write("4-deployments/many.yaml", deployments, DEPLOYMENT);
    folder
}

const CONFIG_MAP: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: many-{{ number }}
data:
  number: \"{{ number }}\"
";

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: many-{{ number }}
spec:
  replicas: 0
  selector:
    matchLabels: {app.kubernetes.io/name: many-{{ number }}}
  template:
    metadata:
      labels: {app.kubernetes.io/name: many-{{ number }}}
    spec:
      containers:
        - name: main
          image: {{ image(\"redis\") }}
";
