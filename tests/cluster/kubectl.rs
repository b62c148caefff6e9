//! What the cluster says, by kubectl.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

/// The kubeconfig of the test cluster.
pub fn kubeconfig() -> PathBuf {
    env::var_os("KUBECONFIG_TEST").map_or_else(|| "/tmp/keyboss-cluster/kubeconfig".into(), PathBuf::from)
}

/// One namespace.
#[derive(Clone)]
pub struct Namespace(pub String);

impl Namespace {
    pub fn run(&self, arguments: &[&str]) -> Output {
        Command::new("kubectl")
            .arg("--kubeconfig")
            .arg(kubeconfig())
            .args(["--namespace", &self.0])
            .args(arguments)
            .output()
            .expect("kubectl")
    }

    /// What a command that succeeds prints.
    pub fn say(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// One object, or a list.
    pub fn get(&self, what: &[&str]) -> Value {
        let text = self.say(&[&["get", "-o", "json"], what].concat());
        serde_json::from_str(&text).unwrap()
    }

    /// The items of a list.
    pub fn items(&self, what: &[&str]) -> Vec<Value> {
        self.get(what)["items"].as_array().unwrap().clone()
    }

    /// The one row and column that a query gives in a pod's database, or nothing where it cannot be asked.
    pub fn query(&self, pod: &str, sql: &str) -> Option<String> {
        let psql = ["exec", pod, "-c", "postgres", "--", "psql", "-U", "postgres", "-d", "saleor", "-Atqc", sql];
        let output = self.run(&psql);
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// What `redis-cli` says in a pod, or nothing where it cannot be asked.
    pub fn redis(&self, pod: &str, command: &str) -> Option<String> {
        let mut arguments = vec!["exec", pod, "-c", "redis", "--", "redis-cli"];
        arguments.extend(command.split(' '));
        let output = self.run(&arguments);
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Creates an object.
    pub fn create(&self, object: &Value) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("object.json");
        std::fs::write(&file, object.to_string()).unwrap();
        self.say(&["create", "-f", file.to_str().unwrap()]);
    }

    pub fn forget(&self) {
        let deleted = self.delete();
        assert!(deleted.status.success(), "{}", String::from_utf8_lossy(&deleted.stderr));
    }

    /// Makes room for a shop in this namespace: two do not fit the machine of a test. It is forgotten when that test
    /// ends, however it does.
    pub fn alone(&self) -> Alone {
        Self("keyboss".to_owned()).forget();
        self.forget();
        Alone(self.clone())
    }

    fn delete(&self) -> Output {
        self.run(&["delete", "namespace", &self.0, "--ignore-not-found", "--wait", "--timeout=300s"])
    }
}

/// A namespace as long as one test runs.
pub struct Alone(Namespace);

impl Drop for Alone {
    fn drop(&mut self) {
        self.0.delete();
    }
}

/// Asks until there is an answer.
pub fn eventually<T>(seconds: u64, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {seconds} s: {what}");
        sleep(Duration::from_millis(500));
    }
}
