//! Programs that are run, and what the manifests render to.

use std::process::{Child, Command, Output, Stdio};

use serde::Deserialize;
use serde_json::Value;

/// A process that keeps a namespace alive, and ends when this test does: its input ends then.
pub fn hold(namespaces: &[&str]) -> Child {
    let mut command = Command::new("unshare");
    command.args(namespaces).arg("sh").args(["-c", "echo; exec cat"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("unshare is installed");
    let mut line = [0];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut line).expect("root may make namespaces");
    child
}

pub fn inside(holder: &Child, arguments: &[&str]) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--net", "--target", &holder.id().to_string()]).args(arguments);
    command
}

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(arguments[0]);
    command.args(&arguments[1..]);
    command
}

pub fn run_any(mut command: Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

pub fn run(command: Command) {
    let words = format!("{command:?}");
    let output = run_any(command);
    assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
}

pub fn render(settings: &[&str]) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyboss"));
    command.args(["render", "--local"]);
    for setting in settings {
        command.args(["--set", setting]);
    }
    let output = run_any(command);
    assert!(output.status.success(), "keyboss render: {}", String::from_utf8_lossy(&output.stderr));
    let documents = serde_yaml::Deserializer::from_slice(&output.stdout);
    documents.map(|document| Value::deserialize(document).expect("YAML")).collect()
}

pub fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
