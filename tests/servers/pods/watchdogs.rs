//! `keyboss watchdog` in pods of its own.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use super::World;
use super::commands::{command, run, run_any};
use crate::failover::api::enter;

/// How long `/metrics` may take.
const ANSWER: Duration = Duration::from_secs(5);

impl World {
    /// Runs `keyboss watchdog` in a pod of its own, with more arguments; [`World::log`] has what it prints.
    pub fn start_watchdog(&mut self, name: &str, arguments: &[&str]) {
        self.start_watchdog_in(name, arguments, &[]);
    }

    /// The same, in an environment that has these variables too.
    pub fn start_watchdog_in(&mut self, name: &str, arguments: &[&str], variables: &[(&str, &str)]) {
        assert!(!self.watchdogs.contains_key(name), "{name} runs already");
        let folder = self.dir.path().join(name);
        let log = fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "nsenter", "--net", "--target", &self.sandbox(name).to_string()])
            .args(["unshare", "--mount", "sh", "-c", "mount --bind \"$0\" /etc/hosts && exec \"$@\""])
            .arg(self.dir.path().join("hosts"))
            .args([env!("CARGO_BIN_EXE_keyboss"), "watchdog", "--namespace", "keyboss"])
            .args(["--identity", name, "--kubeconfig"])
            .arg(self.api().kubeconfig())
            .args(arguments)
            .env("WATCHDOG_PASSWORD", &self.config["WATCHDOG_PASSWORD"])
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stderr(log.try_clone().unwrap())
            .stdout(log);
        self.watchdogs.insert(name.to_owned(), command.spawn().expect("setpriv, nsenter and unshare are installed"));
    }

    /// Runs `keyboss` as a person at a computer of the network does.
    pub fn keyboss(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("nsenter");
        command
            .args(["--net", "--target", &self.sandbox("client").to_string(), env!("CARGO_BIN_EXE_keyboss")])
            .args(arguments)
            .arg("--kubeconfig")
            .arg(self.api().kubeconfig());
        run_any(command)
    }

    /// Sends a signal to a watchdog; one that ends by it is waited for, and can be started again.
    pub fn signal_watchdog(&mut self, name: &str, signal: &str) {
        run(command(&["kill", "-s", signal, &self.watchdogs[name].id().to_string()]));
        if ["KILL", "TERM"].contains(&signal) {
            self.watchdogs.remove(name).unwrap().wait().unwrap();
        }
    }

    /// What a watchdog's `/metrics` says of itself; empty while it does not answer.
    pub fn metrics(&self, name: &str) -> String {
        let sandbox = self.sandbox(name);
        let ask = move || {
            enter(sandbox);
            let mut stream = TcpStream::connect("127.0.0.1:8080")?;
            stream.set_read_timeout(Some(ANSWER))?;
            stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).map(|_| answer)
        };
        thread::spawn(ask).join().unwrap().unwrap_or_default()
    }
}
